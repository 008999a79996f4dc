"""The answers that reads and writes have in common."""

from collections.abc import Callable
from typing import Final

from swarm_operator.simulation.kv.http import JSON_HEADERS, Later, Outcome, Response
from swarm_operator.simulation.kv.model import Kv
from swarm_operator.simulation.kv.options import JITTER_FRACTION, Options

Unsubscribe = Callable[[], None]


def read_headers(index: int, *, has_leader: bool = True) -> dict[str, str]:
    """What an answer says about itself. Consul never shows index 0."""
    return {
        "X-Consul-Index": str(max(index, 1)),
        "X-Consul-KnownLeader": "true" if has_leader else "false",
        "X-Consul-LastContact": "0",
    }


def read_answer(
    kv: Kv,
    options: Options,
    index: Callable[[], int],
    subscribe: Callable[[Callable[[], None]], Unsubscribe],
    read: Callable[[], Response],
) -> Outcome:
    """At once, or, for a blocking read whose index has not moved, later."""
    if not options.index or index() > options.index:
        return read()
    longer = kv.rng.random() * options.wait_s / JITTER_FRACTION
    return Later(kv.timeline.now + options.wait_s + longer, subscribe, read)


_TRUE: Final = Response(200, JSON_HEADERS, True)
_FALSE: Final = Response(200, JSON_HEADERS, False)


def true_or_false(value: bool) -> Response:
    return _TRUE if value else _FALSE
