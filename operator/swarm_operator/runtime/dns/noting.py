"""What is noted of a name's record sets: before they are changed, once they were, once published."""

from collections.abc import Iterable

from desired_state.dns_forms import RecordType
from desired_state.dns_records import RrsetStatus
from swarm_operator.observed.dns import RrsetChange
from swarm_operator.runtime.dns.names import Judged, Name
from swarm_operator.runtime.dns.orders import Written
from swarm_operator.runtime.dns.surroundings import DnsSurroundings


def note_ahead(name: Name, changes: Iterable[RrsetChange]) -> None:
    """Before the first request: until its answer is known both values are ours, and a publication is
    owed."""
    name.owed = True
    for change in changes:
        before = name.records.get(change.key.type) or RrsetStatus()
        ours = name.wanted[change.key.type].values
        update = {"wanted": ours, "written": tuple(dict.fromkeys((*before.written, *ours)))}
        name.records[change.key.type] = before.model_copy(update=update)


def note_changed(name: Name, change: RrsetChange, now: float, around: DnsSurroundings) -> None:
    """A record set was changed; nobody is served it yet."""
    type_ = change.key.type
    name.trouble, name.attempts = None, 0
    is_other = {record.value for record in change.before} != set(change.after)
    if change.before and is_other:
        name.changed(now)
    if not change.after:
        name.made_room()
    wanted = name.wanted.get(type_)
    before = name.records.get(type_) or RrsetStatus()
    after = before.wanted
    name.records[type_] = before.model_copy(
        update={
            "written": tuple(value for value in change.after if value in after),
            "foreign": tuple(value for value in change.after if value not in after),
            "ttl": change.ttl,
            "written_at": around.clock.utc(),
            "published_at": None,
            "verified_at": None,
        }
    )
    if wanted is not None and wanted.values == after and wanted.ttl == change.ttl:
        name.judged[type_] = Judged(wanted, change.after)
    _measure("write", name, now, around)


def note_published(
    name: Name, result: Written, now: float, around: DnsSurroundings
) -> tuple[RecordType, ...]:
    """Nothing is owed any more. Returns the types that name servers are to serve from now on."""
    name.owed = False
    if not name.changing():  # else what was refused is still to be told
        name.trouble, name.attempts = None, 0
    is_only_publication = not result.order.changes
    types = tuple(
        type_
        for type_, rrset in name.records.items()
        if rrset.published_at is None or is_only_publication
    )
    utc = around.clock.utc()
    for type_ in types:
        name.records[type_] = name.records[type_].model_copy(update={"published_at": utc})
    if not is_only_publication:
        _measure("publish", name, now, around)
    return types


def _measure(phase: str, name: Name, now: float, around: DnsSurroundings) -> None:
    took_s = max(0.0, now - name.wanted_since)
    around.metrics.observe("dns_switch_seconds", {"phase": phase}, took_s)
