# Traefik reads its routes, and nothing else. Without a slash at the end, since it lists the prefix so;
# `list`, since it reads the whole folder at once (see enable_key_list_policy in server.json).
key_prefix "traefik" {
  policy = "list"
}
