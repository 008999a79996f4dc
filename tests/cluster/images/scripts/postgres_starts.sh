#!/bin/sh
# How often was this started on its volume?
printf 'Content-Type: text/plain\n\n'
wc -l <"${PGDATA:-/var/lib/postgresql/data}"/starts | tr -d ' '
