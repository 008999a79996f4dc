"""What every request to Consul may ask for in its query: consistency, blocking, a datacenter.

After Consul's agent/http.go (parse) and agent/consul/rpc.go (blockingQuery).
"""

from dataclasses import dataclass
from typing import Final

from swarm_operator.simulation.kv import durations
from swarm_operator.simulation.kv.http import Rejected, Request

DEFAULT_WAIT_S: Final = 300.0
MAX_WAIT_S: Final = 600.0
JITTER_FRACTION: Final = 16
"""A blocking read may take 1/16 longer than asked for."""

UINT64: Final = 2**64


@dataclass(frozen=True, slots=True)
class Options:
    """`index` 0 does not wait."""

    index: int = 0
    wait_s: float = DEFAULT_WAIT_S


NO_OPTIONS: Final = Options()


def parse(request: Request, datacenter: str) -> Options:
    """Raises Rejected as Consul does."""
    query = request.query
    if not query:
        return NO_OPTIONS
    if "stale" in query and "consistent" in query:
        raise Rejected(400, "Cannot specify ?stale with ?consistent, conflicting semantics.")
    if "ns" in query and request.path != "/v1/txn":
        raise Rejected(
            400,
            'Bad request: Invalid query parameter: "ns" - Namespaces are a Consul Enterprise feature',
        )
    check_datacenter(request, datacenter)
    return _blocking(query.get("index", ""), query.get("wait", ""))


def check_datacenter(request: Request, datacenter: str) -> None:
    """Raises Rejected for any other than ours."""
    if request.query.get("dc", "") not in ("", datacenter):
        raise Rejected(500, "No path to datacenter")


def _blocking(index: str, wait: str) -> Options:
    wait_s = DEFAULT_WAIT_S
    if wait:
        try:
            wait_s = durations.parse(wait) / 1e9
        except ValueError:
            raise Rejected(400, "Invalid wait time") from None
    if index and (not index.isdecimal() or int(index) >= UINT64):
        raise Rejected(400, "Invalid index")
    if wait_s <= 0:
        wait_s = DEFAULT_WAIT_S
    return Options(int(index or 0), min(wait_s, MAX_WAIT_S))


def uint64(text: str) -> int:
    """Raises Rejected with the text of Go's strconv.ParseUint."""
    if not (text.isascii() and text.isdecimal()):
        raise Rejected(500, f'strconv.ParseUint: parsing "{text}": invalid syntax')
    if int(text) >= UINT64:
        raise Rejected(500, f'strconv.ParseUint: parsing "{text}": value out of range')
    return int(text)
