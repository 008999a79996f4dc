"""Single passes of the controller, stepped by hand: nothing else runs in this process.

Run as `python -m tests.bench.scale.passes DOCKER_HOST CONSUL_HTTP_ADDR [ORDER_OF_THE_PROFILE]`.
"""

import cProfile
import json
import logging
import pstats
import random
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from desired_state import keys
from swarm_operator.clients.consul import ConsulKv
from swarm_operator.clients.docker import DockerSwarm
from swarm_operator.observed.kv import Fence
from swarm_operator.runtime.inbox import Wake
from swarm_operator.runtime.stacks import StackController
from swarm_operator.runtime.toolbox import Identity, Surroundings
from tests.bench.scale.sample import WorldProcess
from tests.runtime.fakes import FakeLease, FakeMetrics

ROUNDS: Final = 7


class JumpingClock:
    """The real times, moved on by hand: what is due in a minute is measured now."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s

    def utc(self) -> datetime:
        return datetime.now(UTC)


class Stepped:
    """A controller that leads, over the real clients."""

    def __init__(self, world: WorldProcess) -> None:
        self.clock = JumpingClock()
        self.kv = ConsulKv(world.consul_addr)
        session = self.kv.create_session("bench", 3600, 0)
        assert self.kv.acquire(keys.LOCK, session, b"{}")
        self.controller = StackController(
            Surroundings(
                swarm=DockerSwarm(world.docker_host),
                kv=self.kv,
                lease=FakeLease(Fence(keys.LOCK, session)),
                clock=self.clock,
                rng=random.Random(1),
                identity=Identity("bench", "act", "bench"),
                log=structlog.get_logger(),
                metrics=FakeMetrics(),
                new_installation=lambda _swarm: b"",
            )
        )

    def step(self, wake: Wake | None = None) -> None:
        self.controller.step(wake or Wake())

    def full(self) -> None:
        """An event said that something changed, and nothing did."""
        self.clock.ahead_s += 5
        self.step(Wake(swarm_changed=True))

    def look(self) -> None:
        """By time alone: services, tasks, nodes."""
        due = self.controller._tools.observer.next_at()
        self.clock.ahead_s += max(0.0, due - self.clock.monotonic()) + 0.01
        self.step()

    def look_at_one(self) -> None:
        """An event said that one service was updated, and it was not."""
        self.clock.ahead_s += 0.2
        snapshot = self.controller._tools.observer.snapshot
        assert snapshot is not None
        self.step(Wake(services_changed=frozenset({snapshot.services[0].id})))

    def still(self) -> None:
        """Woken for nothing: the swarm is not read."""
        self.step()


def measure(world: WorldProcess) -> tuple[dict[str, Any], Stepped]:
    """The passes of an unchanged world."""
    stepped = Stepped(world)
    tree = stepped.kv.read(keys.DESIRED)
    world.requests()
    result: dict[str, Any] = {"first": [asdict(world.measured(lambda: stepped.step(Wake(tree))))]}
    for _ in range(3):
        stepped.look()
    asked = {each.method for each in world.requests("docker")}
    assert asked == {"GET"}, "the world should be as wished"
    acts: dict[str, Callable[[], None]] = {
        "no-op pass": stepped.full,
        "idle look": stepped.look,
        "look at one service": stepped.look_at_one,
        "no look": stepped.still,
    }
    for name, act in acts.items():
        result[name] = [asdict(world.measured(act)) for _ in range(ROUNDS)]
    return result, stepped


def main(docker_host: str, consul_addr: str, profiled: str = "") -> None:
    """Prints the samples by act; the profile of a no-op pass, if asked for, goes to stderr."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    world = WorldProcess(docker_host, consul_addr)
    result, stepped = measure(world)
    if profiled:
        profiler = cProfile.Profile()
        profiler.runcall(stepped.full)
        pstats.Stats(profiler, stream=sys.stderr).sort_stats(profiled).print_stats(25)
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
