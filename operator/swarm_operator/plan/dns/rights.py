"""The least rights at OVH that each policy needs; what an account lacks of them, and has beyond them."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from swarm_operator.plan.dns.rrset import Policy

POLICIES: Final[tuple[Policy, ...]] = ("update-only", "upsert", "sync")


class Right(NamedTuple):
    """A call that an access rule of OVH's API allows; `*` in a path stands for anything."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def needed(zone: str, policy: Policy) -> tuple[Right, ...]:
    """What bindings with this policy ask for. Never the whole zone: that would allow to end it."""
    path = f"/domain/zone/{zone}"
    rights = [
        Right("GET", f"{path}/record"),
        Right("GET", f"{path}/record/*"),
        Right("PUT", f"{path}/record/*"),
        Right("POST", f"{path}/refresh"),
    ]
    if policy != "update-only":
        rights.append(Right("POST", f"{path}/record"))
    if policy == "sync":
        rights.append(Right("DELETE", f"{path}/record/*"))
    return tuple(rights)


def actions(policy: Policy) -> tuple[str, ...]:
    """The same as actions of an IAM policy, for a service account."""
    names = ["record/get", "record/edit", "refresh"]
    names += ["record/create"] if policy != "update-only" else []
    names += ["record/delete"] if policy == "sync" else []
    return tuple(f"dnsZone:apiovh:{name}" for name in names)


def missing(wanted: Iterable[Right], rules: Iterable[Right]) -> tuple[Right, ...]:
    """Those that no rule covers."""
    granted = tuple(rules)
    return tuple(right for right in wanted if not any(_covers(rule, right) for rule in granted))


def beyond(allowed: Iterable[Right], rules: Iterable[Right]) -> tuple[Right, ...]:
    """Those rules that allow more than these rights do, as with a `*` where these name a zone."""
    known = tuple(allowed)
    return tuple(rule for rule in rules if not any(_covers(right, rule) for right in known))


def _covers(rule: Right, right: Right) -> bool:
    if rule.method.upper() != right.method.upper():
        return False
    pattern = ".*".join(re.escape(part) for part in rule.path.split("*"))
    return re.fullmatch(pattern, right.path) is not None
