"""What is: immutable snapshots of the swarm and of the KV, as they were read."""
