"""What routes cost their users and the machine, beside Traefik's own Swarm provider, on a real swarm."""
