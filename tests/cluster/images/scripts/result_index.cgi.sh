#!/bin/sh
if votes=$(fetch db 5432 /cgi-bin/count); then
  printf 'Content-Type: text/plain\n\n%s\n' "$votes"
else
  printf 'Status: 500 Internal Server Error\nContent-Type: text/plain\n\nWaiting for db\n'
fi
