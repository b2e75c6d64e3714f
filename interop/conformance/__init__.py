"""Real programs judged by milter-check: what each is told, what is known of it, and CONFORMANCE.md."""
