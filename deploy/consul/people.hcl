# Who deploys: writes the wishes, reads what became of them. Whoever holds such a token is root on
# every node of the swarm, by way of a bind mount.
key_prefix "swarm-operator/desired/" {
  policy = "write"
}
key_prefix "swarm-operator/status/" {
  policy = "list"
}
key_prefix "swarm-operator/history/" {
  policy = "list"
}

# `swarm-operator status` says who holds the lease.
key "swarm-operator/lock/leader" {
  policy = "read"
}

# Traefik's keys that people write by hand.
key_prefix "traefik/" {
  policy = "write"
}
