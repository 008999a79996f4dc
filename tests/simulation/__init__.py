"""The simulation held against SwarmKit's rules."""
