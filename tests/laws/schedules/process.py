"""One process of the operator in virtual time: its controller, its lease, its watches, its death.

The loop and the lease are appointments of the timeline, as they are threads of the daemon: while one
of them waits for an answer, the other goes on, and so does every other process.
"""

import contextlib
import random
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
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
from swarm_operator.simulation import consul_transport, docker_transport
from swarm_operator.simulation.docker_wire import DirectWire
from swarm_operator.simulation.timeline import Timeline, Timer
from tests.laws.schedules.faults import Death, Faults, Killed
from tests.laws.schedules.step import Step
from tests.laws.schedules.tree_watch import TreeWatch
from tests.laws.schedules.wires import ConsulTap, DockerTap
from tests.runtime.fakes import FakeMetrics

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab

TTL_S: Final = 15.0
LOCK_DELAY_S: Final = 1.0
LONGEST_WAIT_S: Final = 60.0
"""As the daemon's."""
HOT: Final = 200
"""Steps in one second that no reason excuses."""


class Clock:
    """The timeline as the runtime's clock."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def monotonic(self) -> float:
        # A machine that has just been switched on is no special case.
        return 1000.0 + self._timeline.now

    def utc(self) -> datetime:
        return self._timeline.utc()


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
        self.clock = Clock(lab.timeline)
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
            on_change=lambda _held, _why: self._nudge(),
        )
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
            )
        )
        self._busy = False
        self._woken = False
        self._frozen_until = 0.0
        self._hot: tuple[float, int] = (0.0, 0)
        self._loop_timer: Timer | None = None
        self._lease_timer: Timer | None = None
        self._at_loop(0.0)
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
        for timer in (self._loop_timer, self._lease_timer):
            if timer is not None:
                timer.cancel()

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
        self._frozen_until = self.now + seconds + 0.001
        until = self.now + seconds
        if meanwhile is not None:
            meanwhile.do(self.lab)
        self.lab.run(max(0.0, until - self.now))
        self.require_alive()

    # --- what wakes it ----------------------------------------------------------------------------

    def tree_came(self, tree: KvTree) -> None:
        self.inbox.put_tree(tree)
        self._nudge()

    def kv_failed(self, error: OutsideError) -> None:
        self.inbox.put_kv_error(str(error))
        self._nudge()

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
        self._nudge()

    def _nudge(self) -> None:
        self._woken = True
        if self.alive and not self._busy:
            self._at_loop(0.0)

    # --- its threads ------------------------------------------------------------------------------

    def _at_loop(self, delay_s: float) -> None:
        if self._loop_timer is not None:
            self._loop_timer.cancel()
        self._loop_timer = self.lab.timeline.after(delay_s, self._loop)

    def _at_lease(self, delay_s: float) -> None:
        self._lease_timer = self.lab.timeline.after(delay_s, self._keep_lease)

    def _loop(self) -> None:
        if self.now < self._frozen_until:
            self._at_loop(self._frozen_until - self.now)
            return
        self._busy, self._woken = True, False
        self.steps += 1
        try:
            due = self.controller.step(self.inbox.take(0.0))
        except Killed:
            return
        except Exception:  # noqa: BLE001 - as the daemon does
            self.lab.broke("a step failed; this is a defect", traceback.format_exc())
            due = self.clock.monotonic() + 5.0
        finally:
            self._busy = False
        if self._is_hot():
            return
        wait_s = min(due - self.clock.monotonic(), LONGEST_WAIT_S)
        self._at_loop(0.0 if self._woken else max(0.0, wait_s))

    def _is_hot(self) -> bool:
        since, count = self._hot
        self._hot = (since, count + 1) if self.now < since + 1.0 else (self.now, 1)
        if self._hot[1] > HOT:
            self.lab.broke("the loop is hot", f"{HOT} steps of {self.name} in a second")
            self.die()
        return not self.alive

    def _keep_lease(self) -> None:
        if self.now < self._frozen_until:
            self._at_lease(self._frozen_until - self.now)
            return
        try:
            due = self.lease.step(self.clock.monotonic())
        except Killed:
            return
        self._at_lease(max(0.0, due - self.clock.monotonic()))

    def _new_installation(self, swarm_id: str) -> bytes:
        fields: dict[str, Any] = {"schema": SCHEMA_VERSION, "swarm": swarm_id}
        return Installation(**fields, installation=self.lab.INSTALLATION, key="00ff" * 8).encode()
