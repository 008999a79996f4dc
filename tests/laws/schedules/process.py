"""One process of the operator in virtual time: its controller, its lease, its watches, its death.

The loop and the lease are appointments of the timeline, as they are threads of the daemon: while one
of them waits for an answer, the other goes on, and so does every other process.
"""

import contextlib
import random
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from desired_state import keys
from desired_state.records import SCHEMA_VERSION, Installation
from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.kv import Fence, KvTree
from swarm_operator.runtime.inbox import Inbox
from swarm_operator.runtime.lease import Lease
from swarm_operator.runtime.stacks import StackController
from swarm_operator.runtime.toolbox import Identity, Surroundings
from swarm_operator.runtime.withdrawal import NothingPublished
from swarm_operator.simulation import consul_transport, docker_transport
from swarm_operator.simulation.docker_wire import DirectWire
from swarm_operator.simulation.timeline import Timer
from tests.laws.schedules.faults import Death, Faults, Killed
from tests.laws.schedules.routing import Routing
from tests.laws.schedules.step import Step
from tests.laws.schedules.tree_watch import TreeWatch
from tests.laws.schedules.turns import Turn
from tests.laws.schedules.wires import ConsulTap, DockerTap
from tests.runtime.fakes import FakeMetrics, TimelineClock

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab

TTL_S: Final = 15.0
LOCK_DELAY_S: Final = 1.0


class Process:
    """Runs from its making until `stop`, or until it is killed."""

    def __init__(self, lab: "Lab", name: str, number: int) -> None:
        self.lab = lab
        self.name = name
        self.number = number
        """Tells the processes of one name apart."""
        self.faults = Faults()
        self.alive = True
        self.deaf_until = 0.0
        self.steps = 0
        """Of its loop, by which monitors tell one pass from the next."""
        self.clock = TimelineClock(lab.timeline)
        self.docker = DockerTap(self, DirectWire(lab.api_of(name), lab.engine))
        self.consul = ConsulTap(self, lab.consul)
        kv = consul_transport.over(self.consul, lab.timeline, lab.ROOT)
        self.inbox = Inbox()
        self.lease = Lease(
            kv,
            key=keys.LOCK,
            holder=name,
            ttl_s=TTL_S,
            lock_delay_s=LOCK_DELAY_S,
            on_change=lambda _held, _why: self._lease_changed(),
        )
        self.frozen_until = 0.0
        """Until then none of its threads goes on."""
        self.routing = Routing(self, lab.traefiks) if lab.traefiks is not None else None
        self.controller = StackController(
            Surroundings(
                swarm=docker_transport.over(self.docker, lab.timeline),
                kv=kv,
                lease=self.lease,
                clock=self.clock,
                rng=random.Random(f"{lab.seed} {name} {number}"),
                identity=Identity("test", "act", name),
                log=lab.log,
                metrics=FakeMetrics(),
                new_installation=self._new_installation,
                withdrawal=self.routing.withdrawing if self.routing else NothingPublished(),
                route_news=self.routing.news if self.routing else tuple,
                unrouted=self.routing.unrouted if self.routing else dict,
            )
        )
        self._lease_timer: Timer | None = None
        self._loop = Turn(self, self._step)
        self._at_lease(0.0)
        self._watches = (
            TreeWatch(self, keys.DESIRED, self.tree_came, self.kv_failed),
            TreeWatch(self, "lock/", self._lock_moved, lambda _error: None),
        )
        self._unsubscribe: Callable[[], None] = lab.engine.events.subscribe(self._event_came)
        self.inbox.put_swarm_change()

    @property
    def now(self) -> float:
        """Seconds of the timeline."""
        return self.lab.timeline.now

    @property
    def fence(self) -> Fence | None:
        """The proof of leadership that it has at this moment, in its own view."""
        return self.lease.fence(self.clock.monotonic())

    @property
    def is_misled(self) -> bool:
        """Whether it may know less of the swarm than is there to be known, or believes that it leads
        while Consul has broken its promise."""
        is_torn = self.now < self.lab.lock_torn_until
        is_cut_off = not self.lab.hears(self.name)
        return is_torn or is_cut_off or self.now < self.deaf_until or self.docker.is_stale

    # --- its end ----------------------------------------------------------------------------------

    def stop(self) -> None:
        """In order: the loop is done, the lease is given back."""
        self.die()
        self.alive = True  # its last words
        with contextlib.suppress(Killed):
            self.lease.release()
        self.alive = False

    def die(self) -> None:
        self.alive = False
        self._unsubscribe()
        for watch in self._watches:
            watch.stop()
        self._loop.stop()
        if self._lease_timer is not None:
            self._lease_timer.cancel()
        if self.routing is not None:
            self.routing.stop()

    def require_alive(self) -> None:
        """Raises Killed where the process died while it waited for an answer."""
        if not self.alive:
            raise Killed

    def begin_write(self, api: str) -> Death | None:
        """What is to happen at the write that is made now; raises Killed where that is its end."""
        death = self.faults.next_write(api)
        if death is None:
            return None
        if death.freeze_s is not None:
            self._stand_still(death.freeze_s, death.meanwhile)
            return None
        if not death.applied:
            self.met(f"crash before a {api} write")
            self.die()
            raise Killed
        return replace(death, api=api)

    def end_write(self, death: Death | None) -> None:
        """The write is done, or its answer will not come."""
        self.require_alive()
        if death is not None:
            self.met(f"crash after a {death.api} write")
            self.die()
            raise Killed

    def met(self, what: str) -> None:
        """Tell the monitors what happened to this process."""
        for monitor in self.lab.monitors:
            monitor.met(self, what)

    def _stand_still(self, seconds: float, meanwhile: Step | None) -> None:
        # The loop is the first to go on: it must see by itself that its lease ran out.
        self.frozen_until = self.now + seconds + 0.001
        until = self.now + seconds
        if meanwhile is not None:
            meanwhile.do(self.lab)
        self.lab.run(max(0.0, until - self.now))
        self.require_alive()

    # --- what wakes it ----------------------------------------------------------------------------

    def tree_came(self, tree: KvTree) -> None:
        self.inbox.put_tree(tree)
        self.wake()
        if self.routing is not None:
            self.routing.tree_came(tree)

    def kv_failed(self, error: OutsideError) -> None:
        self.inbox.put_kv_error(str(error))
        self._loop.wake()

    def _lock_moved(self, _tree: KvTree) -> None:
        if self.alive and self._lease_timer is not None and self._lease_timer.is_pending:
            self._lease_timer.cancel()
            self._at_lease(0.0)

    def _event_came(self, event: JsonObject) -> None:
        """As the daemon does."""
        if self.now < self.deaf_until:
            return
        if (event["Type"], event["Action"]) == ("service", "update"):
            self.inbox.put_service_change(event["Actor"]["ID"])
        else:
            self.inbox.put_swarm_change()
        self.wake()
        if self.routing is not None:
            self.routing.event_came(event)

    def wake(self) -> None:
        """Its loop has something to look at."""
        self._loop.wake()

    def _lease_changed(self) -> None:
        self.wake()
        if self.routing is not None:
            self.routing.wake()

    # --- its threads ------------------------------------------------------------------------------

    def _step(self) -> float:
        self.steps += 1
        return self.controller.step(self.inbox.take(0.0))

    def _at_lease(self, delay_s: float) -> None:
        self._lease_timer = self.lab.timeline.after(delay_s, self._keep_lease)

    def _keep_lease(self) -> None:
        if self.now < self.frozen_until:
            self._at_lease(self.frozen_until - self.now)
            return
        try:
            due = self.lease.step(self.clock.monotonic())
        except Killed:
            return
        self._at_lease(max(0.0, due - self.clock.monotonic()))

    def _new_installation(self, swarm_id: str) -> bytes:
        fields: dict[str, Any] = {"schema": SCHEMA_VERSION, "swarm": swarm_id}
        return Installation(**fields, installation=self.lab.INSTALLATION, key="00ff" * 8).encode()
