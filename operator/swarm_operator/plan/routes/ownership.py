"""Which keys below Traefik's root are ours: the mark in a key's Flags.

Consul keeps 64 bits beside every value, which Traefik never reads. Whoever writes a key by hand
(`consul kv put`, the UI) sets them to 0, and by that makes the key theirs.
"""

import hashlib
from functools import lru_cache
from typing import Final

from swarm_operator.observed.kv import KvEntry

_MAGIC: Final = 0x53574F50 << 32
""" "SWOP" in the upper half: written by a swarm-operator."""
_UPPER: Final = 0xFFFFFFFF << 32


def installation_id(swarm: str, root: str) -> str:
    """Who writes: the operator of a swarm, by its id, with its own root in the KV. Several on one swarm
    may share Traefik's root, and must not take each other's keys for their own."""
    return f"{swarm} {root.strip('/')}"


@lru_cache(maxsize=64)
def flags_of(installation: str) -> int:
    """The mark of an installation, by its id: the upper half says what wrote, the lower half who."""
    digest = hashlib.sha256(b"swarm-operator routes " + installation.encode()).digest()
    return _MAGIC | int.from_bytes(digest[:4], "big")


def owns(entry: KvEntry, installation: str) -> bool:
    """Whether this installation wrote the key last."""
    return entry.flags == flags_of(installation)


def is_of_an_operator(entry: KvEntry) -> bool:
    """Whether some installation wrote the key last, perhaps another one."""
    return entry.flags & _UPPER == _MAGIC
