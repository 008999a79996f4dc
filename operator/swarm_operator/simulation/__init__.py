"""A swarm and a Consul KV in memory: SwarmKit's and Consul's rules in virtual time, and their faces."""
