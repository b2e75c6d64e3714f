"""Peers that do what no peer should: they leave, stall, flood, talk nonsense, or come in numbers."""
