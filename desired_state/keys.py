"""The layout of the KV: the only place where its keys are spelled.

All keys are relative to the operator's root (by default `swarm-operator/`). Those of `desired/`
are relative to that prefix once more where a function says "relative key".
"""

from typing import Final, NamedTuple

DESIRED: Final = "desired/"
INSTALLATION: Final = ".installation"
STACKS: Final = "stacks/"
REMOVED: Final = "removed/"
REQUESTS: Final = "requests/"
NODES: Final = "nodes/"
ROUTES: Final = "routes/"
POLICY: Final = "policy"
PUSHED: Final = ".pushed"
PUSHING: Final = ".pushing"

STATUS: Final = "status/"
LOCK: Final = "lock/leader"


class StackKey(NamedTuple):
    """A file of a stack's folder."""

    stack: str
    path: str


class RequestKey(NamedTuple):
    """A person's wish for the lease holder."""

    verb: str
    target: str


def stack_key(stack: str, path: str) -> str:
    """Relative key of a file of a stack."""
    return f"{STACKS}{stack}/{path}"


def stack_folder(stack: str) -> str:
    """Relative prefix of a stack's folder, with its closing slash."""
    return f"{STACKS}{stack}/"


def parse_stack_key(key: str) -> StackKey | None:
    """The file that a relative key names; None for other keys and for the folders' own keys
    (Consul's UI makes empty ones that end in a slash)."""
    if not key.startswith(STACKS):
        return None
    stack, slash, path = key.removeprefix(STACKS).partition("/")
    if not stack or not slash or not path or path.endswith("/"):
        return None
    return StackKey(stack, path)


def removed_key(stack: str) -> str:
    """Relative key of a stack's tombstone."""
    return f"{REMOVED}{stack}"


def request_key(verb: str, target: str) -> str:
    """Relative key of a request."""
    return f"{REQUESTS}{verb}/{target}"


def parse_request_key(key: str) -> RequestKey | None:
    """The request that a relative key names."""
    if not key.startswith(REQUESTS):
        return None
    verb, slash, target = key.removeprefix(REQUESTS).partition("/")
    return RequestKey(verb, target) if verb and slash and target else None


def stack_status_key(stack: str) -> str:
    """Key of a stack's status, relative to the root."""
    return f"{STATUS}stacks/{stack}"


def spec_memory_key(stack: str) -> str:
    """Key of what is remembered about a stack's specs, relative to the root."""
    return f"{STATUS}specs/{stack}"


def event_key(slot: int) -> str:
    """Key of a place in the ring of events, relative to the root."""
    return f"{STATUS}events/{slot:03d}"


HISTORY: Final = "history/"


def history_index_key(stack: str) -> str:
    """Key of the list of a stack's kept revisions, relative to the root."""
    return f"{HISTORY}{stack}/index"


def history_chunk_key(stack: str, number: int, chunk: int) -> str:
    """Key of a part of a kept revision, relative to the root."""
    return f"{HISTORY}{stack}/{number:06d}/{chunk:03d}"


def history_revision_folder(stack: str, number: int) -> str:
    """Prefix of a kept revision, relative to the root, with its closing slash."""
    return f"{HISTORY}{stack}/{number:06d}/"


OPERATOR_STATUS: Final = f"{STATUS}operator"
REBALANCE_STATUS: Final = f"{STATUS}rebalance"
TRAEFIK_STATUS: Final = f"{STATUS}traefik"
ROUTES_STATUS: Final = f"{STATUS}{ROUTES}"
DNS_STATUS: Final = f"{STATUS}dns/"
NO_STACK: Final = ".other"
"""In the place of a stack: of what belongs to none. No stack has such a name."""


def routes_status_key(stack: str | None) -> str:
    """Key of what became of a stack's routes, relative to the root."""
    return f"{ROUTES_STATUS}{stack or NO_STACK}"


def dns_status_key(zone: str, name: str) -> str:
    """Key of what became of a name of a zone ("@": its own), relative to the root."""
    return f"{DNS_STATUS}{zone}/{name}"


REBALANCE: Final = "rebalance"
"""The verb of requests about moving tasks; their targets follow."""
NOW: Final = "now"
PAUSE: Final = "pause"
