"""Images for the swarm of the tests: stand-ins of the real ones that the examples name, and the
operator's own, built as it is for production."""
