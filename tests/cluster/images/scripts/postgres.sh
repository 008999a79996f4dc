#!/bin/sh
# PostgreSQL wants to know the superuser's password before it makes its first files.
set -eu
data=${PGDATA:-/var/lib/postgresql/data}
[ -z "${POSTGRES_PASSWORD_FILE:-}" ] || POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
if [ ! -e "$data/PG_VERSION" ]; then
  if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
    cat >&2 <<'END'
Error: Database is uninitialized and superuser password is not specified.
       You must specify POSTGRES_PASSWORD to a non-empty value for the
       superuser. For example, "-e POSTGRES_PASSWORD=password" on "docker run".
END
    exit 1
  fi
  mkdir -p "$data"
  echo 16 >"$data/PG_VERSION"
  echo "${POSTGRES_USER:-postgres}:${POSTGRES_PASSWORD:-}" >"$data/access"
fi
export PGDATA="$data"
exec serve 5432 "$data"
