"""Why a name's records are to change, how soon that was seen, and what is said once they did."""

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, TypeAlias

from swarm_operator.observed.dns import RrsetChange, RrsetKey
from swarm_operator.observed.engine_time import parse_time
from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.plan.dns.rrset import Wanted
from swarm_operator.plan.dns.stability import Choice
from swarm_operator.runtime.dns.names import Name
from swarm_operator.runtime.dns.surroundings import DnsSurroundings
from swarm_operator.runtime.toolbox import NameNews

Why: TypeAlias = Literal["first", "moved", "address", "binding", "empty"]

_TEXTS: Final = {
    "first": "nothing was written for it before",
    "moved": "the service runs elsewhere",
    "address": "a node has another address",
    "binding": "the binding says so",
    "empty": "the service runs nowhere",
    "gone": "no document names it any more",
    "drift": "the records were not as they had been written",
}


class Seen(NamedTuple):
    """What a name was decided on."""

    service: Service | None
    swarm: Swarm
    choice: Choice

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names of the nodes that were chosen."""
        return tuple(sorted(node.hostname for node in self.choice.nodes))


def note_wanted(name: Name, wanted: Wanted, seen: Seen, around: DnsSurroundings) -> None:
    """A record set is to be something else; to be called before `name.wanted` says so."""
    why = _why(name, wanted, seen)
    if why is None:
        return
    name.whys[wanted.key.type] = why
    around.metrics.count("dns_desired_changes_total", {"reason": why})
    if why == "moved":
        _measure(name, seen, around)


def note_state(name: Name, choice: Choice, around: DnsSurroundings) -> None:
    """A name begins to be held back because it moved too often; to be called before `name.state` says
    so. Where the binding itself asks for patience, nothing is suppressed."""
    assert name.wish is not None
    is_new = choice.state == "Damped" and name.state != "Damped"
    if is_new and name.wish.binding.stable_for is None:
        around.metrics.count("dns_flap_suppressed_total", {})


def note_done(name: Name, change: RrsetChange, around: DnsSurroundings) -> None:
    """A record set was changed."""
    before = tuple(dict.fromkeys(record.value for record in change.before))
    _tell(name, change.key, before, change.after, around)


def note_found(name: Name, key: RrsetKey, values: Iterable[str], around: DnsSurroundings) -> None:
    """A record set is as it was to become: the answer to its change was lost."""
    if name.owed and key.type in name.whys:
        _tell(name, key, None, values, around)
    name.whys.pop(key.type, None)


def _why(name: Name, wanted: Wanted, seen: Seen) -> Why | None:
    """None where it was so already, as far as is known."""
    type_ = wanted.key.type
    judged = name.judged.get(type_)
    before = name.wanted.get(type_) or (judged.wanted if judged is not None else None)
    if before == wanted:
        return None
    written = name.records[type_].written if type_ in name.records else ()
    if before is None and not written:
        return "first"
    if seen.choice.is_empty:
        return "empty"
    if name.pointed_at != seen.hosts:
        return "moved"
    if before is None:
        return None if set(wanted.values) <= set(written) else "address"
    return "binding" if before.values == wanted.values else "address"


def _measure(name: Name, seen: Seen, around: DnsSurroundings) -> None:
    """From the newest task's running, by its node's clock, to its node's being chosen."""
    added = {node.id for node in seen.choice.nodes if node.hostname not in name.pointed_at}
    tasks = seen.swarm.tasks_by_service.get(seen.service.id, ()) if seen.service else ()
    runs = (task for task in tasks if task.node_id in added and task.state == "running")
    times = [moment for task in runs if (moment := parse_time(task.timestamp)) is not None]
    if times:
        took_s = max(0.0, (around.clock.utc() - max(times)).total_seconds())
        around.metrics.observe("dns_switch_seconds", {"phase": "detect"}, took_s)


def _tell(
    name: Name,
    key: RrsetKey,
    before: tuple[str, ...] | None,
    after: Iterable[str],
    around: DnsSurroundings,
) -> None:
    why = "gone" if name.is_abandoned else name.whys.pop(key.type, "drift")
    nodes = tuple(sorted(node.hostname for node in name.followed.nodes))
    old = "?" if before is None else _listed(before)
    new = _listed(after)
    around.log.info(
        "a name was changed",
        zone=key.zone,
        name=key.name,
        type=key.type,
        before=old,
        after=new,
        nodes=_listed(nodes),
        why=_TEXTS[why],
    )
    where = f" ({', '.join(nodes)})" if nodes else ""
    message = f"{key.fqdn} {key.type}: {old} → {new}{where}"
    stack, service = _whose(name)
    around.tell(NameNews(stack, service, _TEXTS[why], message))


def _whose(name: Name) -> tuple[str, str]:
    if name.wish is not None:
        return name.wish.stack, name.wish.service
    return (name.noted.stack, name.noted.service) if name.noted is not None else ("", "")


def _listed(values: Iterable[str]) -> str:
    return ", ".join(values) or "-"
