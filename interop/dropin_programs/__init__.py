"""Programs of Debian on libmilter, unmodified, each run twice: with Sendmail's library and with the drop-in."""
