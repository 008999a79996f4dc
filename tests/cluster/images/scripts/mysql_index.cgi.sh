#!/bin/sh
# "Log in": the query must be what the database was made with.
if [ "$QUERY_STRING" = "$(cat /var/lib/mysql/mysql/access)" ]; then
  printf 'Content-Type: text/plain\n\nconnected to %s\n' "$(hostname)"
else
  printf 'Status: 403 Forbidden\nContent-Type: text/plain\n\nAccess denied\n'
fi
