"""The threads of names: one that decides, one for each account at a provider, one for name servers."""

import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from swarm_operator.plan.dns.budget import CHANGES_PER_HOUR
from swarm_operator.runtime.controller_loop import Bell, ControllerLoop, Steps
from swarm_operator.runtime.dns.account_desk import HANGS_S, AccountDesk
from swarm_operator.runtime.dns.controller import DnsController
from swarm_operator.runtime.dns.measures import Gauges
from swarm_operator.runtime.dns.ports import DnsProvider, NameServers
from swarm_operator.runtime.dns.server_desk import ServerDesk
from swarm_operator.runtime.dns.surroundings import DnsSurroundings
from swarm_operator.runtime.dns.wish_box import WishBox
from swarm_operator.runtime.inbox import Inbox, Wake
from swarm_operator.runtime.ports import Clock, KvPort, LeaseView, Metrics, SwarmPort
from swarm_operator.runtime.toolbox import Identity, NameNews

_STUCK_S: Final = 180.0
"""A step that takes longer than this hangs: every call in it has a shorter limit of its own, and between
two of them a minute passes at most."""
_NEWS_KEPT: Final = 200
"""As many as the ring of events holds."""


@dataclass(frozen=True, slots=True)
class DnsAccount:
    """A provider of the settings."""

    name: str
    provider: DnsProvider
    zones: tuple[str, ...]
    credentials: Callable[[], object] = lambda: None
    """Another value whenever its credentials changed."""
    has_credentials: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class DnsConnections:
    """Connections of its own: what another controller waits for does not hold names up."""

    swarm: SwarmPort
    kv: KvPort
    accounts: tuple[DnsAccount, ...]
    servers: NameServers
    changes_per_hour: int = CHANGES_PER_HOUR


class DnsThreads:
    """Everything about names that runs. `wishes` is for the thread that reads documents, `news` for the
    one that writes events."""

    def __init__(
        self,
        outside: DnsConnections,
        *,
        lease: LeaseView,
        identity: Identity,
        clock: Clock,
        log: Any,
        metrics: Metrics,
        on_news: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._on_news = on_news
        self._started_at = clock.monotonic()
        self._news: deque[NameNews] = deque(maxlen=_NEWS_KEPT)
        self._gauges = Gauges(metrics)
        self._steps = Steps("dns", clock, log, metrics)
        self.inbox = Inbox()
        self.wishes = WishBox(self.inbox.nudge, lambda: lease.fence(clock.monotonic()))
        asking = Bell()
        servers = ServerDesk(
            outside.servers, clock, on_answer=self.inbox.nudge, on_question=asking.ring
        )
        accounts: dict[str, AccountDesk] = {}
        self._accounts: dict[str, ControllerLoop[None]] = {}
        for account in outside.accounts:
            bell = Bell()
            desk = AccountDesk(
                account.name,
                account.provider,
                account.zones,
                lease=lease,
                clock=clock,
                metrics=metrics,
                on_result=self.inbox.nudge,
                on_order=bell.ring,
                credentials=account.credentials,
                has_credentials=account.has_credentials,
            )
            accounts[account.name] = desk
            self._accounts[account.name] = self._loop(f"dns {account.name}", bell, desk.step)
        self._desks = accounts
        self.controller = DnsController(
            DnsSurroundings(
                swarm=outside.swarm,
                kv=outside.kv,
                lease=lease,
                clock=clock,
                rng=random.Random(),  # noqa: S311 - jitter
                identity=identity,
                log=log,
                metrics=metrics,
                wishes=self.wishes,
                accounts=accounts,
                servers=servers,
                changes_per_hour=outside.changes_per_hour,
                tell=self._tell,
            )
        )
        self._writer = ControllerLoop(
            "dns", clock=clock, wait=self.inbox.take, wake=self.inbox.nudge, step=self._keep
        )
        self._asker = self._loop("dns servers", asking, servers.step)

    def _loop(self, name: str, bell: Bell, step: Callable[[], float]) -> ControllerLoop[None]:
        return ControllerLoop(
            name,
            clock=self._clock,
            wait=bell.wait,
            wake=bell.ring,
            step=lambda _news: self._steps.guarded(name, step),
        )

    @property
    def _writers(self) -> tuple[ControllerLoop[Any], ...]:
        return (self._writer, *self._accounts.values())

    @property
    def _all(self) -> tuple[ControllerLoop[Any], ...]:
        return (*self._writers, self._asker)

    def start(self) -> None:
        """Once only."""
        for loop in self._all:
            loop.start()

    def request_stop(self) -> None:
        """It only says so."""
        for loop in self._all:
            loop.request_stop()

    def join(self, timeout_s: float) -> bool:
        """Whether nothing is written any more, in the KV and at providers."""
        until = self._clock.monotonic() + timeout_s
        ended = [loop.join(max(0.0, until - self._clock.monotonic())) for loop in self._writers]
        return all(ended)

    def ended(self) -> list[str]:
        """Threads that do not run any more, or hang, by what they do."""
        now = self._clock.monotonic()
        is_stuck = now - max(self._started_at, self.controller.stepped_at) > _STUCK_S
        alive = {
            "the names": self._writer.is_alive and not is_stuck,
            "the questions to name servers": self._asker.is_alive,
        }
        for name, loop in self._accounts.items():
            hangs_from = self._desks[name].hangs_from()
            is_stuck = hangs_from is not None and now - hangs_from > _STUCK_S - HANGS_S
            alive[f"DNS provider {name}"] = loop.is_alive and not is_stuck
        return [name for name, is_alive in alive.items() if not is_alive]

    def news(self) -> Iterable[NameNews]:
        """What was changed since it was asked last."""
        found = []
        while self._news:
            found.append(self._news.popleft())
        return found

    def before_scrape(self) -> None:
        """Gauges that age."""
        self._gauges.show(self.controller.picture, self._clock.monotonic())

    def _tell(self, news: NameNews) -> None:
        self._news.append(news)
        self._on_news()

    def _keep(self, wake: Wake) -> float:
        return self._steps.counted(
            "names",
            lambda: self.controller.step(wake),
            went_well=lambda: self.controller.error is None,
        )
