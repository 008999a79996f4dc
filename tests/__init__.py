"""Tests of swarm-operator."""
