"""Tests on a real Docker Swarm, and the harness that makes one on this machine."""
