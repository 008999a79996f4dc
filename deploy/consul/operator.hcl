# The daemon. It reads what people wish, and writes there only what is its own: the sentinel of a
# new installation, and taking away what it has acted on.
key_prefix "swarm-operator/desired/" {
  policy = "list"
}
key "swarm-operator/desired/.installation" {
  policy = "write"
}
key_prefix "swarm-operator/desired/removed/" {
  policy = "write"
}
key_prefix "swarm-operator/desired/requests/" {
  policy = "write"
}

key_prefix "swarm-operator/status/" {
  policy = "write"
}
key_prefix "swarm-operator/history/" {
  policy = "write"
}

# Routes, for Traefik to read; keys of other hands among them are left alone.
key_prefix "traefik/" {
  policy = "write"
}

# The lease: a lock that belongs to a session on Consul's own node.
key_prefix "swarm-operator/lock/" {
  policy = "write"
}
session_prefix "" {
  policy = "write"
}
