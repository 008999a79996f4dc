"""The controller of names: one synchronous step from what runs to the orders for providers' threads.

It decides everything and asks no provider itself. It holds no thread and reads no clock but the one it
is given.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from desired_state import keys
from desired_state.dns_records import DnsStatus
from swarm_operator.observed import errors
from swarm_operator.observed.kv import Fence
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.dns.budget import ZoneChanges
from swarm_operator.plan.dns.endpoints import untrusted
from swarm_operator.plan.dns.rrset import Wanted
from swarm_operator.plan.dns.wishes import (
    BindingId,
    Wish,
    Wishes,
    abandoned,
    resolve_claims,
    with_those_that_stay,
)
from swarm_operator.runtime.backoff import Backoff
from swarm_operator.runtime.dns.account_desk import AccountDesk
from swarm_operator.runtime.dns.debts import debtors, drop_unknown, leave
from swarm_operator.runtime.dns.deciding import Decider
from swarm_operator.runtime.dns.due_looks import Budget
from swarm_operator.runtime.dns.measures import Picture
from swarm_operator.runtime.dns.names import Name, read_back
from swarm_operator.runtime.dns.surroundings import DnsSurroundings
from swarm_operator.runtime.dns.telling import Teller, is_gone, shown
from swarm_operator.runtime.dns.verification import Verification
from swarm_operator.runtime.dns.zone_keeper import ZoneKeeper
from swarm_operator.runtime.inbox import Wake
from swarm_operator.runtime.observer import Observer, Pace
from swarm_operator.runtime.record import StatusWriter

PACE: Final = Pace(idle_every_s=2.0, moving_every_s=0.25, growth=1.0, idle_share=30.0)
_HOT_S: Final = 3.0
"""After an event the tasks are looked at often for so long: Swarm acts on it a moment later."""
_WAITING_S: Final = 5.0
_IDLE_S: Final = 60.0
_PENDING_S: Final = 0.5


@dataclass(slots=True)
class DnsController:
    """Lets names point at the nodes that run their services."""

    around: DnsSurroundings
    error: str | None = None
    """Why the last step could not be finished."""
    stepped_at: float = 0.0
    """When the last step began: one that hangs is seen by it."""
    picture: Picture = field(default_factory=Picture)
    """After the last step, for other threads."""
    names: dict[BindingId, Name] = field(default_factory=dict)
    _observer: Observer = field(init=False)
    _statuses: StatusWriter = field(init=False)
    _verification: Verification = field(init=False)
    _decider: Decider = field(init=False)
    _teller: Teller = field(init=False)
    _backoff: Backoff = field(init=False)
    _budgets: dict[str, Budget] = field(default_factory=dict)
    _zones: dict[tuple[str, str], ZoneKeeper] = field(default_factory=dict)
    _wishes: Wishes | None = None
    _leads_by: Fence | None = None
    _hot_until: float = 0.0
    _look_again_at: float = 0.0
    """After a look at the swarm that failed."""
    _why_not_trusted: str = ""

    def __post_init__(self) -> None:
        around = self.around
        self._observer = Observer(around.swarm, around.rng, around.clock.monotonic, PACE)
        self._statuses = StatusWriter(around.kv, around.log)
        self._verification = Verification(
            around.servers, around.metrics, lambda name: name.may_be_written(around.identity.mode)
        )
        self._decider = Decider(around, self._budget_of)
        self._teller = Teller(around, self._statuses, self._keeper_of)
        self._backoff = Backoff(around.rng, longest_s=_WAITING_S)

    def step(self, wake: Wake) -> float:
        """Do what is due. Returns the monotonic time at which the next step is due."""
        now = self.stepped_at = self.around.clock.monotonic()
        if wake.swarm_changed:
            self._observer.mark_dirty()
        if wake.services_changed:
            self._observer.mark_changed(wake.services_changed)
        if wake.swarm_changed or wake.services_changed:
            self._hot_until = now + _HOT_S
        fence = self.around.lease.fence(now)
        return self._stand_by(now) if fence is None else self._lead(fence, now)

    def _stand_by(self, now: float) -> float:
        self._leads_by = None
        self.picture = Picture()
        for account in self.around.accounts.values():
            account.take()
        return now + _IDLE_S

    def _lead(self, fence: Fence, now: float) -> float:
        try:
            if self._leads_by != fence:
                self._take_over(fence, now)
            due = self._keep(fence, now)
        except errors.LeaseLost as error:
            self._leads_by = None
            self.around.lease.lost(str(error))
            self.around.log.warning("the lease is lost", why=str(error))
            return now + 1.0
        except errors.OutsideError as error:
            if self.error != str(error):
                self.around.log.warning("names cannot be kept for now", why=str(error))
            self.error = str(error)
            return self._backoff.failed("", now)
        self.error = None
        self._backoff.reset("")
        return due

    def _take_over(self, fence: Fence, now: float) -> None:
        """Read what an earlier holder noted, and look at everything anew."""
        tree = self.around.kv.read(keys.DNS_STATUS)
        entries = {f"{keys.DNS_STATUS}{key}": entry.value for key, entry in tree.entries.items()}
        self._statuses.loaded(entries)
        utc = self.around.clock.utc()
        self.names, self._zones = {}, {}
        self._decider.forget()
        self._why_not_trusted, self._look_again_at = "", 0.0
        for key, entry in tree.entries.items():
            zone, _, name = key.partition("/")
            status = DnsStatus.parse(entry.value)
            if status is not None and name:
                id_ = BindingId(zone, name)
                self.names[id_] = read_back(id_, status, now, utc, self.around.rng)
                drop_unknown(self.names[id_], self.around.accounts)
        for account in self.around.accounts.values():
            account.take()
        self.around.servers.forget()
        self._observer.forget()
        self._wishes = None
        self._leads_by = fence

    # --- one pass -----------------------------------------------------------------------------------

    def _keep(self, fence: Fence, now: float) -> float:
        self._take_results(fence, now)
        wishes = self.around.wishes.latest()
        if wishes is not None and wishes is not self._wishes:
            self._wish(wishes, now)
        due = [now + _IDLE_S]
        # What nobody wishes any more waits for that, too.
        swarm = self._look(now) if self._wished() or self._why_not_trusted else None
        # What is owed was decided on a swarm that was to be trusted.
        held = frozenset(self.names) if self._why_not_trusted and self._wishes else frozenset()
        if swarm is not None:
            held = self._decide(swarm, now, due)
        due += self._keep_zones(fence, now, held)
        utc = self.around.clock.utc()
        due += [self._verification.look(name, now, utc) for name in self.names.values()]
        if self._wished() or self._why_not_trusted:
            due.append(max(self._observer.next_at(), self._look_again_at))
        self._tell(now)
        later = self._statuses.flush(fence, now)
        return min([*due, *([] if later is None else [later])])

    def _wished(self) -> list[Name]:
        return [name for name in self.names.values() if name.wish is not None]

    def _wish(self, wishes: Wishes, now: float) -> None:
        owners = {id_: name.noted.service for id_, name in self.names.items() if name.noted}
        owners |= {id_: name.wish.service for id_, name in self.names.items() if name.wish}
        wished = with_those_that_stay(wishes, dict(self._noted_wishes()))
        granted, taken = resolve_claims(wished, owners, self._has_provider)
        others: dict[BindingId, list[str]] = {}
        for each in taken:  # told of the name that was got: the other one may be of another zone
            others.setdefault(each.by.id, []).append(each.wish.service)
        seen: set[BindingId] = set()
        for wish in granted:
            if wish.id in seen:
                others.setdefault(wish.id, []).append(wish.service)
                continue
            seen.add(wish.id)
            self._bind(wish, now)
        stacks = {id_: name.noted.stack for id_, name in self.names.items() if name.noted}
        stacks |= {id_: name.wish.stack for id_, name in self.names.items() if name.wish}
        for id_ in list(abandoned(replace(wishes, wishes=wished), owners, stacks)):
            self._abandon(self.names[id_], is_evident=stacks.get(id_) in wishes.evident)
        for id_, name in self.names.items():
            for _ in set(others.get(id_, ())) - set(name.others):
                self.around.metrics.count("dns_conflicts_total", {"kind": "owner"})
            name.others = tuple(sorted(others.get(id_, ())))
            stack = stacks.get(id_, "")
            name.is_unread = stack in wishes.keeping
            if stack in wishes.evident | wishes.observed:  # else as it was noted
                name.is_only_observed(stack in wishes.observed)
        self._decider.addresses = dict(wishes.addresses)
        self._decider.unread_nodes = wishes.unread_nodes
        self._wishes = wishes

    def _bind(self, wish: Wish, now: float) -> None:
        name = self.names.setdefault(wish.id, Name(id=wish.id, wanted_since=now))
        is_new = name.wish is None and name.noted is None
        before = None if is_new else self._keeper_of(name)
        if name.wish_is(wish):
            self._try_again(wish.id.zone)
            if before is not None and before is not self._keeper_of(name):
                leave(name, before.account.name)

    def _noted_wishes(self) -> Iterator[tuple[BindingId, Wish]]:
        for id_, name in self.names.items():
            binding = name.noted.read_binding() if name.noted is not None else None
            if name.noted is not None and binding is not None and not name.is_abandoned:
                yield id_, Wish(name.noted.stack, name.noted.service, binding)

    def _has_provider(self, wish: Wish) -> bool:
        binding = wish.binding
        return self.around.account_for(binding.zone, binding.provider) is not None

    def _try_again(self, zone: str) -> None:
        """A person wrote a binding anew: what needed a person may do now."""
        for keeper in self._zones.values():
            if keeper.zone == zone and keeper.trouble is not None and keeper.trouble.needs_a_person:
                keeper.retry_at = 0.0

    def _abandon(self, name: Name, *, is_evident: bool) -> None:
        """With the right to delete our own records go; else they stay, and it is said."""
        if name.is_abandoned:
            return
        goes = is_evident and name.policy == "sync" and bool(name.records)
        ttls = {type_: rrset.ttl for type_, rrset in name.records.items()}
        name.wish, name.is_abandoned, name.kept, name.judged = None, True, {}, {}
        name.checks, name.others, name.trouble = {}, (), None
        name.wanted = (
            {type_: Wanted(name.key(type_), (), ttl) for type_, ttl in ttls.items()} if goes else {}
        )

    def _look(self, now: float) -> Swarm | None:
        """The swarm as it is to be trusted; None where nothing may be concluded from it."""
        if now < self._look_again_at:
            return None
        try:
            swarm = self._observer.observe(now)
        except errors.OutsideError as error:
            self._observer.mark_dirty()
            self._look_again_at = self._backoff.failed("swarm", now)
            self._distrust(f"the swarm cannot be read: {error}", "timeout")
            return None
        self._backoff.reset("swarm")
        why = untrusted(swarm)
        if why is not None:
            self._distrust(why.why, "quorum")
            return None
        self._why_not_trusted = ""
        return swarm

    def _distrust(self, why: str, reason: str) -> None:
        self._why_not_trusted = why
        self.around.metrics.count("dns_untrusted_reads_total", {"reason": reason})

    def _decide(self, swarm: Swarm, now: float, due: list[float]) -> frozenset[BindingId]:
        """What each name is to be; returns those that must not change yet."""
        names = self._wished()
        again, moving = self._decider.decide(names, swarm, now)
        due.append(again)
        is_hot = now < self._hot_until
        self._observer.set_moving(bool(moving) or is_hot, frozenset() if is_hot else moving)
        held, needs_a_read = self._decider.held_back(names, now)
        if needs_a_read:
            self._observer.mark_dirty(at_once=True)
            due.append(now + 0.001)
        return held

    # --- zones --------------------------------------------------------------------------------------

    def _keep_zones(self, fence: Fence, now: float, held: frozenset[BindingId]) -> list[float]:
        due = []
        for keeper, names in self._by_zone():
            of_zone = frozenset(id_.name for id_ in held if id_.zone == keeper.zone)
            due.append(keeper.step(names, fence, now, held=of_zone))
        return due

    def _by_zone(self) -> list[tuple[ZoneKeeper, dict[str, Name]]]:
        """Also where no name is any more: an answer may be under way, or something owed."""
        found: dict[tuple[str, str], dict[str, Name]] = {}
        for name in self.names.values():
            keeper = self._keeper_of(name)
            if keeper is not None:
                found.setdefault((keeper.account.name, keeper.zone), {})[name.id.name] = name
            for account in name.owed_at:
                self._keeper(self.around.accounts[account], name.id.zone)
        return [(keeper, found.get(key, {})) for key, keeper in self._zones.items()]

    def _keeper_of(self, name: Name) -> ZoneKeeper | None:
        provider = name.wish.binding.provider if name.wish is not None else None
        if name.wish is None and name.noted is not None:
            provider = name.noted.provider or None
        account = self.around.account_for(name.id.zone, provider)
        return None if account is None else self._keeper(account, name.id.zone)

    def _keeper(self, account: AccountDesk, zone: str) -> ZoneKeeper:
        key = (account.name, zone)
        if key not in self._zones:
            changed = [each for other in self.names.values() if other.id.zone == zone
                       for each in other.followed.changes]  # fmt: skip
            self._zones[key] = ZoneKeeper(
                zone=zone,
                account=account,
                budget=self._budget_of(account.name),
                around=self.around,
                verification=self._verification,
                note=self._note,
                debtors=lambda: debtors(self.names.values(), zone, account.name),
                changes=ZoneChanges(tuple(sorted(changed))),
            )
        return self._zones[key]

    def _budget_of(self, account: str) -> Budget:
        return self._budgets.setdefault(account, Budget())

    def _take_results(self, fence: Fence, now: float) -> None:
        by_zone = {(keeper.account.name, keeper.zone): (keeper, names)
                   for keeper, names in self._by_zone()}  # fmt: skip
        failure: errors.OutsideError | None = None
        for account in self.around.accounts.values():
            for result in account.take():
                if self._decider.take(account.name, result, now):
                    continue
                known = by_zone.get((account.name, result.order.zone))
                if known is None:
                    continue
                try:
                    known[0].take(result, known[1], self._decider.of_nodes, fence, now)
                except errors.OutsideError as error:  # no other result may be lost for it
                    failure = failure or error
        if failure is not None:
            raise failure

    # --- what is told -------------------------------------------------------------------------------

    def _note(self, names: Iterable[Name]) -> None:
        assert self._leads_by is not None
        self._teller.note(names, self._why_not_trusted, self._leads_by)

    def _tell(self, now: float) -> None:
        for name in list(self.names.values()):
            if is_gone(name):
                self._teller.forget(name)
                del self.names[name.id]
            else:
                self._teller.tell(name, self._why_not_trusted, now)
        budgets = {account: budget.calls for account, budget in self._budgets.items()}
        successes = {
            keeper.zone: keeper.last_success
            for keeper in self._zones.values()
            if keeper.last_success is not None
        }
        shown_now = tuple(shown(name) for name in self.names.values())
        self.picture = Picture(shown_now, budgets, successes)
