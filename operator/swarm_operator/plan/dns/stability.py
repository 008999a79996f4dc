"""Which of the nodes that run a service its name is to point at, and from when on.

A name follows at once, unless it has followed too often: after three changes within ten minutes a
task must have run for half a minute. It never leaves a node that still runs a task for another that
does so too, and while nothing runs it stays where it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from desired_state.dns_forms import DnsBinding
from desired_state.go_values import NANO
from swarm_operator.observed.swarm import Node
from swarm_operator.plan.dns.endpoints import Endpoint

FLAPPING_CHANGES: Final = 3
FLAPPING_WITHIN_S: Final = 600.0
DAMPED_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Followed:
    """What is remembered of one binding. Moments are of one monotonic clock, in seconds."""

    nodes: tuple[Node, ...] = ()
    """Where the name points, as far as that was ours to choose."""
    seen: Mapping[str, float] = field(default_factory=dict)
    """By an endpoint's source: since when it is seen."""
    gone: Mapping[str, float] = field(default_factory=dict)
    """By the id of a node in `nodes`: since when it runs no task any more."""
    empty_since: float | None = None
    changes: tuple[float, ...] = ()
    """When records were changed, the last ones."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Where the name is to point now."""

    nodes: tuple[Node, ...]
    state: Literal["Following", "Damped", "NoEndpoint"]
    due: float | None = None
    """When time alone may change the answer."""
    is_empty: bool = False
    """Nothing has run for so long that `on_empty` is to act."""


def choose(
    binding: DnsBinding, found: Sequence[Endpoint], before: Followed, now: float
) -> tuple[Choice, Followed]:
    """The nodes to point at, and what to remember. `found`: endpoints of a trusted view."""
    seen = {one.source: before.seen.get(one.source, now) for one in found}
    if not found:
        return _nothing_runs(binding, before, now)
    here = {one.node.id: one.node for one in found}
    needed_s = _needed_s(binding, before.changes, now)
    settled = [one for one in found if now - seen[one.source] >= needed_s]
    chosen = {node.id: here.get(node.id, node) for node in before.nodes}
    gone = {id_: before.gone.get(id_, now) for id_ in chosen if id_ not in here}
    if binding.cardinality == "one":
        nodes = _one(chosen, here, settled)
    else:
        nodes = _many(binding, chosen, gone, settled, now)
    memory = Followed(
        nodes=nodes,
        seen=seen,
        gone={node.id: gone[node.id] for node in nodes if node.id in gone},
        changes=before.changes,
    )
    waiting = [seen[one.source] + needed_s for one in found if one not in settled]
    ends = [since + binding.remove_after / NANO for since in memory.gone.values()]
    due = min((moment for moment in (*waiting, *ends) if moment > now), default=None)
    damped = any(node.id in gone for node in nodes) and bool(waiting)
    return Choice(nodes, "Damped" if damped or not nodes else "Following", due), memory


def _nothing_runs(binding: DnsBinding, before: Followed, now: float) -> tuple[Choice, Followed]:
    """An answer without an endpoint keeps the last record, at least for a while."""
    since = now if before.empty_since is None else before.empty_since
    ends = since + binding.remove_after / NANO
    acts = binding.on_empty != "keep"
    choice = Choice(
        nodes=before.nodes,
        state="NoEndpoint",
        due=ends if acts and now < ends else None,
        is_empty=acts and now >= ends,
    )
    return choice, replace(before, seen={}, empty_since=since)


def _needed_s(binding: DnsBinding, changes: Iterable[float], now: float) -> float:
    if binding.stable_for is not None:
        return binding.stable_for / NANO
    recent = sum(now - moment < FLAPPING_WITHIN_S for moment in changes)
    return DAMPED_S if recent >= FLAPPING_CHANGES else 0.0


def _one(
    chosen: Mapping[str, Node], here: Mapping[str, Node], settled: Sequence[Endpoint]
) -> tuple[Node, ...]:
    stay = [node for id_, node in chosen.items() if id_ in here]
    if stay:
        return (stay[0],)
    if settled:
        return (settled[0].node,)
    return tuple(chosen.values())[:1]


def _many(
    binding: DnsBinding,
    chosen: Mapping[str, Node],
    gone: Mapping[str, float],
    settled: Sequence[Endpoint],
    now: float,
) -> tuple[Node, ...]:
    """Added at once, taken away late: a rolling update changes little. Those that run go first."""
    grace_s = binding.remove_after / NANO
    serving = [node for id_, node in chosen.items() if id_ not in gone]
    added = [one.node for one in settled if one.node.id not in chosen]
    leaving = [chosen[id_] for id_, since in gone.items() if now - since < grace_s]
    fresh = list({node.id: node for node in (*serving, *added)}.values())
    nodes = [*fresh, *leaving] if fresh else list(chosen.values())
    return tuple(nodes[: binding.max_values])
