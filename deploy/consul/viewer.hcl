# Who looks, in Consul's UI or by `consul kv get`: states and reasons, none of the documents or
# secrets. (`swarm-operator status` compares with the documents, and wants the rights of people.hcl.)
key_prefix "swarm-operator/status/" {
  policy = "list"
}
key "swarm-operator/lock/leader" {
  policy = "read"
}
