"""What a key below Traefik's root belongs to."""

from functools import lru_cache
from typing import Final

from swarm_operator.plan.routes.folding import folded
from swarm_operator.plan.routes.tree import KINDS, PROTOCOLS, ObjectId

_SERVERS: Final = ["loadbalancer", "servers"]


@lru_cache(maxsize=1 << 16)
def object_of(key: str) -> ObjectId | None:
    """The object that a key is part of, its name as the key spells it; None where it is of none."""
    parts = [part for part in key.split("/") if part][:3]
    if len(parts) < 3:
        return None
    protocol = next((each for each in PROTOCOLS if each == parts[0].lower()), None)
    kind = parts[1].lower()
    if protocol is None or kind not in KINDS[protocol]:
        return None
    return ObjectId(protocol, kind, parts[2])


@lru_cache(maxsize=1 << 16)
def merged(named: ObjectId) -> ObjectId:
    """Equal for the ids that Traefik's KV provider takes for one: names that differ in case only."""
    return ObjectId(named.protocol, named.kind, folded(named.name))


def server_of(key: str) -> str | None:
    """The name of the server that a key belongs to: those of a service come and go one by one."""
    parts = key.split("/")
    if len(parts) < 7 or parts[1] != "services" or parts[3:5] != _SERVERS:
        return None
    return parts[5]
