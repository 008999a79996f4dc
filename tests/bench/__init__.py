"""What the operator costs, beside `docker stack deploy`, on a real swarm."""
