"""Traefik's KV provider and its API, as far as an operator can see them; no request is ever routed."""
