#!/bin/sh
# The front page: asks the database for the schema that the variables name.
value_of() { # NAME: of $NAME, or of the file that $NAME_FILE names
  eval "file=\${$1_FILE:-}"
  if [ -n "$file" ]; then cat "$file"; else eval "echo \"\${$1:-}\""; fi
}
host=${WORDPRESS_DB_HOST:-mysql}
query="user=$(value_of WORDPRESS_DB_USER)&password=$(value_of WORDPRESS_DB_PASSWORD)"
query="$query&database=${WORDPRESS_DB_NAME:-wordpress}"
case $host in *:*) ;; *) host=$host:3306 ;; esac
if answer=$(fetch "${host%:*}" "${host#*:}" "/cgi-bin/index.cgi?$query"); then
  printf 'Content-Type: text/plain\n\nWordPress %s: %s\n' "$WORDPRESS_VERSION" "$answer"
else
  printf 'Status: 500 Internal Server Error\nContent-Type: text/plain\n\n'
  echo "Error establishing a database connection"
fi
