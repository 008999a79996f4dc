#!/bin/sh
# The real image's rules: an argument that is no program is a verb of Consul; an agent gets the
# image's folders and the environment's configuration.
set -eu
[ "$1" != consul ] || shift
if [ "$1" = agent ]; then
  shift
  if [ -n "${CONSUL_LOCAL_CONFIG:-}" ]; then
    echo "$CONSUL_LOCAL_CONFIG" >/consul/config/local.json
  fi
  set -- agent -data-dir=/consul/data -config-dir=/consul/config "$@"
elif ! consul "$1" --help 2>&1 | grep -q "consul $1"; then
  exec "$@"
fi
exec consul "$@"
