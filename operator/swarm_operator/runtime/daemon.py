"""The daemon: threads that feed the controllers, and their end.

One thread per watch, one for the lease, one loop for the swarm (its writes are serial in Raft
anyway). Threads only wait and pass on; everything that decides is called from the loop.
"""

import random
import secrets
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from desired_state import keys
from desired_state.records import SCHEMA_VERSION, Installation
from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.events import SwarmEvent
from swarm_operator.observed.kv import KvTree
from swarm_operator.plan.dns.wishes import Wishes
from swarm_operator.runtime.controller_loop import ControllerLoop, ControllerThreads, Steps
from swarm_operator.runtime.dns.threads import DnsConnections, DnsThreads
from swarm_operator.runtime.executor import RegistryAuth
from swarm_operator.runtime.inbox import Inbox, Wake
from swarm_operator.runtime.lease import Lease
from swarm_operator.runtime.outage import Outage
from swarm_operator.runtime.ports import Clock, KvPort, LockPort, Metrics, SwarmPort
from swarm_operator.runtime.routes.threads import RouteConnections, RouteThreads
from swarm_operator.runtime.stacks import StackController
from swarm_operator.runtime.toolbox import Identity, Surroundings
from swarm_operator.runtime.withdrawal import NothingPublished
from swarm_operator.watch.docker_events import DockerEvents, EventSource
from swarm_operator.watch.kv import KvSource, KvWatch

_STUCK_S: Final = 180.0
"""A step that takes longer than this hangs: every call in it has a shorter limit of its own."""
_STOP_LOOP_S: Final = 2.0
_STOP_OTHERS_S: Final = 0.5
_STOP_LEASE_S: Final = 1.5
_STOP_WATCH_S: Final = 0.3
"""Together below the five seconds in which the process is to end."""


@dataclass(frozen=True, slots=True)
class Outside:
    """The daemon's connections. Each watch needs a source of its own."""

    swarm: SwarmPort
    events: EventSource
    kv: KvPort
    lock: LockPort
    desired_watch: KvSource
    lock_watch: KvSource
    routes: RouteConnections | None = None
    """None: nothing is published for Traefik."""
    dns: DnsConnections | None = None
    """None: names are not looked at at all."""


class Daemon:
    """Everything that runs. `run` returns when `stop` was called."""

    def __init__(
        self,
        outside: Outside,
        *,
        identity: Identity,
        clock: Clock,
        log: Any,
        metrics: Metrics,
        session_ttl_s: float,
        lock_delay_s: float,
        registry_auth: RegistryAuth = lambda _image: None,
        learn_secrets: Callable[[frozenset[str]], None] = lambda _values: None,
    ) -> None:
        self._clock = clock
        self._log = log
        self._metrics = metrics
        self._inbox = Inbox()
        self._stopping = threading.Event()
        self._running = False
        self._started_at = clock.monotonic()
        self._kv_outage = Outage(clock, log, "the KV cannot be read")
        self._events_outage = Outage(clock, log, "Docker's events stopped")
        self._lease_due = threading.Event()
        self._lease = Lease(
            outside.lock,
            key=keys.LOCK,
            holder=identity.holder,
            ttl_s=session_ttl_s,
            lock_delay_s=lock_delay_s,
            on_change=self._lease_changed,
        )
        self._routes: RouteThreads | None = None
        if outside.routes is not None:
            self._routes = RouteThreads(
                outside.routes,
                lease=self._lease,
                identity=identity,
                clock=clock,
                log=log,
                metrics=metrics,
                on_news=self._inbox.nudge,
            )
        self._dns: DnsThreads | None = None
        if outside.dns is not None:
            self._dns = DnsThreads(
                outside.dns,
                lease=self._lease,
                identity=identity,
                clock=clock,
                log=log,
                metrics=metrics,
                on_news=self._inbox.nudge,
            )
        others: tuple[ControllerThreads | None, ...] = (self._routes, self._dns)
        self._others = tuple(other for other in others if other is not None)
        self._inboxes = (self._inbox, *(other.inbox for other in self._others))
        self.controller = StackController(
            Surroundings(
                swarm=outside.swarm,
                kv=outside.kv,
                lease=self._lease,
                clock=clock,
                rng=random.Random(),  # noqa: S311 - jitter
                identity=identity,
                log=log,
                metrics=metrics,
                new_installation=new_installation,
                registry_auth=registry_auth,
                learn_secrets=learn_secrets,
                withdrawal=self._routes.withdrawing if self._routes else NothingPublished(),
                route_news=self._routes.news if self._routes else tuple,
                name_news=self._dns.news if self._dns else tuple,
                unrouted=self._routes.unrouted if self._routes else dict,
                tell_wishes=self._dns.wishes.put if self._dns else _nobody,
            )
        )
        self._desired_watch = KvWatch(
            outside.desired_watch, keys.DESIRED, self._tree_came, self._kv_failed
        )
        self._lock_watch = KvWatch(
            outside.lock_watch,
            keys.LOCK.partition("/")[0] + "/",
            lambda _tree: self._lease_due.set(),
            lambda _error: None,
        )
        self._events = DockerEvents(
            outside.events, self._event_came, self._gap_came, self._events_failed
        )
        self._loop_ended = threading.Event()
        self._steps = Steps("stacks", clock, log, metrics)
        self._loop = ControllerLoop(
            "loop", clock=clock, wait=self._inbox.take, wake=self._inbox.nudge, step=self._step
        )
        self._lease_thread = threading.Thread(target=self._keep_lease, name="lease", daemon=True)

    def run(self) -> None:
        """Reconcile until `stop`, then end within a few seconds: a call that hangs is left behind.

        The loop has a thread of its own, so that the caller's can end while the loop waits for an
        engine that does not answer. The lease is released once the loop is done, or given up on.
        """
        self._desired_watch.start()
        self._lock_watch.start()
        self._events.start()
        self._lease_thread.start()
        self._loop.start()
        for other in self._others:
            other.start()
        self._running = True
        self._stopping.wait()
        self._end()

    def _step(self, wake: Wake) -> float:
        return self._steps.counted("the step", lambda: self.controller.step(wake))

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """May be called from a signal handler: it only says so."""
        self._stopping.set()
        self._loop.request_stop()
        for other in self._others:
            other.request_stop()
        self._lease_due.set()

    def _end(self) -> None:
        self._loop.join(_STOP_LOOP_S)
        others_until = self._clock.monotonic() + _STOP_OTHERS_S
        others_ended = [
            other.join(max(0.0, others_until - self._clock.monotonic())) for other in self._others
        ]
        self._lease_due.set()
        if all(others_ended) and not self._loop.is_alive:
            self._loop_ended.set()
            self._lease_thread.join(_STOP_LEASE_S)
        # Else a write may be under way: nobody else may act before the lease has run out by itself.
        for watch in (self._desired_watch, self._lock_watch, self._events):
            watch.stop(_STOP_WATCH_S)
        hanging = self._loop.is_alive or self._lease_thread.is_alive() or not all(others_ended)
        self._log.info("stopped", left_behind="a call without an answer" if hanging else None)

    # --- threads --------------------------------------------------------------------------------

    def _keep_lease(self) -> None:
        while not self._stopping.is_set():
            due = self._lease.step(self._clock.monotonic())
            self._lease_due.wait(max(0.0, due - self._clock.monotonic()))
            self._lease_due.clear()
        # Not before the loop is done: another hand may act at once.
        self._loop_ended.wait()
        self._lease.release()

    def _lease_changed(self, held: bool, why: str) -> None:
        self._log.info("leading" if held else "not leading any more", why=why)
        self._metrics.gauge("leader", {}, float(held))
        self._metrics.count("leader_transitions_total", {})
        for inbox in self._inboxes:
            inbox.nudge()

    def _tree_came(self, tree: KvTree) -> None:
        self._metrics.gauge("watch_connected", {"source": "consul"}, 1.0)
        if self._kv_outage.over():
            self._metrics.count("watch_reconnects_total", {"source": "consul"})
        for inbox in self._inboxes:
            inbox.put_tree(tree)

    def _kv_failed(self, error: OutsideError) -> None:
        self._metrics.gauge("watch_connected", {"source": "consul"}, 0.0)
        self._kv_outage.goes_on(str(error))
        self._inbox.put_kv_error(str(error))

    def _event_came(self, event: SwarmEvent) -> None:
        # Routes follow from services, tasks, nodes and networks alone.
        inboxes = self._inboxes[:1] if event.kind in {"config", "secret"} else self._inboxes
        for inbox in inboxes:
            if (event.kind, event.action) == ("service", "update"):
                inbox.put_service_change(event.id)
            else:
                inbox.put_swarm_change()

    def _gap_came(self, reason: str) -> None:
        self._metrics.gauge("watch_connected", {"source": "docker"}, 1.0)
        if self._events_outage.over():
            self._metrics.count("watch_reconnects_total", {"source": "docker"})
        self._log.debug("a full pass is due", why=reason)
        for inbox in self._inboxes:
            inbox.put_swarm_change()

    def _events_failed(self, error: OutsideError) -> None:
        self._metrics.gauge("watch_connected", {"source": "docker"}, 0.0)
        self._events_outage.goes_on(str(error))

    # --- health ---------------------------------------------------------------------------------

    def live(self) -> list[str]:
        """What does not move any more; an outage of Consul or Docker is none of it."""
        problems: list[str] = []
        if not self._running:
            return problems
        stepped_at = max(self._started_at, self.controller.situation.stepped_at)
        since = self._clock.monotonic() - stepped_at
        if since > _STUCK_S:
            problems.append(f"the loop has not moved for {since:.0f} s")
        threads = {
            "the watch of the KV": self._desired_watch.is_alive,
            "the watch of the lock": self._lock_watch.is_alive,
            "the watch of Docker's events": self._events.is_alive,
            "the lease": self._lease_thread.is_alive(),
            "the loop": self._loop.is_alive,
        }
        ended = [name for name, alive in threads.items() if not alive]
        ended += [name for other in self._others for name in other.ended()]
        return [*problems, *(f"{name} ended" for name in ended)]

    def ready(self) -> list[str]:
        """Why this process could not act, or take over, now."""
        situation = self.controller.situation
        # A frozen Consul is noticed by the lease long before a blocking read gives up.
        kv_error = situation.kv_error or self._lease.error
        problems = [
            f"the KV cannot be read: {kv_error}" if kv_error else "",
            f"the swarm cannot be read: {situation.swarm_error}" if situation.swarm_error else "",
            *situation.incomplete,
        ]
        return list(dict.fromkeys(problem for problem in problems if problem))

    def before_scrape(self) -> None:
        """Gauges that age."""
        now = self._clock.monotonic()
        taken_at = self.controller.snapshot_taken_at
        if taken_at is not None:
            self._metrics.gauge("snapshot_age_seconds", {"source": "docker"}, now - taken_at)
        self._metrics.gauge("lease_remaining_seconds", {}, self._lease.remaining_s(now))
        for other in self._others:
            other.before_scrape()
        utc = self._clock.utc().timestamp()
        for source, moved_at in (
            ("consul", self._desired_watch.last_progress),
            ("docker", self._events.last_progress),
        ):
            self._metrics.gauge(
                "watch_last_progress_timestamp_seconds", {"source": source}, utc - (now - moved_at)
            )


def _nobody(_wishes: Wishes) -> None:
    """Who wishes are told to where no name is looked at."""


def new_installation(swarm_id: str) -> bytes:
    """A new sentinel: a random id, and a random key for the digests of secrets."""
    return Installation(
        schema=SCHEMA_VERSION,
        installation=str(uuid.uuid4()),
        swarm=swarm_id,
        key=secrets.token_hex(32),
    ).encode()
