#!/bin/sh
# Prints Consul's address as its own host sees it, for an SSH tunnel. Run it on the manager that
# has the label swarm-operator.consul:  sh address.sh  ->  172.18.0.4:8500
set -eu
container=$(docker ps --quiet --filter label=com.docker.swarm.service.name=swarm-operator_consul)
[ -n "$container" ] || { echo "address: Consul does not run on this node" >&2; exit 1; }
sandbox=$(docker inspect --format '{{.NetworkSettings.SandboxID}}' "$container" | cut -c 1-12)
# Every container on an overlay network also has an address on its host's own bridge.
docker network inspect docker_gwbridge --format \
  "{{range .Containers}}{{if eq .Name \"gateway_$sandbox\"}}{{.IPv4Address}}{{end}}{{end}}" |
  sed 's|/.*|:8500|'
