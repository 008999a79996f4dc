#!/bin/sh
# The worker's user and password are compiled into its real image: postgres and postgres.
data=${PGDATA:-/var/lib/postgresql/data}
if [ "$(cat "$data/access")" != "postgres:postgres" ]; then
  printf 'Status: 403 Forbidden\nContent-Type: text/plain\n\n'
  echo 'password authentication failed for user "postgres"'
  exit 0
fi
echo "$QUERY_STRING" >>"$data/votes"
printf 'Content-Type: text/plain\n\nOK\n'
