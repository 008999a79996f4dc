"""The fields of Traefik's dynamic configuration, by protocol: data. `plan.routes.fields` asks it."""
