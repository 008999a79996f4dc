#!/bin/sh
# A page with two choices; `?vote=a` is a click on the first.
if [ -z "${QUERY_STRING:-}" ]; then
  case $STAND_IN_TAG in after) choices=".NET or Java" ;; *) choices="Cats or Dogs" ;; esac
  printf 'Content-Type: text/plain\n\n%s\nProcessed by container ID %s\n' "$choices" "$(hostname)"
elif fetch redis 6379 "/cgi-bin/push?$QUERY_STRING" >/dev/null; then
  printf 'Content-Type: text/plain\n\nOK\n'
else
  printf 'Status: 500 Internal Server Error\nContent-Type: text/plain\n\nno redis\n'
fi
