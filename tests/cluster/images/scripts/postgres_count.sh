#!/bin/sh
printf 'Content-Type: text/plain\n\n'
sort "${PGDATA:-/var/lib/postgresql/data}/votes" 2>/dev/null | busybox uniq -c | sed 's/^ *//'
