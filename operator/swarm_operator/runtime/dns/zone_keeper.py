"""One zone at one account: what is read, what is changed, and that it is published; one order at a time.

needs a look ─ Look ─> planned ─ owed is noted in the KV ─ Write ─> done and published ─> in step
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from desired_state.dns_forms import RecordType
from desired_state.dns_records import RrsetStatus
from swarm_operator.observed.dns import Record, RrsetChange
from swarm_operator.observed.dns_errors import Throttled
from swarm_operator.observed.errors import LeaseLost, OutsideError
from swarm_operator.observed.kv import Fence
from swarm_operator.plan.dns.budget import CHANGES_PER_RUN, Calls, ZoneChanges
from swarm_operator.plan.dns.retries import Failure, wait_s
from swarm_operator.plan.dns.rrset import Refused, plan_rrset
from swarm_operator.runtime.dns.account_desk import AccountDesk
from swarm_operator.runtime.dns.changes import note_done, note_found
from swarm_operator.runtime.dns.failures import classify
from swarm_operator.runtime.dns.judging import as_found, beside, rights_to
from swarm_operator.runtime.dns.names import AUDIT_S, Judged, Name, Trouble
from swarm_operator.runtime.dns.orders import Look, LookAt, Looked, Order, Result, Write, Written
from swarm_operator.runtime.dns.surroundings import DnsSurroundings
from swarm_operator.runtime.dns.verification import Verification

_AFTER_A_LOST_LEASE_S: Final = 1.0
_LOOK_FOR_CREDENTIALS_S: Final = 5.0
_IDLE_S: Final = 60.0
_CALLS_OF_A_LOOK: Final = 2
"""For one type: a list, and its one record."""


@dataclass(slots=True)
class Budget:
    """Of one account, shared by its zones."""

    calls: Calls = field(default_factory=Calls)
    closed_until: float = 0.0
    """The provider asked for so much patience."""

    def wait_s(self, calls: int, now: float, *, is_change: bool) -> float:
        closed_s = max(0.0, self.closed_until - now)
        return max(closed_s, self.calls.wait_s(calls, now, is_change=is_change))


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
    changes: ZoneChanges = field(default_factory=ZoneChanges)
    trouble: Trouble | None = None
    retry_at: float = 0.0
    attempts: int = 0
    last_success: float | None = None
    """When the zone was last found or made as it is wished, in seconds since 1970."""
    _order: Order | None = None
    _number: int = 0
    _credentials: object = None

    @property
    def is_busy(self) -> bool:
        """Whether the account's thread has an order of ours."""
        return self._order is not None

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
            if is_audit and self._needs(names, held, now)[0]:
                self.account.give_way(self._order)
            return now + _IDLE_S  # its result wakes us
        if now < self.retry_at and not self._has_new_credentials():
            return min(self.retry_at, now + _LOOK_FOR_CREDENTIALS_S)
        for_a_change, for_audits = self._needs(names, held, now)
        due: list[float] = []
        for is_change, needs in ((True, for_a_change), (False, for_audits)):
            affordable, waits_s = self._affordable(needs, now, is_change=is_change)
            if affordable:
                self._look(affordable, is_change=is_change)
                return now + _IDLE_S
            if needs and is_change:
                due.append(now + waits_s)
        owed = any(name.owed and self._may_write(name) for name in names.values())
        if owed:
            waits_s = self.budget.wait_s(1, now, is_change=True)
            if waits_s > 0:
                return now + waits_s
            self._put(lambda number: Write(number, self.zone, (), fence))
            return now + _IDLE_S
        if not due:  # else a change waits for the budget
            due += [max(n.audit_at, n.retry_at, now + 1.0) for n in names.values() if n.wanted]
            due += [n.retry_at for n in names.values() if n.retry_at > now]
        return min(due, default=now + _IDLE_S)

    def _needs(
        self, names: Mapping[str, Name], held: frozenset[str], now: float
    ) -> tuple[dict[str, tuple[RecordType, ...]], dict[str, tuple[RecordType, ...]]]:
        """Types to look at by name: of names that are to change, and of others."""
        for_a_change: dict[str, tuple[RecordType, ...]] = {}
        for_audits: dict[str, tuple[RecordType, ...]] = {}
        for key, name in names.items():
            types = name.needs(now)
            if not types or key in held:
                continue
            is_change = bool(name.changing()) or name.owed
            (for_a_change if is_change else for_audits)[key] = types
        return for_a_change, for_audits

    def _affordable(
        self, needs: Mapping[str, tuple[RecordType, ...]], now: float, *, is_change: bool
    ) -> tuple[dict[str, tuple[RecordType, ...]], float]:
        """As many of them as the budget has calls for and a run may change; and how long to wait
        where there is none."""
        calls = 2 if is_change and self.account.capabilities.needs_publish else 0
        found: dict[str, tuple[RecordType, ...]] = {}
        for name, types in itertools.islice(needs.items(), CHANGES_PER_RUN):
            calls += _CALLS_OF_A_LOOK * len(types)
            waits_s = self.budget.wait_s(calls, now, is_change=is_change)
            if waits_s > 0:
                return found, waits_s
            found[name] = types
        return found, 0.0

    def _look(self, needs: Mapping[str, tuple[RecordType, ...]], *, is_change: bool) -> None:
        at = tuple(LookAt(name, types, beside(types)) for name, types in needs.items())
        self._put(lambda number: Look(number, self.zone, at, is_change))

    def _put(self, order: Callable[[int], Order]) -> None:
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
        self.budget.calls = self.budget.calls.spent(result.calls, now)
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
            if not name.owed:
                name.trouble, name.attempts = None, 0
            name.audit_at = now + AUDIT_S * self.around.rng.uniform(1.01, 1.1)
            if now < name.stalled_until:
                name.audit_at = name.stalled_until
            found = self._judged(name, at.types, result.records[at.name], of_nodes)
            if found:
                changes[at.name] = found
        is_quiet = not changes and not any(name.owed for name in names.values())
        if is_quiet and result.records and not result.errors:
            self._fares_well()
        self._write(names, changes, fence, now)

    def _judged(
        self,
        name: Name,
        types: Iterable[str],
        records: tuple[Record, ...],
        of_nodes: Callable[[Name, RecordType], frozenset[str]],
    ) -> list[RrsetChange]:
        """What is to be changed; of record sets where nothing is, what was found is remembered."""
        changes = []
        for type_ in name.wanted:
            if type_ not in types:
                continue
            wanted = name.wanted[type_]
            plan = plan_rrset(wanted, records, rights_to(name, type_, of_nodes))
            if isinstance(plan, Refused):
                self._count_conflict(name, type_, plan)
                name.judged[type_] = Judged(wanted, refused=plan)
                continue
            if plan.change.operations and not self._may_write(name):
                would = f"{plan.change.key.fqdn} {type_} would be {', '.join(plan.change.after)}"
                name.judged[type_] = Judged(wanted, would=would)
                continue
            if plan.change.operations:
                changes.append(plan.change)
                name.judged.pop(type_, None)
                continue
            note_found(name, wanted.key, plan.change.after, self.around)
            name.judged[type_] = Judged(wanted, plan.change.after, lacking=plan.lacking)
            name.records[type_] = as_found(name.records.get(type_), plan, wanted)
        return changes

    def _may_write(self, name: Name) -> bool:
        is_paused = name.wish is not None and name.wish.binding.paused
        return self.around.identity.mode == "act" and not is_paused

    def _count_conflict(self, name: Name, type_: RecordType, refused: Refused) -> None:
        before = name.judged.get(type_)
        if before is None or before.refused is None:
            kind = "cname" if refused.reason == "CnameConflict" else "foreign"
            self.around.metrics.count("dns_conflicts_total", {"kind": kind})

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
            name = names[key]
            name.owed = True
            for change in of_name:
                before = name.records.get(change.key.type) or RrsetStatus()
                ours = name.wanted[change.key.type].values
                update = {"wanted": ours, "written": tuple(dict.fromkeys((*before.written, *ours)))}
                name.records[change.key.type] = before.model_copy(update=update)
        self.note(names[key] for key in changes)
        self._put(lambda number: Write(number, self.zone, tuple(wanted), fence))

    def _written(self, result: Written, names: Mapping[str, Name], now: float) -> None:
        utc = self.around.clock.utc()
        for change in result.order.changes:
            name = names.get(change.key.name)
            if name is None:
                continue
            if change.key in result.done:
                self._changed(name, change, now)
                name.records[change.key.type] = name.records[change.key.type].model_copy(
                    update={"written_at": utc, "published_at": None, "verified_at": None}
                )
            elif change.key in result.errors:
                self._failed(name, result.errors[change.key], "write", now)
        if result.is_published:
            self._published(result, names, now)
        elif result.publish_error is not None:
            self._failed(None, result.publish_error, "publish", now)

    def _changed(self, name: Name, change: RrsetChange, now: float) -> None:
        type_ = change.key.type
        note_done(name, change, self.around)
        self.changes = self.changes.changed(now)
        is_other = {record.value for record in change.before} != set(change.after)
        if change.before and is_other:
            name.changed(now)
        if not change.after:
            name.made_room()
        wanted = name.wanted.get(type_)
        before = name.records.get(type_) or RrsetStatus()
        after = before.wanted
        foreign = tuple(value for value in change.after if value not in after)
        name.records[type_] = before.model_copy(
            update={
                "written": tuple(v for v in change.after if v in after),
                "foreign": foreign,
                "ttl": change.ttl,
            }
        )
        if wanted is not None and wanted.values == after and wanted.ttl == change.ttl:
            name.judged[type_] = Judged(wanted, change.after)
        self.around.metrics.observe(
            "dns_switch_seconds", {"phase": "write"}, max(0.0, now - name.wanted_since)
        )

    def _published(self, result: Written, names: Mapping[str, Name], now: float) -> None:
        utc = self.around.clock.utc()
        failed = {key.name for key in result.errors}
        self._fares_well()
        for key, name in names.items():
            if not name.owed or key in failed:
                continue
            name.owed = False
            if not name.changing():  # else what was refused is still to be told
                name.trouble, name.attempts = None, 0
            for type_, rrset in name.records.items():
                if rrset.published_at is None or not result.order.changes:
                    name.records[type_] = rrset.model_copy(update={"published_at": utc})
                    self.verification.expect(name, type_, now)
            name.drop_what_went()
            if result.order.changes:
                took_s = max(0.0, now - name.wanted_since)
                self.around.metrics.observe("dns_switch_seconds", {"phase": "publish"}, took_s)

    # --- trouble ------------------------------------------------------------------------------------

    def _fares_well(self) -> None:
        self.trouble, self.attempts, self.retry_at = None, 0, 0.0
        self.last_success = self.around.clock.utc().timestamp()

    def _failed(self, name: Name | None, error: OutsideError, phase: str, now: float) -> None:
        """Of one name where others of the zone may fare better, else of the zone."""
        if isinstance(error, LeaseLost):
            self.retry_at = now + _AFTER_A_LOST_LEASE_S
            return
        failure, trouble = classify(error, phase)
        is_of_name = failure is Failure.CONFLICT or trouble.reason == "Refused"
        target: Name | ZoneKeeper = name if name is not None and is_of_name else self
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
