"""SMTP clients that cause unusual sequences of commands, and whether mail passes a filter that refuses all of it."""
