#!/bin/sh
# Port and folder are those of the first server in conf.d.
set -eu
conf=$(cat /etc/nginx/conf.d/*.conf)
port=$(echo "$conf" | sed -n 's/^ *listen *\([0-9]*\).*/\1/p' | head -n 1)
root=$(echo "$conf" | sed -n 's/^ *root *\([^;]*\);.*/\1/p' | head -n 1)
WWW=${root:-/usr/share/nginx/html} exec serve "${port:-80}"
