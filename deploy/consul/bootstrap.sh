#!/bin/sh
# Makes the policies and tokens, inside the Consul container:
#
#   docker exec CONTAINER sh /consul/bootstrap.sh
#
# The first run prints the management token, once: keep it outside the swarm. Later runs (a policy
# changed, the secret was made anew) need it:
#
#   docker exec -e CONSUL_HTTP_TOKEN CONTAINER sh /consul/bootstrap.sh
set -eu
policies=/consul/policies
operator_token=/run/secrets/operator_token

fail() { echo "bootstrap: $*" >&2; exit 1; }
secret_id() { awk '/^SecretID/ { print $2 }'; }

policy() { # NAME FILE
  if consul acl policy read -name "$1" >/dev/null 2>&1; then
    consul acl policy update -name "$1" -rules "@$2" >/dev/null
  else
    consul acl policy create -name "$1" -rules "@$2" >/dev/null
  fi
}

uuid='^[0-9a-f]\{8\}-[0-9a-f]\{4\}-[0-9a-f]\{4\}-[0-9a-f]\{4\}-[0-9a-f]\{12\}$'
tr -d '\n' <"$operator_token" | grep -q "$uuid" ||
  fail "the secret swarm-operator_token must be a UUID in small letters (uuidgen makes one)"

first=0
if [ -z "${CONSUL_HTTP_TOKEN:-}" ]; then
  made=$(consul acl bootstrap 2>&1) ||
    fail "is it done already? Then give the management token: docker exec -e CONSUL_HTTP_TOKEN …
$made"
  CONSUL_HTTP_TOKEN=$(echo "$made" | secret_id)
  first=1
  echo "management token (keep it, it is shown once): $CONSUL_HTTP_TOKEN"
fi
export CONSUL_HTTP_TOKEN

for name in operator people viewer traefik; do
  policy "swarm-operator-$name" "$policies/$name.hcl"
done

wanted=$(tr -d '\n' <"$operator_token")
if ! CONSUL_HTTP_TOKEN=$wanted consul acl token read -self >/dev/null 2>&1; then
  consul acl token create -description "swarm-operator, the daemon" -secret "$wanted" \
    -policy-name swarm-operator-operator >/dev/null
fi

if [ "$first" = 1 ]; then
  # For Consul's own entries about itself.
  agent=$(consul acl token create -description "Consul's own agent" -node-identity "consul:dc1" |
    secret_id)
  consul acl set-agent-token agent "$agent" >/dev/null
  people=$(consul acl token create -description "people who deploy" \
    -policy-name swarm-operator-people | secret_id)
  echo "token for people who deploy: $people"
fi
echo "the operator's token is in place"
