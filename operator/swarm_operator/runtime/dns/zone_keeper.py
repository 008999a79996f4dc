"""One zone at one account: what is read, what is changed, and that it is published; one order at a time.

needs a look ─ Look ─> planned ─ owed is noted in the KV ─ Write ─> done and published ─> in step
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from desired_state.dns_forms import RecordType
from swarm_operator.observed.dns import RrsetChange
from swarm_operator.observed.dns_errors import Throttled
from swarm_operator.observed.errors import LeaseLost, OutsideError
from swarm_operator.observed.kv import Fence
from swarm_operator.plan.dns.budget import ZoneChanges
from swarm_operator.plan.dns.retries import Failure, wait_s
from swarm_operator.runtime.dns.account_desk import AccountDesk
from swarm_operator.runtime.dns.changes import note_done
from swarm_operator.runtime.dns.debts import settle
from swarm_operator.runtime.dns.due_looks import (
    CALLS_OF_A_LOOK,
    Budget,
    Needs,
    lanes,
    note_who_waits,
)
from swarm_operator.runtime.dns.failures import HANGS, classify, is_of_one_set
from swarm_operator.runtime.dns.judging import beside, judge
from swarm_operator.runtime.dns.names import AUDIT_S, Name, Trouble
from swarm_operator.runtime.dns.noting import note_ahead, note_changed, note_published
from swarm_operator.runtime.dns.orders import Look, LookAt, Looked, Order, Result, Write, Written
from swarm_operator.runtime.dns.surroundings import DnsSurroundings
from swarm_operator.runtime.dns.verification import Verification

_AFTER_A_LOST_LEASE_S: Final = 1.0
_LOOK_FOR_CREDENTIALS_S: Final = 5.0
_IDLE_S: Final = 60.0
_BUSY_S: Final = 10.0


@dataclass(slots=True)
class ZoneKeeper:
    """The state of one zone between two steps."""

    zone: str
    account: AccountDesk
    budget: Budget
    around: DnsSurroundings
    verification: Verification
    note: Callable[[Iterable[Name]], None]
    """Writes the statuses of names into the KV at once, fenced. Raises what the KV raises."""
    debtors: Callable[[], list[Name]] = list
    """Names that went to another account, and left something here that is to be published."""
    changes: ZoneChanges = field(default_factory=ZoneChanges)
    trouble: Trouble | None = None
    retry_at: float = 0.0
    attempts: int = 0
    last_success: float | None = None
    """When the zone was last found or made as it is wished, in seconds since 1970."""
    _order: Order | None = None
    _number: int = 0
    _paid: int = 0
    _credentials: object = None

    def step(
        self,
        names: Mapping[str, Name],
        fence: Fence,
        now: float,
        *,
        held: frozenset[str],
    ) -> float:
        """Order what is due. `held`: names that must not change yet. Returns when to come again."""
        if self._order is not None:
            is_audit = isinstance(self._order, Look) and not self._order.is_change
            if is_audit and any(lane.needs for lane in lanes(names, held, now)[:2]):
                self.account.give_way(self._order)
            self._tell_whether_it_hangs(now)
            return now + _BUSY_S  # its result wakes us
        if now < self.retry_at and not self._has_new_credentials():
            return min(self.retry_at, now + _LOOK_FOR_CREDENTIALS_S)
        self._hurry_without_credentials(names.values(), now)
        due = self._let_refused_try_again(names, now)
        is_waiting = False
        for lane in lanes(names, held, now):
            needs_publish = self.account.capabilities.needs_publish
            affordable, waits_s = self.budget.affordable(lane, now, needs_publish=needs_publish)
            note_who_waits(names, lane, affordable, waits_s)
            if affordable:
                self._look(affordable, now, is_change=lane.is_change)
                return now + _IDLE_S
            if lane.needs and lane.is_change:
                due.append(now + waits_s)
                is_waiting = True
                break  # what matters less would use up what it waits for
        owing = [*(name for name in names.values() if name.owed), *self.debtors()]
        if any(map(self._may_write, owing)):
            return self._publish(fence, now)
        if not is_waiting:  # else a change waits for the budget
            due += [max(n.audit_at, n.retry_at, now + 1.0) for n in names.values() if n.wanted]
            due += [n.retry_at for n in names.values() if n.retry_at > now]
        return min(due, default=now + _IDLE_S)

    def _publish(self, fence: Fence, now: float) -> float:
        waits_s = self.budget.wait_s(1, now, is_urgent=True)
        if waits_s > 0:
            return now + waits_s
        self._put(lambda number: Write(number, self.zone, (), fence), 1, now)
        return now + _IDLE_S

    def _let_refused_try_again(self, names: Mapping[str, Name], now: float) -> list[float]:
        """Names that wait for a person, where the credentials are others. Returns when to look for that
        again."""
        waiting = [name for name in names.values() if name.waits_for_a_person(now)]
        credentials = self.account.credentials() if waiting else None
        for name in waiting:
            if name.refused_with != credentials:
                name.retry_at = 0.0
        return [now + _LOOK_FOR_CREDENTIALS_S] if waiting else []

    def _hurry_without_credentials(self, names: Iterable[Name], now: float) -> None:
        """At the start: else nobody would hear that a file is not there before the first audit."""
        if self._number == 0 and not self.account.has_credentials():
            for name in names:
                name.audit_at = min(name.audit_at, now)

    def trouble_of(self, name: Name) -> Trouble | None:
        """What of the zone's trouble is told of a name. What mends itself only where something waits
        for it: the records of all others are as they were found last."""
        trouble = self.trouble
        if trouble is None or trouble.needs_a_person or trouble == HANGS:
            return trouble
        return trouble if name.changing() or name.owed else None

    def _tell_whether_it_hangs(self, now: float) -> None:
        hangs_from = self.account.hangs_from()
        if hangs_from is None or now < hangs_from or self.trouble == HANGS:
            return
        self.trouble = HANGS
        self.around.log.warning(
            "a zone cannot be kept", zone=self.zone, reason=HANGS.reason, why=HANGS.message
        )

    def _look(self, needs: Needs, now: float, *, is_change: bool) -> None:
        at = tuple(LookAt(name, types, beside(types)) for name, types in needs.items())
        calls = CALLS_OF_A_LOOK * sum(map(len, needs.values()))
        self._put(lambda number: Look(number, self.zone, at, is_change), calls, now)

    def _put(self, order: Callable[[int], Order], calls: int, now: float) -> None:
        """`calls`: requests that it will take, as far as one can say."""
        self.budget.pay(calls, now)
        self._paid = calls
        self._number += 1
        self._order = order(self._number)
        self._credentials = self.account.credentials()
        self.account.put(self._order)

    def _has_new_credentials(self) -> bool:
        """What was refused for want of rights may be taken now."""
        if self.trouble is None or not self.trouble.needs_a_person:
            return False
        return self.account.credentials() != self._credentials

    # --- results ------------------------------------------------------------------------------------

    def take(
        self,
        result: Result,
        names: Mapping[str, Name],
        of_nodes: Callable[[Name, RecordType], frozenset[str]],
        fence: Fence,
        now: float,
    ) -> None:
        """What became of the order. Raises what the KV raises: then nothing was sent."""
        if self._order is not result.order:
            return
        self._order = None
        if self.trouble == HANGS:
            self.trouble = None
        self.budget.settle(result.calls, self._paid, now)
        if isinstance(result, Looked):
            self._looked(result, names, of_nodes, fence, now)
        else:
            self._written(result, names, now)

    def _looked(
        self,
        result: Looked,
        names: Mapping[str, Name],
        of_nodes: Callable[[Name, RecordType], frozenset[str]],
        fence: Fence,
        now: float,
    ) -> None:
        for error in dict.fromkeys(result.errors.values()):  # one error may stand for many names
            of = [names.get(key) for key, each in result.errors.items() if each is error]
            self._failed(of[0], error, "look", now)
        changes: dict[str, list[RrsetChange]] = {}
        for at in result.order.names:
            name = names.get(at.name)
            if name is None or at.name not in result.records:
                continue
            name.looked_at, name.doubted = now, False
            name.audit_at = now + AUDIT_S * self.around.rng.uniform(1.01, 1.1)
            if now < name.stalled_until:
                name.audit_at = name.stalled_until
            found = judge(
                name, at.types, result.records[at.name], of_nodes, self.around,
                may_write=self._may_write(name),
            )  # fmt: skip
            if not name.owed and not found:
                name.trouble, name.attempts = None, 0
            if found:
                changes[at.name] = found
        is_quiet = not changes and not any(name.owed for name in names.values())
        if is_quiet and result.records and not result.errors:
            self._fares_well()
        self._write(names, changes, fence, now)

    def _may_write(self, name: Name) -> bool:
        return name.may_be_written(self.around.identity.mode)

    # --- writing ------------------------------------------------------------------------------------

    def _write(
        self,
        names: Mapping[str, Name],
        changes: dict[str, list[RrsetChange]],
        fence: Fence,
        now: float,
    ) -> None:
        wanted: list[RrsetChange] = []
        for key in list(changes):
            name = names[key]
            at = self.changes.room_at(
                now, self.around.changes_per_hour, len(changes[key]), len(wanted)
            )
            name.is_held = at > now
            if name.is_held:
                name.retry_at = max(at, now + 1.0)
                del changes[key]
                continue
            wanted += changes[key]
        if not wanted:
            return
        for key, of_name in changes.items():
            note_ahead(names[key], of_name)
        self.note(names[key] for key in changes)
        calls = sum(len(change.operations) for change in wanted) + 1
        self._put(lambda number: Write(number, self.zone, tuple(wanted), fence), calls, now)

    def _written(self, result: Written, names: Mapping[str, Name], now: float) -> None:
        for change in result.order.changes:
            name = names.get(change.key.name)
            if name is None:
                continue
            if change.key in result.done:
                note_done(name, change, self.around)
                self.changes = self.changes.changed(now)
                note_changed(name, change, now, self.around)
            elif change.key in result.errors:
                self._failed(name, result.errors[change.key], "write", now)
        if result.is_published:
            self._published(result, names, now)
        elif result.publish_error is not None:
            self._failed(None, result.publish_error, "publish", now)
            if not names:
                self._give_up_debts()

    def _published(self, result: Written, names: Mapping[str, Name], now: float) -> None:
        failed = {key.name for key in result.errors}
        self._fares_well()
        settle(self.debtors(), self.account.name)
        for key, name in names.items():
            if not name.owed or key in failed:
                continue
            for type_ in note_published(name, result, now, self.around):
                self.verification.expect(name, type_, now)
            name.drop_what_went()

    # --- trouble ------------------------------------------------------------------------------------

    def _fares_well(self) -> None:
        self.trouble, self.attempts, self.retry_at = None, 0, 0.0
        self.last_success = self.around.clock.utc().timestamp()

    def _give_up_debts(self) -> None:
        """Of an account that nothing needs any more: what it refuses is perhaps why."""
        debtors = self.debtors()
        if debtors and self.trouble is not None and self.trouble.needs_a_person:
            self.around.log.warning(
                "what is owed at a provider that names left is given up",
                provider=self.account.name,
                zone=self.zone,
                names=", ".join(name.id.name for name in debtors),
                why=self.trouble.message,
            )
            settle(debtors, self.account.name)

    def _failed(self, name: Name | None, error: OutsideError, phase: str, now: float) -> None:
        """Of one name where others of the zone may fare better, else of the zone."""
        if isinstance(error, LeaseLost):
            self.retry_at = now + _AFTER_A_LOST_LEASE_S
            return
        failure, trouble = classify(error, phase)
        target: Name | ZoneKeeper = self
        if name is not None and is_of_one_set(error, phase):
            target, name.refused_with = name, self._credentials
        target.attempts += 1
        retry_after_s = error.retry_after_s if isinstance(error, Throttled) else None
        pause_s = wait_s(failure, target.attempts, self.around.rng.random(), retry_after_s)
        target.retry_at = max(target.retry_at, now + pause_s)
        if retry_after_s is not None:
            self.budget.closed_until = now + retry_after_s
        if failure is not Failure.CONFLICT or target.attempts > 3:
            if target.trouble != trouble:
                self.around.log.warning(
                    "a zone cannot be kept", zone=self.zone, reason=trouble.reason, why=str(error)
                )
            target.trouble = trouble
        if failure is Failure.AUTH:
            self.around.metrics.count("dns_auth_errors_total", {"provider": self.account.name})
