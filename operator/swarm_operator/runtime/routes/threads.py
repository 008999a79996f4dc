"""The two threads of routes: one that decides and writes, one that asks Traefik's instances."""

import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from swarm_operator.plan.actions import Finding
from swarm_operator.runtime.controller_loop import Bell, ControllerLoop, Steps
from swarm_operator.runtime.inbox import Inbox, Wake
from swarm_operator.runtime.ports import Clock, KvPort, LeaseView, Metrics
from swarm_operator.runtime.routes.controller import RoutesController
from swarm_operator.runtime.routes.surroundings import RoutesSwarm, RouteSurroundings, TraefikPlan
from swarm_operator.runtime.routes.traefik_instances import TraefikInstances, TraefikPort
from swarm_operator.runtime.routes.withdrawing import Withdrawing
from swarm_operator.runtime.toolbox import Identity, RouteNews

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
        self._metrics = metrics
        self._steps = Steps("routes", clock, log, metrics)
        self._on_news = on_news
        self._news: deque[RouteNews] = deque(maxlen=_NEWS_KEPT)
        self._unrouted: Mapping[str, Finding] | None = None
        self._shown: frozenset[str] = frozenset()
        asking = Bell()
        self.inbox = Inbox()
        self.withdrawing = Withdrawing(clock.monotonic, self.inbox.nudge)
        self._instances = TraefikInstances(
            outside.traefik, clock, on_change=self.inbox.nudge, on_wish=asking.ring
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
                tell_unrouted=self._tell_unrouted,
            )
        )
        self._writer = ControllerLoop(
            "routes", clock=clock, wait=self.inbox.take, wake=self.inbox.nudge, step=self._keep
        )
        self._asker = ControllerLoop(
            "traefik", clock=clock, wait=asking.wait, wake=asking.ring, step=self._ask
        )

    def start(self) -> None:
        """Once only."""
        self._writer.start()
        self._asker.start()

    def request_stop(self) -> None:
        """It only says so."""
        self._writer.request_stop()
        self._asker.request_stop()

    def join(self, timeout_s: float) -> bool:
        """Whether nothing is written any more."""
        return self._writer.join(timeout_s)

    def ended(self) -> list[str]:
        """Threads that do not run any more, by what they do."""
        alive = {
            "the routes": self._writer.is_alive,
            "the questions to Traefik": self._asker.is_alive,
        }
        return [name for name, is_alive in alive.items() if not is_alive]

    def news(self) -> Iterable[RouteNews]:
        """What happened since it was asked last."""
        found = []
        while self._news:
            found.append(self._news.popleft())
        return found

    def unrouted(self) -> Mapping[str, Finding] | None:
        """By stack what is wrong with its routes; None while that is not known."""
        return self._unrouted

    def before_scrape(self) -> None:
        """Gauges that age."""
        now = self._clock.monotonic()
        ages = self._instances.stamp_ages(now)
        for name in self._shown - ages.keys():
            self._metrics.forget("traefik_stamp_age_seconds", {"traefik": name})
        self._shown = frozenset(ages)
        for name, age_s in ages.items():
            self._metrics.gauge("traefik_stamp_age_seconds", {"traefik": name}, age_s)

    def _tell(self, news: RouteNews) -> None:
        self._news.append(news)
        self._on_news()

    def _tell_unrouted(self, unrouted: Mapping[str, Finding] | None) -> None:
        if unrouted != self._unrouted:
            self._unrouted = unrouted
            self._on_news()

    def _keep(self, wake: Wake) -> float:
        return self._steps.counted(
            "routes",
            lambda: self.controller.step(wake),
            went_well=lambda: self.controller.error is None,
        )

    def _ask(self, _news: None) -> float:
        # What answers there may be anything.
        return self._steps.guarded("asking Traefik", self._instances.step)
