"""Three filters of different makers in a row, under Postfix and under our MTAs."""
