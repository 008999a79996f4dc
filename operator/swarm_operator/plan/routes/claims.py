"""Who may have a name or a rule that several want.

Services may share an object that they describe alike; then the load balancer has the servers of all
(`ResourceStrategyMerge` of Traefik's `pkg/provider/merge.go`). Where they describe it differently,
Traefik's own provider drops it for all of them; here the one that had it keeps it, else the oldest. So
with two routers of the same rule, entry point and priority, between which Traefik would choose by
chance.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from swarm_operator.plan.routes import predicates
from swarm_operator.plan.routes.keys import merged
from swarm_operator.plan.routes.published import Published
from swarm_operator.plan.routes.shared_objects import PARK, RETRY, TRANSPORT
from swarm_operator.plan.routes.tree import ObjectId, Refusal, RouteObject, names

_RESERVED: Final = {merged(each): each for each in (TRANSPORT, RETRY, PARK)}


@dataclass(frozen=True, slots=True)
class Lost:
    """An owner that cannot be published beside the others, and why."""

    owner: str
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class _Claim:
    owner: str
    rank: int
    item: RouteObject


Owners = Mapping[ObjectId, tuple[str, ...]]


def lost_claims(
    published: Sequence[Published], owners: Owners, foreign: Collection[ObjectId]
) -> Iterator[Lost]:
    """Those that want what another has. `published`: the oldest first."""
    yield from _names(published, owners, foreign)
    yield from _rules(published, owners)


def _names(
    published: Sequence[Published], owners: Owners, foreign: Collection[ObjectId]
) -> Iterator[Lost]:
    by_hand = {merged(each): each for each in foreign}
    claims: dict[ObjectId, list[_Claim]] = {}
    for rank, owner in enumerate(published):
        for item in owner.tree:
            folded = merged(item.id)
            claims.setdefault(folded, []).append(_Claim(owner.owner, rank, item))
            taken = _RESERVED.get(folded)
            if taken is not None:
                message = f"the name {item.id.name} is the operator's own: choose another"
                yield _lost(owner.owner, item, "NameTaken", message)
            written = by_hand.get(folded)
            if written is not None and written != item.id:
                message = (
                    f"the name {item.id.name} differs only in case from {written.name}, which was "
                )
                message += "written into the KV by hand: Traefik takes both for one; choose another"
                yield _lost(owner.owner, item, "NameTaken", message)
    for contenders in claims.values():
        if len(contenders) > 1:
            yield from _losers(contenders, owners)


def _losers(contenders: Sequence[_Claim], owners: Owners) -> Iterator[Lost]:
    keeper = min(contenders, key=lambda claim: _precedence(claim, owners))
    for claim in contenders:
        if claim.owner == keeper.owner and claim.item.id == keeper.item.id:
            continue
        kind, name = claim.item.id.kind[:-1], claim.item.id.name
        if claim.item.id != keeper.item.id:
            message = f"the name {name} differs only in case from {keeper.item.id.name} of "
            message += f"{keeper.owner}: Traefik takes both for one; choose another"
        elif claim.item.body != keeper.item.body:
            message = f"{keeper.owner} has a {kind} {name} too, with another configuration: "
            message += "choose another name, or write the same in both"
        else:
            continue
        yield _lost(claim.owner, claim.item, "NameTaken", message)


def _rules(published: Sequence[Published], owners: Owners) -> Iterator[Lost]:
    """Routers with the same rule and priority on an entry point that both have."""
    claims: dict[tuple[object, ...], list[_Claim]] = {}
    for rank, owner in enumerate(published):
        for item in owner.tree:
            if item.id.kind == "routers" and (key := _match(item)) is not None:
                claims.setdefault(key, []).append(_Claim(owner.owner, rank, item))
    for contenders in claims.values():
        kept: list[_Claim] = []
        for claim in sorted(contenders, key=lambda each: _precedence(each, owners)):
            other = next((each for each in kept if _overlap(each.item, claim.item)), None)
            if other is None:
                kept.append(claim)
            elif other.item.id != claim.item.id:
                message = (
                    f"the router {other.item.id.name} of {other.owner} has the same rule, entry "
                )
                message += "point and priority, and Traefik would choose by chance: change one, or "
                message += "set a priority"
                yield _lost(claim.owner, claim.item, "DuplicateRule", message)


def rivals(one: RouteObject, other: RouteObject) -> bool:
    """Whether two routers take the same requests, with nothing that decides between them."""
    match = _match(one)
    return match is not None and match == _match(other) and _overlap(one, other)


def _match(item: RouteObject) -> tuple[object, ...] | None:
    """Equal for two routers between which only the entry points can decide."""
    if item.id.protocol == "udp":
        return ("udp",)
    body = item.body
    rule = " ".join(str(body.get("rule", "")).split())
    # Without a priority a router has its rule's length (`GetRulePriority`).
    priority = body.get("priority") or len(rule.encode(errors="replace"))
    # A router with TLS and one without never meet.
    return item.id.protocol, _meaning(rule), priority, "tls" in body


@lru_cache(maxsize=8192)
def _meaning(rule: str) -> object:
    """Equal for rules that differ in quotes, blanks, or the case of hosts alone."""
    try:
        return _plain(predicates.parse(rule))
    except predicates.NotAPredicate:
        return rule


def _plain(predicate: predicates.Predicate) -> tuple[object, ...]:
    match predicate:
        case predicates.Call(name, texts):
            matcher = name.lower()
            is_host = matcher in {"host", "hostsni", "hostheader"}
            return matcher, tuple(text.lower() for text in texts) if is_host else texts
        case predicates.Not(inner):
            return "!", _plain(inner)
        case predicates.Joined(operator, parts):
            return operator, tuple(map(_plain, parts))


def _overlap(one: RouteObject, other: RouteObject) -> bool:
    first, second = (set(names(each.body.get("entrypoints"))) for each in (one, other))
    return not first or not second or bool(first & second)


def _precedence(claim: _Claim, owners: Owners) -> tuple[bool, int, str]:
    """Smaller is stronger: who had it, then who is older."""
    return claim.owner not in owners.get(claim.item.id, ()), claim.rank, claim.item.id.name


def _lost(owner: str, item: RouteObject, reason: str, message: str) -> Lost:
    return Lost(owner, Refusal(item.origin, item.id, reason, message))
