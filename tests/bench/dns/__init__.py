"""How soon a name follows its service on a real swarm, a real name server and a double of OVH's API."""
