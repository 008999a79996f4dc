"""Tests of the clients and watches that need no engine and no Consul."""
