"""What Postfix and Sendmail do with two and three filters in a row: scripted filters, and what each of them sees."""
