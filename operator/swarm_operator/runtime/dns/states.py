"""What is told of a name: its state, the reason, and a text for people."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from swarm_operator.plan.dns.budget import CALLS_PER_MINUTE
from swarm_operator.runtime.dns.names import Check, Name, Trouble

_FOREIGN: Final = "ForeignRecord"
_UNREAD: Final = (
    "its stack's document cannot be read or is held, and what it said before is not known: it is not "
    "followed until the document is corrected or approved, or its stack resumed"
)

_TOO_MANY_CALLS: Final = (
    f"the account's {CALLS_PER_MINUTE} requests a minute are used up: its names are changed one after "
    "another, as requests come free"
)


class Told(NamedTuple):
    """One of `DnsStatus.state`, and why."""

    state: str
    reason: str = ""
    message: str = ""


def told(
    name: Name, trouble: Trouble | None, why_not_trusted: str, *, has_account: bool, acts: bool
) -> Told:
    """What stands in the way goes before what goes on. `trouble`: the zone's."""
    if name.wish is None and name.is_unread and not name.is_abandoned:
        return Told("Waiting", "Unread", _UNREAD)
    if name.wish is None and not name.is_abandoned:
        return Told(*_before(name))
    if name.is_abandoned and not name.wanted:
        return Told("Abandoned", "", "no document names it any more; its records stay")
    if not has_account:
        return Told("Failed", "NoProvider", _no_provider(name))
    return (
        _troubled(name.trouble or trouble)
        or _refused(name)
        or _held_back(name, why_not_trusted, acts=acts)
        or _under_way(name)
        or _verified(name)
    )


def _no_provider(name: Name) -> str:
    wished = name.wish.binding.provider if name.wish is not None else None
    which = f"called {wished} " if wished else ""
    return f"no provider {which}of the settings has the zone {name.id.zone}"


def _before(name: Name) -> Told:
    noted = name.noted
    return Told("Waiting") if noted is None else Told(noted.state, noted.reason, noted.message)


def _troubled(trouble: Trouble | None) -> Told | None:
    if trouble is None:
        return None
    state = "Failed" if trouble.needs_a_person else "Waiting"
    return Told(state, trouble.reason, trouble.message)


def _refused(name: Name) -> Told | None:
    for judged in name.judged.values():
        if judged.refused is not None:
            return Told("Conflict", judged.refused.reason, judged.refused.message)
    return None


def _held_back(name: Name, why_not_trusted: str, *, acts: bool) -> Told | None:
    waits = _waits(name, why_not_trusted)
    is_paused = name.wish is not None and name.wish.binding.paused
    if not is_paused and acts:
        return waits
    state = "Paused" if is_paused else "Observing"
    would = "; ".join(each.would for each in name.judged.values() if each.would)
    if would or waits is None:
        return Told(state, "", would)
    return Told(state, waits.reason, waits.message)


def _waits(name: Name, why_not_trusted: str) -> Told | None:
    if why_not_trusted:
        return Told("Waiting", "Untrusted", why_not_trusted)
    if name.is_held and name.changing():
        return Told(
            "Waiting", "TooManyChanges", "the zone was changed too often within the last hour"
        )
    if name.waits_for_calls and name.changing():
        return Told("Waiting", "TooManyCalls", _TOO_MANY_CALLS)
    if name.is_waiting_for_addresses:
        return Told(
            "Waiting", "NoAddress", "the zone's name servers are asked for nodes' addresses"
        )
    if name.state == "NoEndpoint" and not name.owed:
        return Told("Waiting", "NoEndpoint", f"the service runs nowhere; {_while_empty(name)}")
    for kept in name.kept.values():
        if kept.reason == "NoAddress":
            return Told("Waiting", kept.reason, kept.message)
    if name.state == "Damped" and not name.changing():
        return Told("Waiting", "Damped", "it changed often: a task must have run for a while")
    return None


def _while_empty(name: Name) -> str:
    if not name.on_empty_acts:
        return "its records stay"
    falls_back = any(wanted.values for wanted in name.wanted.values())
    stay = [
        f"{type_} {', '.join(name.records[type_].written)} stays"
        for type_, wanted in name.wanted.items()
        if not wanted.values and type_ in name.records and name.records[type_].written
    ]
    if not stay:
        return "its fallback is published" if falls_back else "its records are taken away"
    published = "its fallback is published, but " if falls_back else ""
    return f"{published}{', '.join(stay)}: policy sync would take it away"


def _under_way(name: Name) -> Told | None:
    if name.owed or name.changing() or not name.judged:
        return Told("Switching", "", "")
    for judged in name.judged.values():
        if judged.lacking:
            missing = ", ".join(judged.lacking)
            return Told("InSync", "RecordMissing", f"the policy makes no record for {missing}")
    if name.lacks:
        return Told("InSync", "NoAddress", "; ".join(name.lacks))
    return None


def _verified(name: Name) -> Told:
    checks = [name.checks.get(type_) for type_ in name.judged]
    found = [check for check in checks if check is not None]
    if any(check.is_unverified for check in found):
        if all(check.cannot_be_asked for check in found if check.is_unverified):
            return _beside(name, "no name server could be asked whether it is served")
        return Told("Waiting", "Unverified", _not_served(name))
    if all(check.is_verified for check in found) and len(found) == len(name.judged):
        return _beside(name, _at_some(found))
    if name.noted is not None and name.noted.state == "InSync" and not _just_written(name):
        before = Told(*_before(name))
        return _beside(name) if before.reason == _FOREIGN else before
    return Told("Switching", "", "the name servers are asked whether it is served")


def _beside(name: Name, message: str = "") -> Told:
    """In step; but who asks for the name may be sent to what another hand put beside ours."""
    foreign = [
        f"{', '.join(rrset.foreign)} ({type_})"
        for type_, rrset in name.records.items()
        if rrset.foreign and type_ in name.wanted and name.wanted[type_].values
    ]
    if not foreign:
        return Told("InSync", "", message)
    beside = (
        f"another hand's records stand beside ours: {'; '.join(foreign)}; take them away, or write "
        "adopt: true"
    )
    return Told("InSync", _FOREIGN, f"{message}; {beside}" if message else beside)


def _at_some(checks: Iterable[Check]) -> str:
    """Where not all name servers answer: those that do count."""
    away: dict[str, str] = {}
    servers: set[str] = set()
    for check in checks:
        away |= check.away
        servers |= check.served_by.keys() | check.silent.keys()
    if not away:
        return ""
    silent = ", ".join(f"{server} does not answer ({why})" for server, why in sorted(away.items()))
    return f"verified at {len(servers) - len(away)} of {len(servers)} name servers: {silent}"


def _not_served(name: Name) -> str:
    """Which name servers it is."""
    differ: dict[str, None] = {}
    silent: dict[str, str] = {}
    for check in name.checks.values():
        if check.is_unverified:
            differ |= {server: None for server, is_right in check.served_by.items() if not is_right}
            silent |= check.silent
    parts = [f"{', '.join(differ)} do not serve it"] if len(differ) > 1 else []
    parts += [f"{server} does not serve it" for server in differ] if len(differ) == 1 else []
    parts += [f"{server} does not answer ({why})" for server, why in silent.items()]
    return f"{'; '.join(parts) or 'it is not served'}; it was published again"


def _just_written(name: Name) -> bool:
    return any(rrset.verified_at is None for rrset in name.records.values())
