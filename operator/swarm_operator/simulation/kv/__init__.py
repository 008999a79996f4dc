"""Consul's KV, sessions, locks and transactions in virtual time, and the HTTP API that shows them."""
