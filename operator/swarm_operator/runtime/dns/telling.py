"""What is said of names: their statuses in the KV, and a picture for the metrics."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from desired_state import keys
from desired_state.dns_records import DnsStatus
from swarm_operator.observed.kv import Fence
from swarm_operator.plan.dns.wishes import BindingId
from swarm_operator.runtime.dns.measures import Shown
from swarm_operator.runtime.dns.names import Name, moments
from swarm_operator.runtime.dns.states import Told, told
from swarm_operator.runtime.dns.surroundings import DnsSurroundings
from swarm_operator.runtime.dns.zone_keeper import ZoneKeeper
from swarm_operator.runtime.record import StatusWriter

_OF_ONE_ATTEMPT: Final = re.compile(r" \(query [^)]*\)|\d+ s more")
"""The id of a request, a time that runs down: no news where the rest says the same."""


@dataclass(slots=True)
class Teller:
    """Statuses are also what the operator knows of its own records after a restart."""

    around: DnsSurroundings
    statuses: StatusWriter
    keeper_of: Callable[[Name], ZoneKeeper | None]

    def note(self, names: Iterable[Name], why_not_trusted: str, fence: Fence) -> None:
        """At once: what follows must not be forgotten. Raises what the KV raises."""
        now = self.around.clock.monotonic()
        for name in names:
            self.tell(name, why_not_trusted, now)
            self.statuses.flush(fence, now, only=_key(name.id))

    def tell(self, name: Name, why_not_trusted: str, now: float) -> None:
        """Soon."""
        keeper = self.keeper_of(name)
        is_acting = self.around.identity.mode == "act" and not name.is_observed
        trouble = keeper.trouble_of(name) if keeper is not None else None
        said = told(
            name,
            trouble,
            why_not_trusted,
            has_account=keeper is not None,
            acts=is_acting,
        )
        before, utc = name.noted, self.around.clock.utc()
        is_same = before is not None and (before.state, before.reason) == (said.state, said.reason)
        wish = name.wish
        status = DnsStatus(
            stack=wish.stack if wish else before.stack if before else "",
            service=wish.service if wish else before.service if before else "",
            state=said.state,
            reason=said.reason,
            message=_message(said, before) if is_same else said.message,
            since=before.since if before is not None and is_same else utc,
            nodes=name.points_at,
            records=dict(name.records),
            owed=name.owed,
            owed_at=name.owed_at,
            changes=moments(name, now, utc),
            provider=keeper.account.name if keeper is not None else "",
            policy=name.policy,
            binding=_entry(name),
            others=name.others,
            observed=name.is_observed,
        )
        name.noted = status
        self.statuses.want(_key(name.id), status)

    def forget(self, name: Name) -> None:
        """Nothing of it is left."""
        self.statuses.want_gone(_key(name.id))


def _message(said: Told, before: DnsStatus | None) -> str:
    """What was said first, unless more than an attempt's own words changed."""
    if before is None or _lasting(before.message) != _lasting(said.message):
        return said.message
    return before.message


def _lasting(message: str) -> str:
    return _OF_ONE_ATTEMPT.sub("", message)


def shown(name: Name) -> Shown:
    """For the metrics."""
    state = name.noted.state if name.noted is not None else ""
    records = frozenset(
        (str(type_), value) for type_, rrset in name.records.items() for value in rrset.written
    )
    differ: Counter[str] = Counter()
    silent: Counter[str] = Counter()
    for check in name.checks.values():
        differ.update({server: not is_right for server, is_right in check.served_by.items()})
        silent.update(dict.fromkeys(check.served_by, False))
        silent.update({server: server in check.away for server in check.silent})
    is_owed = name.owed or bool(name.owed_at)
    return Shown(name.id, state, name.empty_since, is_owed, records, dict(differ), dict(silent))


def is_gone(name: Name) -> bool:
    """Nobody wishes it, and there is nothing of ours, or it was deleted and that was published."""
    if not name.is_abandoned or name.owed or name.owed_at:
        return False
    if not name.wanted:
        return not any(rrset.written for rrset in name.records.values())
    is_done = all(not judged.would for judged in name.judged.values())
    return is_done and not name.changing()


def _entry(name: Name) -> dict[str, Any] | None:
    """Of the document; of a name that nobody wishes any more there is none."""
    if name.wish is not None:
        return name.wish.binding.as_written()
    return name.noted.binding if name.noted is not None and not name.is_abandoned else None


def _key(id_: BindingId) -> str:
    return keys.dns_status_key(id_.zone, id_.name)
