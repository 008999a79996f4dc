#!/bin/sh
# GET a page of another service by its name: fetch NAME PORT PATH
# A static busybox looks names up by `nslookup` alone.
address=$(nslookup "$1" 2>/dev/null | sed -n '/^Name:/,$s/^Address.*: *\([0-9.]*\)$/\1/p' | head -n 1)
[ -n "$address" ] || exit 1
# Not wget -T: it crashes where names cannot be looked up.
exec busybox timeout 5 wget -q -O - "http://$address:$2$3"
