"""The benchmark's swarm: one manager without tasks, four workers, the shop, the operator."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from swarm_operator.plan.rebalance.intent import has_label
from tests.bench.rebalance import optimum, shop
from tests.bench.rebalance.clients import Clients
from tests.bench.rebalance.optimum import Spread
from tests.bench.rebalance.shop import KINDS, POLICY, STACK, Kind
from tests.bench.rebalance.watch import Eye, Look, hostname
from tests.cluster.harness import Lab, Node, eventually
from tests.cluster.harness.standard_images import STANDARD
from tests.cluster.scenarios import ROOT, Stage

WORKERS: Final = ("node2", "node3", "node4", "node5")
HEARTBEAT_S: Final = 5.0
"""Swarm's default."""
HOLD_OFF: Final = "30s"


@dataclass(slots=True)
class Floor:
    """Everything that scenarios act on; what they wait for is asked of the engine itself."""

    lab: Lab
    stage: Stage
    eye: Eye
    clients: Clients
    kinds: tuple[Kind, ...] = KINDS
    hold_off: str = HOLD_OFF
    say: Callable[[str], None] = field(default=lambda _text: None)
    _events_before: int = 0

    @classmethod
    @contextmanager
    def open(
        cls,
        engine: str = "26",
        *,
        heartbeat_s: float = HEARTBEAT_S,
        hold_off: str = HOLD_OFF,
        say: Callable[[str], None] = lambda _text: None,
    ) -> Iterator["Floor"]:
        """A swarm with all services running and balanced, and the operator leading."""
        with Lab.start(5, 1, engine, heartbeat_s=heartbeat_s) as lab:
            lab.load_images(*STANDARD, shop.DEAF, shop.frail(healthy=True))
            lab.consul.start()
            for node in WORKERS:
                label(lab, node)
            with Stage.of(lab) as stage:
                put_policy(stage, hold_off)
                stage.put(STACK, shop.shop())
                stage.wait_until_ready(STACK, 120)
                names = [kind.full_name for kind in KINDS if kind.by_name and kind.replicas]
                made = cls(lab, stage, Eye(lab), Clients(lab, names), hold_off=hold_off, say=say)
                try:
                    yield made
                finally:
                    made.eye.close()

    # --- acts -----------------------------------------------------------------------------------

    def node(self, name: str) -> Node:
        return self.lab.node(int(name.removeprefix("node")))

    def availability(self, name: str, word: str) -> None:
        self.lab.docker_cli(1, "node", "update", "--availability", word, name, timeout=60)

    def rebalance(self, mode: str) -> None:
        """`act` or `off`; what is under way is ended first."""
        put_policy(self.stage, self.hold_off, mode)
        self.wait(lambda: not self.moving(), 120, "no move is under way")

    def write(self, *kinds: Kind, **changes: Any) -> None:
        """The shop's document, with these services besides and these changes."""
        self.stage.put(STACK, shop.shop((*KINDS, *kinds), **changes))

    # --- questions ------------------------------------------------------------------------------

    def look(self) -> Look:
        return self.eye.look()

    def kind(self, full_name: str) -> Kind:
        return next(kind for kind in self.kinds if kind.full_name == full_name)

    def active(self) -> list[str]:
        """Workers that take tasks."""
        return [
            hostname(node)
            for node in self.lab.node_objects()
            if node["Spec"]["Role"] == "worker"
            and node["Status"]["State"] == "ready"
            and node["Spec"]["Availability"] == "active"
        ]

    def world(
        self, look: Look, but_not: Sequence[str] = (), workers: Sequence[str] = ()
    ) -> tuple[list[Spread], dict[str, int]]:
        """What `optimum.best` is asked about; services in `but_not` are left where they are."""
        workers = workers or sorted(self.active())
        others = Counter(look.others(self.kinds, workers))
        for kind in self.kinds:
            if kind.name in but_not:
                others.update(look.copies(kind.full_name))
        movable = [k for k in self.kinds if k.movable and k.name not in but_not]
        return [look.spread(kind, workers) for kind in movable], dict(others)

    def all_run(self, look: Look) -> bool:
        workers = len(self.active())
        return all(look.runs(kind, workers) for kind in self.kinds)

    def wait_until_all_run(self, within: float = 120) -> None:
        def run() -> bool:
            look = self.look()
            workers = len(self.active())
            missing = [k.name for k in self.kinds if not look.runs(k, workers)]
            assert not missing, missing
            return True

        self.wait(run, within, "all tasks run")

    def wait_until_gone(self, names: Sequence[str], within: float = 120) -> None:
        """Swarm put everything elsewhere."""

        def gone() -> bool:
            look = self.look()
            left = {n for tasks in look.serving.values() for n in tasks.values()} & set(names)
            assert not left, left
            return self.all_run(look)

        self.wait(gone, within, f"nothing runs on {', '.join(names)}")

    def wait(self, holds: Callable[[], object], within: float, what: str) -> None:
        """Raises AssertionError with what the operator says."""
        try:
            eventually(holds, within, what, every=0.2)
        except AssertionError as error:
            text = json.dumps(self.status(), indent=1)[:3000]
            raise AssertionError(f"{error}\n{text}\n{self.stage.operator.tail(3000)}") from None

    def wait_until_ready(self, names: Sequence[str]) -> float:
        """Returns when the last of them was ready (monotonic)."""

        def known() -> bool:
            return set(names) <= {hostname(node) for node in self.lab.node_objects()}

        self.wait(known, 30, "the nodes say their names")
        for name in names:
            self.lab.wait_until_node_is(self.node(name), "ready", 60)
        return time.monotonic()

    # --- what the operator says -----------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        value = self.stage.key("status/rebalance")
        found: dict[str, Any] = json.loads(value) if value else {}
        return found

    def hold_off_s(self, node: str) -> float:
        return self.stage.operator.metric("swarm_operator_rebalance_hold_off_seconds", node=node)

    def moving(self) -> list[str]:
        """Names of services in which an intent stands, or is left in the spec before."""
        return [
            name
            for name, found in self.lab.services().items()
            if has_label(found["Spec"]) or has_label(found.get("PreviousSpec") or {})
        ]

    def is_at_rest(self) -> bool:
        """Whether the operator says that there is nothing to do, and nothing is half done."""
        status = self.status()
        return status.get("state") in {"Balanced", "Unbalanced"} and not self.moving()

    def is_balanced(self, but_not: Sequence[str] = ()) -> bool:
        """The same, and every service is even: what it says may be older than what was done since."""
        look = self.look()
        is_even = all(map(optimum.is_even, self.world(look, but_not)[0]))
        return is_even and self.all_run(look) and self.is_at_rest()

    def mark_events(self) -> None:
        """`moves` tells from here on."""
        self._events_before = max((e["number"] for e in self._ring()), default=0)

    def events(self) -> list[dict[str, Any]]:
        """Of moves, since the mark, in order."""
        found = [e for e in self._ring() if e.get("verb") == "move"]
        later = [e for e in found if e["number"] > self._events_before]
        return sorted(later, key=lambda e: int(e["number"]))

    def ends(self) -> list[str]:
        """How the moves since the mark ended."""
        words = {"moved", "aborted", "yielded", "lost"}
        return [str(e["result"]) for e in self.events() if e["result"] in words]

    def _ring(self) -> list[dict[str, Any]]:
        found = self.stage.kv.get(f"{ROOT}status/events/", recurse=True)[1] or []
        return [json.loads(item["Value"]) for item in found if item["Value"]]


def put_policy(stage: Stage, hold_off: str, mode: str = "act") -> None:
    stage.kv.put(f"{ROOT}desired/policy", POLICY.format(hold_off=hold_off, mode=mode))


def label(lab: Lab, node: str) -> None:
    """What the shop's placement asks for."""
    words = ["--label-add", f"zone={shop.ZONES[node]}"]
    if node in shop.SSD:
        words += ["--label-add", "disk=ssd"]
    lab.docker_cli(1, "node", "update", *words, node, timeout=60)
