"""What people wrote for routes below `desired/`: the sentinel, route documents, wishes to adopt."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from desired_state import keys
from desired_state.records import Installation
from swarm_operator.observed import errors
from swarm_operator.observed.kv import Delete, Fence, KvTree
from swarm_operator.plan.routes.tree import PROTOCOLS, ObjectId
from swarm_operator.runtime.ports import KvPort

ADOPT: Final = "adopt"
"""The verb of requests to take an object's keys over from another hand."""


@dataclass(frozen=True, slots=True)
class Desired:
    """One answer of `desired/`, as far as it is about routes."""

    is_whole: bool = False
    """The sentinel was in the same answer: what is not there does not exist."""
    swarm: str = ""
    """Id of the swarm that the sentinel names."""
    documents: Mapping[str, bytes] = field(default_factory=dict)
    """By name."""
    adopted: Mapping[ObjectId, tuple[str, int]] = field(default_factory=dict)
    """Objects that are to be taken over: the request's key relative to `desired/`, and its index."""


def read_desired(tree: KvTree) -> Desired:
    """What an answer says about routes."""
    sentinel = tree.entries.get(keys.INSTALLATION)
    installation = Installation.parse(sentinel.value) if sentinel is not None else None
    documents = {
        key.removeprefix(keys.ROUTES): entry.value
        for key, entry in tree.entries.items()
        if key.startswith(keys.ROUTES) and not key.endswith("/")
    }
    adopted: dict[ObjectId, tuple[str, int]] = {}
    for key, entry in tree.entries.items():
        request = keys.parse_request_key(key)
        if request is not None and request.verb == ADOPT:
            wanted = parse_object(request.target)
            if wanted is not None:
                adopted[wanted] = (key, entry.modify_index)
    if installation is None:
        return Desired(documents=documents, adopted=adopted)
    return Desired(True, installation.swarm, documents, adopted)


def parse_object(text: str) -> ObjectId | None:
    """http/routers/web; None where it names no object."""
    protocol, _, rest = text.partition("/")
    kind, _, name = rest.partition("/")
    for known in PROTOCOLS:
        if protocol == known and kind and name:
            return ObjectId(known, kind, name)
    return None


def finish_adoptions(
    kv: KvPort, desired: Desired, held: Collection[ObjectId], fence: Fence
) -> Desired:
    """Take away the wishes for objects that nothing holds any more; what is left. Raises what the KV
    raises, but for a wish that is gone already, or was written anew."""
    waiting = dict(desired.adopted)
    for wanted, (key, index) in desired.adopted.items():
        if wanted in held:
            continue
        del waiting[wanted]
        try:
            kv.commit([Delete(keys.DESIRED + key, index=index)], fence=fence)
        except errors.LeaseLost:
            raise
        except errors.Conflict:
            continue
    return replace(desired, adopted=waiting)
