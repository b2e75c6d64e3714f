"""Random SMTP sessions against real MTAs, with filters that answer at random or refuse everything."""
