"""The controller that keeps Traefik's part of the KV as the swarm's services wish it."""
