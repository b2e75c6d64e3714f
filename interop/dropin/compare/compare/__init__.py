"""Plays the same scripts on two builds of libmilter and compares what they do."""
