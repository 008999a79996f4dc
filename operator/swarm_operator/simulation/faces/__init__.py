"""The simulation as servers: what the docker and consul commands, and any other client, talk to."""
