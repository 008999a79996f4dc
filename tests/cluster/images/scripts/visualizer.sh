#!/bin/sh
# The visualizer asks the engine of a manager, through its socket.
if [ ! -S /var/run/docker.sock ]; then
  echo "Error: connect ENOENT /var/run/docker.sock" >&2
  exit 1
fi
exec serve 8080
