"""A daemon on a bench: the controller with everything in memory, driven step by step.

Time is the simulated swarm's: what its tasks do happens between the steps.
"""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from desired_state import keys
from desired_state.folder_hash import folder_hash
from desired_state.records import Pushed, SpecMemory, StackStatus
from swarm_operator.observed.kv import Fence, Put
from swarm_operator.plan.actions import Finding
from swarm_operator.plan.dns.wishes import Wishes
from swarm_operator.plan.world import Mode
from swarm_operator.runtime.inbox import Wake
from swarm_operator.runtime.stacks import StackController
from swarm_operator.runtime.toolbox import Identity, NameNews, RouteNews, Surroundings
from tests.cli.fake_kv import FakeKv
from tests.laws.worlds import INSTALLATION, Document
from tests.runtime.fakes import FakeLease, FakeMetrics
from tests.simulated_swarm import SimulatedSwarm

DESIRED = keys.DESIRED
WEB = "shop_web"


@dataclass
class Bench:
    """`edit`, `push` and the like are people's hands; `step` is one wake-up of the loop."""

    swarm: SimulatedSwarm = field(default_factory=SimulatedSwarm)
    kv: FakeKv = field(default_factory=FakeKv)
    metrics: FakeMetrics = field(default_factory=FakeMetrics)
    mode: Mode = "act"
    kv_error: str | None = None
    sentinel: bool = True
    due: float = 0.0
    news: list[RouteNews] = field(default_factory=list)
    """What the thread of routes tells with the next step."""
    name_news: list[NameNews] = field(default_factory=list)
    """What the thread of names does."""
    unrouted: Mapping[str, Finding] | None = field(default_factory=dict)
    """By stack what is wrong with its routes, as that thread sees it."""
    wishes: list[Wishes] = field(default_factory=list)
    """What was told to the thread of names."""
    _shown_index: int = 0

    def __post_init__(self) -> None:
        if self.sentinel:
            self.kv.put(f"{DESIRED}.installation", INSTALLATION.encode())
        self.take_over()

    def _news(self) -> list[RouteNews]:
        found, self.news = self.news, []
        return found

    def _name_news(self) -> list[NameNews]:
        found, self.name_news = self.name_news, []
        return found

    def take_over(self) -> None:
        """Another process gets the lease: nothing of what the last one remembered is left."""
        fence = Fence(keys.LOCK, self.kv.hold(keys.LOCK))
        self.lease = FakeLease(fence)
        self._shown_index = 0
        around = Surroundings(
            swarm=self.swarm,
            kv=self.kv,
            lease=self.lease,
            clock=self.swarm,
            rng=random.Random(1),
            identity=Identity("test", self.mode, "alpha"),
            log=structlog.get_logger(),
            metrics=self.metrics,
            new_installation=lambda _swarm: INSTALLATION.encode(),
            route_news=self._news,
            name_news=self._name_news,
            unrouted=lambda: self.unrouted,
            tell_wishes=self.wishes.append,
        )
        self.controller = StackController(around)

    # --- people -----------------------------------------------------------------------------------

    def edit(
        self, stack: str, document: Document | str, files: Mapping[str, str] | None = None
    ) -> None:
        """A person writes the document's key, as in Consul's UI."""
        text = document if isinstance(document, str) else json.dumps(document)
        for path, value in {**(files or {}), "compose.yaml": text}.items():
            self.kv.put(f"{DESIRED}stacks/{stack}/{path}", value)

    def push(self, stack: str, document: Document) -> None:
        """`swarm-operator push`: everything in one transaction, with its hash."""
        text = json.dumps(document).encode()
        pushed = Pushed(hash=folder_hash({"compose.yaml": text}), who="ann")
        folder = f"{DESIRED}stacks/{stack}/"
        self.kv.commit(
            [Put(f"{folder}compose.yaml", text), Put(f"{folder}.pushed", pushed.encode())]
        )

    def vanish(self, stack: str) -> None:
        """The folder is deleted, without a tombstone."""
        folder = f"{DESIRED}stacks/{stack}/"
        for key in [key for key in self.kv.entries if key.startswith(folder)]:
            self.kv.delete(key)

    # --- the loop ---------------------------------------------------------------------------------

    def step(
        self, seconds: float = 0.0, *, swarm_changed: bool = False, blind: bool = False
    ) -> float:
        """Time goes on, the KV's newest answer is handed in (unless `blind`), one step is done."""
        self.swarm.advance(seconds)
        tree = None
        if not blind and self.kv.index != self._shown_index:
            tree = self.kv.read(DESIRED)
            self._shown_index = self.kv.index
        self.due = self.controller.step(Wake(tree, swarm_changed, self.kv_error))
        return self.due

    def run(self, seconds: float, *, limit: int = 2000) -> int:
        """As the daemon does: step when something is due. Returns the number of steps."""
        end, steps = self.now + seconds, 0
        while True:
            due = self.step()
            steps += 1
            assert steps < limit, "the loop is hot"
            if due > end:
                break
            self.wait_until(due)
        self.wait_until(end)
        return steps

    @property
    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return self.swarm.monotonic()

    def wait_until(self, time: float) -> None:
        """Nothing is done meanwhile, but by the swarm."""
        self.swarm.timeline.advance(time)

    # --- what came of it --------------------------------------------------------------------------

    def status(self, stack: str) -> StackStatus:
        entry = self.kv.get(keys.stack_status_key(stack))
        assert entry is not None, f"no status of {stack}"
        status = StackStatus.parse(entry.value)
        assert status is not None
        return status

    def memory(self, stack: str) -> SpecMemory:
        entry = self.kv.get(keys.spec_memory_key(stack))
        return (SpecMemory.parse(entry.value) if entry else None) or SpecMemory()

    @property
    def services(self) -> list[str]:
        return sorted(service.name for service in self.swarm.snapshot.services)

    def writes(self) -> list[str]:
        """Keys below status/ that were written, in order."""
        found = (getattr(op, "key", "") for commit in self.kv.commits for op in commit)
        return [key for key in found if key.startswith(keys.STATUS)]


def one(image: str = "one", **service: Any) -> Document:
    """A stack of one service."""
    return {"services": {"web": {"image": image, **service}}}


def running(document: object = None) -> Bench:
    """A bench with the stack `shop` settled."""
    bench = Bench()
    bench.push("shop", document or one())  # type: ignore[arg-type]
    bench.run(30)
    assert bench.status("shop").state == "Ready"
    bench.swarm.calls.clear()
    return bench
