"""The real filters: how each is installed, started and ended, and what it is known not to manage."""
