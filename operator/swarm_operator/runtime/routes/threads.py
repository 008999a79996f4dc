"""The two threads of routes: one that decides and writes, one that asks Traefik's instances."""

import random
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from swarm_operator.runtime.inbox import Inbox
from swarm_operator.runtime.ports import Clock, KvPort, LeaseView, Metrics
from swarm_operator.runtime.routes.controller import RoutesController
from swarm_operator.runtime.routes.surroundings import RoutesSwarm, RouteSurroundings, TraefikPlan
from swarm_operator.runtime.routes.traefik_instances import TraefikInstances, TraefikPort
from swarm_operator.runtime.routes.withdrawing import Withdrawing
from swarm_operator.runtime.toolbox import Identity, RouteNews

_LONGEST_WAIT_S: Final = 60.0
_AFTER_A_DEFECT_S: Final = 5.0
_NEWS_KEPT: Final = 100


@dataclass(frozen=True, slots=True)
class RouteConnections:
    """Connections of its own: what another controller waits for does not hold routes up."""

    swarm: RoutesSwarm
    kv: KvPort
    root: KvPort
    traefik: TraefikPort
    plan: TraefikPlan


class RouteThreads:
    """Everything about routes that runs. `withdrawing` and `news` are for the other controllers."""

    def __init__(
        self,
        outside: RouteConnections,
        *,
        lease: LeaseView,
        identity: Identity,
        clock: Clock,
        log: Any,
        metrics: Metrics,
        on_news: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._log = log
        self._metrics = metrics
        self._on_news = on_news
        self._news: deque[RouteNews] = deque(maxlen=_NEWS_KEPT)
        self._stopping = threading.Event()
        self._asking = threading.Event()
        self._shown: frozenset[str] = frozenset()
        self.inbox = Inbox()
        self.withdrawing = Withdrawing(clock.monotonic, self.inbox.nudge)
        self._instances = TraefikInstances(
            outside.traefik, clock, on_change=self.inbox.nudge, on_wish=self._asking.set
        )
        self.controller = RoutesController(
            RouteSurroundings(
                swarm=outside.swarm,
                kv=outside.kv,
                root=outside.root,
                lease=lease,
                clock=clock,
                rng=random.Random(),  # noqa: S311 - jitter
                identity=identity,
                log=log,
                metrics=metrics,
                instances=self._instances,
                withdrawing=self.withdrawing,
                plan=outside.plan,
                tell=self._tell,
            )
        )
        self._threads = {
            "the routes": threading.Thread(target=self._loop, name="routes", daemon=True),
            "the questions to Traefik": threading.Thread(
                target=self._ask, name="traefik", daemon=True
            ),
        }

    def start(self) -> None:
        """Once only."""
        for thread in self._threads.values():
            thread.start()

    def request_stop(self) -> None:
        """It only says so."""
        self._stopping.set()
        self.inbox.nudge()
        self._asking.set()

    def join(self, timeout_s: float) -> bool:
        """Whether nothing is written any more."""
        writer = self._threads["the routes"]
        writer.join(timeout_s)
        return not writer.is_alive()

    def ended(self) -> list[str]:
        """Threads that do not run any more, by what they do."""
        return [name for name, thread in self._threads.items() if not thread.is_alive()]

    def news(self) -> Iterable[RouteNews]:
        """What happened since it was asked last."""
        found = []
        while self._news:
            found.append(self._news.popleft())
        return found

    def before_scrape(self) -> None:
        """Gauges that age."""
        now = self._clock.monotonic()
        ages = self._instances.stamp_ages(now)
        for name in self._shown - ages.keys():
            self._metrics.forget("traefik_stamp_age_seconds", {"instance": name})
        self._shown = frozenset(ages)
        for name, age_s in ages.items():
            self._metrics.gauge("traefik_stamp_age_seconds", {"instance": name}, age_s)

    def _tell(self, news: RouteNews) -> None:
        self._news.append(news)
        self._on_news()

    def _loop(self) -> None:
        due = self._clock.monotonic()
        while not self._stopping.is_set():
            wait_s = max(0.0, min(due - self._clock.monotonic(), _LONGEST_WAIT_S))
            due = self._step(wait_s)

    def _step(self, wait_s: float) -> float:
        wake = self.inbox.take(wait_s)
        if self._stopping.is_set():
            return 0.0
        started = self._clock.monotonic()
        result = "success"
        try:
            due = self.controller.step(wake)
            if self.controller.error is not None:
                result = "error"
        except Exception as error:  # noqa: BLE001 - its trouble stays its own
            self._log.exception("routes failed; this is a defect of the operator")
            labels = {"controller": "routes", "reason": type(error).__name__}
            self._metrics.count("reconcile_errors_total", labels)
            due, result = self._clock.monotonic() + _AFTER_A_DEFECT_S, "error"
        took_s = self._clock.monotonic() - started
        self._metrics.count("reconcile_total", {"controller": "routes", "result": result})
        self._metrics.observe("reconcile_duration_seconds", {"controller": "routes"}, took_s)
        return due

    def _ask(self) -> None:
        while not self._stopping.is_set():
            try:
                due = self._instances.step()
            except Exception as error:  # noqa: BLE001 - what answers there may be anything
                self._log.exception("asking Traefik failed; this is a defect of the operator")
                labels = {"controller": "routes", "reason": type(error).__name__}
                self._metrics.count("reconcile_errors_total", labels)
                due = self._clock.monotonic() + _AFTER_A_DEFECT_S
            self._asking.wait(max(0.0, min(due - self._clock.monotonic(), _LONGEST_WAIT_S)))
            self._asking.clear()
