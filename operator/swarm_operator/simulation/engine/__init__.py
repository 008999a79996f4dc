"""The engine model: what SwarmKit's managers and agents do, after SwarmKit's own division of work."""
