"""The laboratory: real mail programs on loopback, each in a temporary folder, started and ended by process id."""
