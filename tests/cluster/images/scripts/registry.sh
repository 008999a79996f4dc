#!/bin/sh
# The registry reads its configuration and keeps everything else in its volume.
set -eu
if [ ! -r "$1" ]; then
  echo "configuration error: open $1: no such file or directory" >&2
  exit 1
fi
port=$(sed -n 's/^ *addr: *[^:]*:\([0-9]*\).*/\1/p' "$1")
password_file=$(sed -n 's/^ *path: *//p' "$1")
if [ -n "$password_file" ] && [ ! -r "$password_file" ]; then
  echo "panic: unable to configure authorization (htpasswd): open $password_file" >&2
  exit 1
fi
exec serve "${port:-5000}" /var/lib/registry
