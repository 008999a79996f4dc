"""Records of nodes' names as the zone's provider has them: asked for where no name server can be.

It is the provider's word for exactly these names, so no wildcard is in it; but it costs requests of the
account's budget. So only names that somebody waits for are read, in the audits' lane, and rarely again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from swarm_operator.observed.dns import Question
from swarm_operator.observed.dns_errors import Throttled
from swarm_operator.observed.errors import OutsideError
from swarm_operator.plan.dns.budget import CHANGES_PER_RUN
from swarm_operator.plan.dns.retries import wait_s
from swarm_operator.runtime.dns.account_desk import AccountDesk
from swarm_operator.runtime.dns.due_looks import Budget
from swarm_operator.runtime.dns.failures import classify
from swarm_operator.runtime.dns.names import AUDIT_S
from swarm_operator.runtime.dns.orders import Look, LookAt, Looked, Result
from swarm_operator.runtime.dns.surroundings import DnsSurroundings

PATIENCE_S: Final = 60.0
"""After so long without a success nothing is expected of a provider any more, until it answers."""
_IDLE_S: Final = 60.0
_CALLS_OF_A_TYPE: Final = 2
"""A list, and its one record."""

_Account: TypeAlias = tuple[str, str]
"""A zone at an account: both their names."""


@dataclass(slots=True)
class _Zone:
    """Of one zone at one account. Moments are monotonic seconds."""

    account: AccountDesk
    known: dict[Question, tuple[str, ...]] = field(default_factory=dict)
    read_at: dict[Question, float] = field(default_factory=dict)
    wished: dict[Question, None] = field(default_factory=dict)
    """To be read: somebody asked since they were read last, or never were."""
    order: Look | None = None
    paid: int = 0
    """Requests that were set aside for it."""
    retry_at: float = 0.0
    attempts: int = 0
    fails_since: float | None = None


@dataclass(slots=True)
class NodeRecords:
    """What providers said, and what they are still to be asked. Puts orders and takes their results."""

    around: DnsSurroundings
    budget_of: Callable[[str], Budget]
    """Of an account, by its name; shared with the keepers of its zones."""
    _zones: dict[_Account, _Zone] = field(default_factory=dict)

    def values(
        self, question: Question, provider: str | None, now: float
    ) -> tuple[str, ...] | None:
        """The record; None while it is not known: it is ordered then, and again when it grows old.

        `provider` is the binding's.
        """
        zone = self._zone_of(question, provider)
        if zone is None:
            return None
        if now >= zone.read_at.get(question, float("-inf")) + AUDIT_S:
            zone.wished[question] = None
        return zone.known.get(question)

    def is_expected(self, question: Question, provider: str | None, now: float) -> bool:
        """Whether an answer that is not there is worth waiting for."""
        zone = self._zone_of(question, provider)
        if zone is None:
            return False
        return zone.fails_since is None or now < zone.fails_since + PATIENCE_S

    def step(self, now: float) -> float:
        """Order what is due, as far as the budget of audits goes. Returns when to come again."""
        return min((self._order(zone, now) for zone in self._zones.values()), default=now + _IDLE_S)

    def take(self, account: str, result: Result, now: float) -> bool:
        """What became of an order; False where it is not one of these."""
        zone = self._zones.get((account, result.order.zone))
        if zone is None or zone.order is not result.order or not isinstance(result, Looked):
            return False
        zone.order = None
        budget = self.budget_of(account)
        budget.settle(result.calls, zone.paid, now)
        self._note(zone, result, now)
        for error in list(result.errors.values())[:1]:
            self._failed(zone, error, budget, now)
        if not result.errors:
            zone.retry_at, zone.attempts, zone.fails_since = 0.0, 0, None
        return True

    def forget(self) -> None:
        """At a take-over: nobody brings what was ordered, and what is known grew old."""
        self._zones = {}

    # --- one zone -----------------------------------------------------------------------------------

    def _zone_of(self, question: Question, provider: str | None) -> _Zone | None:
        account = self.around.account_for(question.zone, provider)
        if account is None:
            return None
        key = (account.name, question.zone)
        if key not in self._zones:
            self._zones[key] = _Zone(account)
        return self._zones[key]

    def _order(self, zone: _Zone, now: float) -> float:
        if zone.order is not None or not zone.wished:
            return now + _IDLE_S  # its result wakes us, or who asks
        if now < zone.retry_at:
            return zone.retry_at
        by_name: dict[str, list[str]] = {}
        calls, waits_s = 0, 0.0
        for question in zone.wished:
            if len(by_name) == CHANGES_PER_RUN:
                break
            calls += _CALLS_OF_A_TYPE
            waits_s = self.budget_of(zone.account.name).wait_s(calls, now, is_urgent=False)
            if waits_s > 0:
                break
            by_name.setdefault(_in_zone(question), []).append(question.type)
        if not by_name:
            return now + waits_s
        at = tuple(LookAt(name, tuple(types), ()) for name, types in by_name.items())
        zone.order = Look(0, next(iter(zone.wished)).zone, at)
        zone.paid = _CALLS_OF_A_TYPE * sum(len(each.types) for each in at)
        self.budget_of(zone.account.name).pay(zone.paid, now)
        zone.account.put(zone.order)
        return now + _IDLE_S

    def _note(self, zone: _Zone, result: Looked, now: float) -> None:
        for at in result.order.names:
            if at.name not in result.records:
                continue  # made way for a change, or failed
            records = result.records[at.name]
            for type_ in at.types:
                fqdn = f"{at.name}.{result.order.zone}"
                question = Question(result.order.zone, fqdn, type_)
                found = {record.value for record in records if record.type == type_}
                zone.known[question], zone.read_at[question] = tuple(sorted(found)), now
                zone.wished.pop(question, None)

    def _failed(self, zone: _Zone, error: OutsideError, budget: Budget, now: float) -> None:
        failure, trouble = classify(error, "look")
        retry_after_s = error.retry_after_s if isinstance(error, Throttled) else None
        zone.attempts += 1
        zone.retry_at = now + wait_s(
            failure, zone.attempts, self.around.rng.random(), retry_after_s
        )
        if retry_after_s is not None:
            budget.closed_until = now + retry_after_s
        if zone.fails_since is None:
            zone.fails_since = now
            self.around.log.warning(
                "the records of nodes' names cannot be read at the provider",
                provider=zone.account.name, reason=trouble.reason, why=str(error),
            )  # fmt: skip


def _in_zone(question: Question) -> str:
    return question.fqdn.removesuffix(f".{question.zone}")
