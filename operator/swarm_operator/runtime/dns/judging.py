"""What a zone's keeper may do with the records of a name, and what it remembers of those that stand."""

from collections.abc import Callable, Iterable

from desired_state.dns_forms import RecordType
from desired_state.dns_records import RrsetStatus
from swarm_operator.observed.dns import ANY
from swarm_operator.plan.dns.rrset import Policy, Rights, RrsetPlan, Wanted
from swarm_operator.runtime.dns.names import Name


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
    """Nothing had to be changed: what is there is what was wished, and ours from now on."""
    written = tuple(value for value in wanted.values if value not in plan.lacking)
    update = {
        "wanted": wanted.values,
        "written": written,
        "foreign": plan.foreign,
        "ttl": wanted.ttl,
    }
    return (before or RrsetStatus()).model_copy(update=update)
