#!/bin/sh
# Carry votes from redis to the database.
trap 'exit 0' TERM INT
while :; do
  for vote in $(fetch redis 6379 /cgi-bin/pop); do
    until fetch db 5432 "/cgi-bin/insert?$vote" >/dev/null; do
      echo "Waiting for db"
      sleep 1 & wait $!
    done
    echo "Processing vote for '$vote'"
  done
  sleep 1 & wait $!
done
