#!/bin/sh
# Serve /www over HTTP on a port, as process 1 that ends at once on SIGTERM.
#   serve PORT [DATA]   DATA: the folder of the image's volume, in which the starts are counted
port=$1
if [ -n "${2:-}" ]; then
  echo "$(date -Iseconds) $(hostname)" >>"$2/starts" || exit 1
fi
httpd -f -p "$port" -h "${WWW:-/www}" &
trap 'kill $!; exit 0' TERM INT
echo "stand-in: listening on port $port"
wait $!
