#!/bin/sh
# MySQL wants to know a root password before it makes its first files.
set -eu
data=/var/lib/mysql
value_of() { # NAME: of $NAME, or of the file that $NAME_FILE names
  eval "value=\${$1:-} file=\${$1_FILE:-}"
  if [ -n "$value" ] && [ -n "$file" ]; then
    say ERROR "Both $1 and $1_FILE are set (but are exclusive)"
    exit 1
  fi
  if [ -n "$file" ]; then cat "$file"; else echo "$value"; fi
}
say() { echo "$(date -Iseconds) [$1] [Entrypoint]: $2" >&2; }

root=$(value_of MYSQL_ROOT_PASSWORD)
password=$(value_of MYSQL_PASSWORD)
if [ ! -d $data/mysql ]; then
  if [ -z "$root${MYSQL_ALLOW_EMPTY_PASSWORD:-}${MYSQL_RANDOM_ROOT_PASSWORD:-}" ]; then
    say ERROR "Database is uninitialized and password option is not specified
    You need to specify one of the following as an environment variable:
    - MYSQL_ROOT_PASSWORD
    - MYSQL_ALLOW_EMPTY_PASSWORD
    - MYSQL_RANDOM_ROOT_PASSWORD"
    exit 1
  fi
  say Note "Initializing database files"
  mkdir $data/mysql
  # As the real one: these variables count for a new database only.
  echo "user=${MYSQL_USER:-root}&password=${password:-$root}&database=${MYSQL_DATABASE:-}" \
    >$data/mysql/access
fi
exec serve 3306 $data
