"""What is told of a name: its state, the reason, and a text for people."""

from typing import Final, NamedTuple

from swarm_operator.runtime.dns.names import Name, Trouble

_CONFLICTS: Final = frozenset({"ForeignRecord", "RecordMissing", "CnameConflict"})

_UNREAD: Final = "its stack's document cannot be read, so it is not followed: correct the document"


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
        return Told(
            "Failed", "NoProvider", f"no provider of the settings has the zone {name.id.zone}"
        )
    return (
        _troubled(name.trouble or trouble)
        or _refused(name)
        or _held_back(name, why_not_trusted, acts=acts)
        or _under_way(name)
        or _verified(name)
    )


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
    would = "; ".join(each.would for each in name.judged.values() if each.would)
    if name.wish is not None and name.wish.binding.paused:
        return Told("Paused", "", would)
    if not acts:
        return Told("Observing", "", would)
    if why_not_trusted:
        return Told("Waiting", "Untrusted", why_not_trusted)
    if name.is_held and name.changing():
        return Told(
            "Waiting", "TooManyChanges", "the zone was changed too often within the last hour"
        )
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
    return "its fallback is published" if falls_back else "its records are taken away"


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
            return Told("InSync", "", "no name server could be asked whether it is served")
        return Told(
            "Waiting", "Unverified", "the name servers do not serve it; it was published again"
        )
    if all(check.is_verified for check in found) and len(found) == len(name.judged):
        return Told("InSync")
    if name.noted is not None and name.noted.state == "InSync" and not _just_written(name):
        return Told(*_before(name))
    return Told("Switching", "", "the name servers are asked whether it is served")


def _just_written(name: Name) -> bool:
    return any(rrset.verified_at is None for rrset in name.records.values())
