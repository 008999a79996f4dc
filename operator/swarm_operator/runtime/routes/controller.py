"""The controller of routes: one synchronous step from what runs to what Traefik reads.

It needs the lease and a complete look at the swarm, not the documents: a KV that was wiped gets its
routes back at once. It holds no thread and reads no clock but the one it is given.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from desired_state import keys
from desired_state.route_records import StackRoutes, TraefikStatus
from swarm_operator.observed import errors
from swarm_operator.observed.kv import Fence
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.routes import lint
from swarm_operator.plan.routes.compile import Compiled
from swarm_operator.plan.routes.fields import Version
from swarm_operator.plan.routes.instances import shared_networks
from swarm_operator.plan.routes.last_good import read_back
from swarm_operator.plan.routes.ownership import installation_id
from swarm_operator.plan.routes.published import Previous, Published
from swarm_operator.plan.routes.servers import Surroundings, is_running
from swarm_operator.plan.routes.tree import ObjectId, Origin, RouteTree
from swarm_operator.runtime.backoff import Backoff
from swarm_operator.runtime.inbox import Wake
from swarm_operator.runtime.observer import Observer, Pace
from swarm_operator.runtime.record import StatusWriter
from swarm_operator.runtime.routes.documents import Desired, finish_adoptions, read_desired
from swarm_operator.runtime.routes.inheritance import (
    orphans,
    owners_in,
    routes_of,
    with_their_routes,
    with_what_drafts_name,
    with_what_lies_there,
    with_what_they_name,
)
from swarm_operator.runtime.routes.motion import Motion
from swarm_operator.runtime.routes.noted import owners_of
from swarm_operator.runtime.routes.publications import Publications
from swarm_operator.runtime.routes.questions import Questions
from swarm_operator.runtime.routes.root import Root
from swarm_operator.runtime.routes.surroundings import RouteSurroundings
from swarm_operator.runtime.routes.traefik_view import Look
from swarm_operator.runtime.routes.view import RouteView
from swarm_operator.runtime.routes.withdrawals import Withdrawals, routed_services

PACE: Final = Pace(idle_every_s=2.0, moving_every_s=0.25, growth=1.0, idle_share=30.0)
WAITING_S: Final = 5.0
IDLE_S: Final = 30.0
"""Between two looks while there is no route at all: events tell of the first one."""
GAP_S: Final = 0.2
"""Between two of these looks, for events come in bursts."""


@dataclass(slots=True)
class RoutesController:
    """Keeps Traefik's keys as the running services wish them."""

    around: RouteSurroundings
    error: str | None = None
    """Why the last step could not be finished."""
    stepped_at: float = 0.0
    _observer: Observer = field(init=False)
    _statuses: StatusWriter = field(init=False)
    _root: Root = field(init=False)
    _publications: Publications = field(init=False)
    _view: RouteView = field(init=False)
    _backoff: Backoff = field(init=False)
    _withdrawals: Withdrawals = field(init=False)
    _questions: Questions = field(init=False)
    _desired: Desired = field(default_factory=Desired)
    _documents_known: bool = False
    """Whether `_desired.documents` are all there are."""
    _leads_by: Fence | None = None
    _motion: Motion = field(default_factory=Motion)
    _noted: Mapping[ObjectId, tuple[str, ...]] = field(default_factory=dict)
    """Who had each router at the take-over, as an earlier holder noted."""
    _has_inherited: bool = False
    """Whether, since then, what lies there was looked at too."""
    _recalled: set[str] = field(default_factory=set)
    """Owners whose last good state was read back from their keys since then."""
    _is_idle: bool = False
    """No service wishes a route, and no key is ours."""
    _idle_looked_at: float = 0.0
    _something_happened: bool = False
    """In the swarm, since then."""
    _lint: tuple[tuple[object, ...] | None, tuple[lint.Finding, ...]] = (None, ())

    def __post_init__(self) -> None:
        around = self.around
        self._observer = Observer(around.swarm, around.rng, around.clock.monotonic, PACE)
        self._statuses = StatusWriter(around.kv, around.log)
        self._root = Root(around.root, around.clock, around.metrics)
        self._publications = Publications(around.plan.routes)
        self._view = RouteView(around, self._statuses)
        self._backoff = Backoff(around.rng, longest_s=WAITING_S)
        self._withdrawals = Withdrawals(around.withdrawing)
        self._questions = Questions(around, self._root)

    @property
    def snapshot_taken_at(self) -> float | None:
        """Monotonic time of the newest look at the swarm."""
        snapshot = self._observer.snapshot
        return snapshot.taken_at if snapshot is not None else None

    def step(self, wake: Wake) -> float:
        """Do what is due. Returns the monotonic time at which the next step is due."""
        now = self.around.clock.monotonic()
        self._absorb(wake, now)
        fence = self.around.lease.fence(now)
        due = self._stand_by(now) if fence is None else self._lead(fence, now)
        self.stepped_at = now
        return due

    def _absorb(self, wake: Wake, now: float) -> None:
        self._something_happened |= wake.swarm_changed or bool(wake.services_changed)
        if wake.swarm_changed:
            self._observer.mark_dirty()
        if wake.services_changed:
            self._observer.mark_changed(wake.services_changed)
        self._motion.heard(wake, now)
        if wake.tree is not None:
            self._desire(read_desired(wake.tree))

    def _desire(self, desired: Desired) -> None:
        if desired.is_whole:
            self._desired, self._documents_known = desired, True
        elif not self._documents_known:
            self._desired = desired
        # Else the sentinel is gone: what was read before holds until it is back.

    def _stand_by(self, now: float) -> float:
        if self._leads_by is not None:
            self._leads_by = None
            self.around.withdrawing.forget()
            self._questions.end()
        return now + 60.0

    def _lead(self, fence: Fence, now: float) -> float:
        try:
            if self._leads_by != fence:
                self._take_over(fence, now)
            due = self._publish(fence, now)
        except errors.LeaseLost as error:
            self._leads_by = None
            self.around.lease.lost(str(error))
            self.around.log.warning("the lease is lost", why=str(error))
            return now + 1.0
        except errors.OutsideError as error:
            return self._failed(error, fence, now)
        if self.error is not None:
            self.around.log.info("routes can be published again")
        self.error = None
        self._backoff.reset("")
        return due

    def _failed(self, error: errors.OutsideError, fence: Fence, now: float) -> float:
        why = str(error)
        if self.error != why:
            self.around.log.warning("routes cannot be published for now", why=why)
        self.error = why
        self._observer.mark_dirty()
        self._root.observed = None
        self._view.waits(why, is_final=isinstance(error, errors.Denied | errors.TooLarge))
        with contextlib.suppress(errors.OutsideError):
            self._statuses.flush(fence, now)
        return self._backoff.failed("", now)

    def _take_over(self, fence: Fence, now: float) -> None:
        """Read what an earlier holder noted, and look at everything anew."""
        kv = self.around.kv
        self._desire(read_desired(kv.read(keys.DESIRED)))
        entries = {
            f"{keys.ROUTES_STATUS}{key}": entry.value
            for key, entry in kv.read(keys.ROUTES_STATUS).entries.items()
        }
        status = kv.get(keys.TRAEFIK_STATUS)
        if status is not None:
            entries[keys.TRAEFIK_STATUS] = status.value
        self._statuses.loaded(entries)
        noted = TraefikStatus.parse(status.value) if status is not None else None
        self._questions.begin(noted.version if noted is not None else "", now)
        records = [StackRoutes.parse(value) for value in entries.values()]
        self._noted = owners_of(filter(None, records))
        self._has_inherited, self._recalled = False, set()
        self._view.forget()
        self._is_idle = False
        self._observer.forget()
        self._root.forget("")
        self.around.withdrawing.forget()
        self._leads_by = fence

    # --- one pass -----------------------------------------------------------------------------------

    def _publish(self, fence: Fence, now: float) -> float:
        if self._is_idle and not self._desired.documents:
            due = self._look_for_routes(now)
            if due is not None:
                return self._flushed(fence, now, due)
        swarm = self._observer.observe(now)
        self._motion.seen(swarm, now)
        why = self._why_not(swarm)
        if why:
            self._view.waits(why)
            self._observer.set_moving(moving=False)
            self._observer.mark_dirty()  # only a full pass clears it
            return self._due(fence, now, [now + WAITING_S])
        published = self._publications.of_services(swarm.services)
        documents = self._publications.of_documents(self._desired.documents)
        self._root_of(swarm.cluster_id)
        self._root.look(now)
        self._root.freshen(now)
        if not published and not documents and not self._root.has_ours:
            return self._idle(fence, now)
        self._questions.ask(swarm)
        if self._questions.must_be_asked_first(now):
            return self._due(fence, now, [now + 0.1])
        return self._keep(swarm, (*published, *documents), fence, now)

    def _look_for_routes(self, now: float) -> float | None:
        """When to look again, where there is still no route; None where there is one now."""
        self._withdrawals.confirm_all()
        due = self._idle_looked_at + (GAP_S if self._something_happened else IDLE_S)
        if now < due:
            return due
        self._idle_looked_at, self._something_happened = now, False
        if self._publications.of_services(self.around.swarm.services()):
            self._is_idle = False
            self._observer.mark_dirty(at_once=True)
            return None
        return now + IDLE_S

    def _idle(self, fence: Fence, now: float) -> float:
        """No route, and nothing of ours to take away: nothing is asked, nothing written."""
        self._is_idle, self._idle_looked_at = True, now
        self._withdrawals.confirm_all()
        self._questions.end()
        self._view.idle()
        self._observer.set_moving(moving=False)
        return self._flushed(fence, now, now + IDLE_S)

    def _why_not(self, swarm: Swarm) -> str:
        if swarm.incomplete:
            return "; ".join(swarm.incomplete)
        if self._desired.swarm and self._desired.swarm != swarm.cluster_id:
            return "the KV is another swarm's: see desired/.installation"
        return ""

    def _root_of(self, cluster: str) -> None:
        installation = installation_id(cluster, self.around.plan.operator_root)
        if self._root.installation != installation:
            self._root.forget(installation)

    def _keep(
        self, swarm: Swarm, published: tuple[Published, ...], fence: Fence, now: float
    ) -> float:
        root, plan = self._root, self.around.plan
        surroundings = Surroundings(
            swarm, self.around.withdrawing.tasks(), shared_networks(swarm, plan.service)
        )
        version = self._questions.version()
        if is_new := not self._has_inherited:
            self._inherit(published, surroundings, version)
        compiled = self._compiled(published, surroundings, version)
        if orphaned := orphans(compiled, self._noted):
            self._recall(orphaned, surroundings, compiled)
            compiled = self._compiled(published, surroundings, version)
            running = {task.id for task in swarm.tasks if is_running(task)}
            left, lying = orphans(compiled, self._noted), root.own_tree()
            compiled = with_their_routes(compiled, left, self._noted, lying, running)
        routed = self._routed(compiled, surroundings, is_new=is_new)
        if self._documents_known:
            self._withdrawals.answer_the_unrouted(swarm, root)
        tree = compiled.tree
        if not self._documents_known:
            tree = with_what_lies_there(tree, root.own_tree(), self._noted, swarm)
        root.want(tree, self._adopted(tree), now)
        acts = self.around.identity.mode == "act"
        if acts:
            root.write(
                fence,
                now,
                lambda number: self._questions.answers().confirm(number, root.writes, now),
            )
        if root.is_in_step:
            self._questions.written(compiled.tree)
        self._questions.ask(swarm)
        instances = self._questions.answers()
        assert root.changes is not None
        is_confirmed = instances.confirm(root.writes.number, root.writes, now)
        served = tuple(compiled.in_tree.values())  # of a refused one its last good state
        self._withdrawals.answer(
            served, routed, surroundings, root, is_confirmed=is_confirmed, now=now
        )
        self._take_adopted(fence)
        frozen = instances.frozen(root.writes, now)
        findings = self._findings(version, is_frozen=bool(frozen))
        look = Look(
            now, compiled, surroundings, root.changes, root.is_in_step, root.writes, root.generation,
            instances, version, findings,
        )  # fmt: skip
        if acts and frozen and not any(finding.freezes for finding in findings):
            root.poke(fence, now)
        if not (acts and root.is_about_to_write(now)):
            self._view.show(look)
        self._set_pace(swarm, served, surroundings, now)
        due = [self._root.next_at(now), self._view.next_at(look)]
        if self.around.withdrawing.waiting():
            due.append(now + 0.25)
        return self._due(fence, now, due)

    def _due(self, fence: Fence, now: float, due: list[float]) -> float:
        return self._flushed(fence, now, min([*due, self._observer.next_at()]))

    def _flushed(self, fence: Fence, now: float, due: float) -> float:
        later = self._statuses.flush(fence, now)
        return due if later is None else min(due, later)

    # --- what it goes by ----------------------------------------------------------------------------

    def _compiled(
        self, published: tuple[Published, ...], surroundings: Surroundings, version: Version
    ) -> Compiled:
        foreign = self._root.objects(ours=False) - self._desired.adopted.keys()
        return self._publications.compiled(published, surroundings, version, foreign)

    def _inherit(
        self, published: tuple[Published, ...], surroundings: Surroundings, version: Version
    ) -> None:
        lying = self._root.own_tree()
        self._publications.forget(Previous(owners=with_what_they_name(self._noted, lying)))
        compiled = self._compiled(published, surroundings, version)
        self._noted = with_what_drafts_name(self._noted, compiled, lying)
        self._has_inherited = True

    def _recall(self, of: Mapping[str, Origin], around: Surroundings, compiled: Compiled) -> None:
        """What nobody remembers of these is read back from their keys, once."""
        new = of.keys() - self._recalled
        self._recalled |= new
        lying, drain_s = self._root.own_tree(), self.around.plan.routes.drain_s
        good = {
            owner: read_back(
                of[owner], routes_of(owner, self._noted, lying), around, drain_s,
                compiled.wished_by(owner),
            )
            for owner in new
        }  # fmt: skip
        if good:
            self._publications.remember(good)

    def _routed(
        self, compiled: Compiled, surroundings: Surroundings, *, is_new: bool
    ) -> frozenset[str]:
        """Ids of the services that are published now. At first all count as in use by Traefik that an
        earlier holder may have taken out a moment ago."""
        routed = routed_services(compiled, surroundings)
        if is_new:
            known = routed_services(compiled, surroundings, owners_in(self._noted))
            before = self._publications.routed_before(surroundings.swarm.services)
            self._withdrawals.begin(known | before)
        self._withdrawals.note(routed)
        return routed

    def _findings(self, version: Version, *, is_frozen: bool) -> tuple[lint.Finding, ...]:
        """What is wrong with the keys; with ours only where an instance takes no changes."""
        observed = self._root.observed
        asked = (observed, version, is_frozen)
        if observed is not None and (self._lint[0] is None or self._lint[0] != asked):
            found = lint.lint(observed, self._root.installation, version, ours=is_frozen)
            self._lint = asked, found
        return self._lint[1]

    # --- adopt --------------------------------------------------------------------------------------

    def _take_adopted(self, fence: Fence) -> None:
        """A wish to adopt is over when nothing keeps the object from being written."""
        changes = self._root.changes
        if self._desired.adopted and self._root.is_in_step and changes is not None:
            held = {conflict.id for conflict in changes.conflicts}
            self._desired = finish_adoptions(self.around.kv, self._desired, held, fence)

    def _adopted(self, tree: RouteTree) -> frozenset[ObjectId]:
        """What is to be taken over: never what is another hand's alone, for that would be its end."""
        asked = self._desired.adopted.keys()
        ours = self._root.objects(ours=True) if asked else frozenset()
        return frozenset(each for each in asked if each in tree or each in ours)

    # --- how often ----------------------------------------------------------------------------------

    def _set_pace(
        self, swarm: Swarm, served: tuple[Published, ...], surroundings: Surroundings, now: float
    ) -> None:
        found = [surroundings.service_of(each, t) for each in served for t in each.targets]
        found.append(swarm.services_by_name.get(self.around.plan.service or ""))
        moving = self._motion.moving(swarm, filter(None, found), surroundings.withdrawn, now)
        # Without names everything is looked at.
        self._observer.set_moving(moving is None or bool(moving), moving or frozenset())
