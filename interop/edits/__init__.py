"""Records what Postfix and Sendmail deliver after random and directed sequences of edits."""
