"""Moves of tasks, held against the simulated swarm."""
