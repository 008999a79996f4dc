"""What is to be done with the records of a name that were found, and what is remembered of those that
stand."""

from collections.abc import Callable, Iterable

from desired_state.dns_forms import RecordType
from desired_state.dns_records import RrsetStatus
from swarm_operator.observed.dns import ANY, Record, RrsetChange
from swarm_operator.plan.dns.rrset import Policy, Refused, Rights, RrsetPlan, Wanted, plan_rrset
from swarm_operator.runtime.dns.changes import note_found
from swarm_operator.runtime.dns.names import Judged, Name
from swarm_operator.runtime.dns.surroundings import DnsSurroundings
from swarm_operator.runtime.ports import Metrics


def judge(
    name: Name,
    types: Iterable[str],
    records: tuple[Record, ...],
    of_nodes: Callable[[Name, RecordType], frozenset[str]],
    around: DnsSurroundings,
    *,
    may_write: bool,
) -> list[RrsetChange]:
    """What is to be changed; of record sets where nothing is, what was found is remembered."""
    changes = []
    for type_ in name.wanted:
        if type_ not in types:
            continue
        wanted = name.wanted[type_]
        plan = plan_rrset(wanted, records, rights_to(name, type_, of_nodes))
        if isinstance(plan, Refused):
            count_refused(name, type_, plan, around.metrics)
            name.judged[type_] = Judged(wanted, refused=plan)
            continue
        note_foreign(name, type_, plan, around.metrics)
        if plan.change.operations and not may_write:
            after = ", ".join(plan.change.after)
            would = f"{plan.change.key.fqdn} {type_} would {f'be {after}' if after else 'go'}"
            name.judged[type_] = Judged(wanted, would=would)
            continue
        if plan.change.operations:
            changes.append(plan.change)
            name.judged.pop(type_, None)
            continue
        note_found(name, wanted.key, plan.change.after, around)
        name.judged[type_] = Judged(wanted, plan.change.after, lacking=plan.lacking)
        name.records[type_] = as_found(name.records.get(type_), plan, wanted)
    return changes


def rights_to(
    name: Name, type_: RecordType, of_nodes: Callable[[Name, RecordType], frozenset[str]]
) -> Rights:
    """Of record sets that are not wished any more only what we wrote is ours."""
    if name.wish is None or type_ not in name.wish.binding.types:
        return Rights(policy_of(name), name.owned(type_))
    binding = name.wish.binding
    return Rights(binding.policy, name.owned(type_), of_nodes(name, type_), binding.adopt)


def beside(types: Iterable[str]) -> tuple[str, ...]:
    return (ANY,) if "CNAME" in types else ("CNAME",)


def policy_of(name: Name) -> Policy:
    if name.wish is not None:
        return name.wish.binding.policy
    return "sync" if name.is_abandoned else "update-only"


def as_found(before: RrsetStatus | None, plan: RrsetPlan, wanted: Wanted) -> RrsetStatus:
    """Nothing had to be changed: what is there is what was wished, and ours from now on. So is what
    stays only because the policy deletes nothing."""
    written = tuple(value for value in plan.change.after if value not in plan.foreign)
    update = {
        "wanted": wanted.values,
        "written": written,
        "foreign": plan.foreign,
        "ttl": wanted.ttl,
    }
    return (before or RrsetStatus()).model_copy(update=update)


def note_foreign(name: Name, type_: RecordType, plan: RrsetPlan, metrics: Metrics) -> None:
    """What another hand put beside ours, which stays: counted once."""
    before = name.records.get(type_) or RrsetStatus()
    if name.wanted[type_].values and set(plan.foreign) - set(before.foreign):
        metrics.count("dns_conflicts_total", {"kind": "foreign"})
    if plan.foreign != before.foreign:
        name.records[type_] = before.model_copy(update={"foreign": plan.foreign})


def count_refused(name: Name, type_: RecordType, refused: Refused, metrics: Metrics) -> None:
    """Once for each time that it begins; to be called before `name.judged` says so."""
    before = name.judged.get(type_)
    if before is None or before.refused is None:
        kind = "cname" if refused.reason == "CnameConflict" else "foreign"
        metrics.count("dns_conflicts_total", {"kind": kind})
