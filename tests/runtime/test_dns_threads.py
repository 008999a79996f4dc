"""The threads of names, in real time."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import cast

import pytest
import structlog

from desired_state import keys
from swarm_operator.clock import SystemClock
from swarm_operator.observed.kv import Fence
from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.plan.dns.wishes import Wishes
from swarm_operator.runtime.dns.threads import DnsAccount, DnsConnections, DnsThreads
from swarm_operator.runtime.ports import SwarmPort
from swarm_operator.runtime.toolbox import Identity
from swarm_operator.server.metrics import PrometheusMetrics, process_registry
from tests.cli.fake_kv import FakeKv
from tests.plan.dns.worlds import MANAGERS, SERVICE, WORKERS, task
from tests.runtime.dns_lab import OTHER_ZONE, ZONE, FakeServers, FakeZones, wish
from tests.runtime.fakes import FakeLease

ADDRESSES = {f"node{number}": f"51.75.10.{number}" for number in (1, 2, 3)}


class StillSwarm:
    """A service's task runs where it is said to."""

    def __init__(self) -> None:
        self.host = "node1"
        self.goes_on, self.is_read = threading.Event(), threading.Event()
        self.goes_on.set()

    def read(self) -> Swarm:
        self.is_read.set()
        self.goes_on.wait(10)
        spec = {"Name": "code_gogs", "Mode": {"Replicated": {"Replicas": 1}}}
        service = Service(SERVICE, 1, "code_gogs", spec)
        tasks = (task(f"t-{self.host}", self.host),)
        return Swarm("one", nodes=(*MANAGERS, *WORKERS), services=(service,), tasks=tasks)

    def read_progress(self, _last: Swarm, _services: frozenset[str] = frozenset()) -> Swarm:
        return self.read()


class Bench:
    """Two accounts; the first may be made to hang."""

    def __init__(self) -> None:
        self.first, self.second = FakeZones(), FakeZones()
        self.swarm = StillSwarm()
        self.kv = FakeKv()
        self.metrics = PrometheusMetrics(process_registry(), "test")
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.first.before_call = self._wait
        self.threads = DnsThreads(
            DnsConnections(
                swarm=cast("SwarmPort", self.swarm),
                kv=self.kv,
                accounts=(
                    DnsAccount("first", self.first, (ZONE,)),
                    DnsAccount("second", self.second, (OTHER_ZONE,)),
                ),
                servers=FakeServers([self.first, self.second]),
            ),
            lease=FakeLease(Fence(keys.LOCK, self.kv.hold(keys.LOCK))),
            identity=Identity("test", "act", "alpha"),
            clock=SystemClock(),
            log=structlog.get_logger(),
            metrics=self.metrics,
        )
        bindings = (wish(zone=zone, addresses=ADDRESSES) for zone in (ZONE, OTHER_ZONE))
        self.threads.wishes.put(Wishes(tuple(bindings)))
        self.threads.start()

    def _wait(self, _call: str) -> None:
        self.goes_on.wait(10)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.goes_on.set()
    bench.swarm.goes_on.set()
    bench.threads.request_stop()
    assert bench.threads.join(5)


def until(holds: Callable[[], bool], within_s: float = 10.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_names_follow_and_a_hanging_account_holds_up_no_other(bench: Bench) -> None:
    until(lambda: bench.first.answers("git") == ["51.75.10.1"])
    until(lambda: bench.second.answers("git", zone=OTHER_ZONE) == ["51.75.10.1"])
    assert bench.threads.ended() == []
    bench.goes_on.clear()
    bench.swarm.host = "node2"
    bench.threads.inbox.put_swarm_change()
    until(lambda: bench.second.answers("git", zone=OTHER_ZONE) == ["51.75.10.2"])
    assert bench.first.answers("git") == ["51.75.10.1"]
    bench.goes_on.set()
    until(lambda: bench.first.answers("git") == ["51.75.10.2"])
    assert bench.first.values("git") == ["51.75.10.2"]


def test_a_step_that_hangs_is_told_as_one_that_ended(bench: Bench) -> None:
    until(lambda: bench.first.answers("git") == ["51.75.10.1"])
    bench.swarm.goes_on.clear()
    bench.swarm.is_read.clear()
    bench.threads.inbox.put_swarm_change()
    assert bench.swarm.is_read.wait(10)
    assert bench.threads.ended() == []
    bench.threads.controller.stepped_at -= 181
    bench.threads._started_at -= 181
    assert bench.threads.ended() == ["the names"]
    bench.swarm.goes_on.set()
    bench.threads.inbox.put_swarm_change()
    until(lambda: bench.threads.ended() == [])


def test_an_account_that_hangs_is_told_as_one_that_ended(bench: Bench) -> None:
    until(lambda: bench.first.answers("git") == ["51.75.10.1"])
    bench.goes_on.clear()
    bench.swarm.host = "node2"
    bench.threads.inbox.put_swarm_change()
    desk = bench.threads.controller.around.accounts["first"]
    until(lambda: desk.hangs_from() is not None)
    assert bench.threads.ended() == []
    desk._goes_on_since = time.monotonic() - 179
    assert bench.threads.ended() == []
    desk._goes_on_since = time.monotonic() - 181
    assert bench.threads.ended() == ["DNS provider first"]
    bench.goes_on.set()
    until(lambda: bench.threads.ended() == [])


def test_the_metrics_are_all_declared(bench: Bench) -> None:
    def value(metric: str, **labels: str) -> float | None:
        bench.threads.before_scrape()
        return bench.metrics.registry.get_sample_value(f"swarm_operator_dns_{metric}", labels)

    until(lambda: value("in_sync", zone=ZONE, name="git") == 1)
    until(lambda: value("in_sync", zone=OTHER_ZONE, name="git") == 1)
    assert value("bindings", state="InSync") == 2
    assert value("writes_total", provider="first", op="create", result="done") == 1
    assert value("publish_total", provider="second", result="done") == 1
    assert value("publish_owed", zone=ZONE) == 0
    assert value("endpoint_missing_seconds", zone=ZONE, name="git") == 0
    assert value("switch_seconds_count", phase="publish") == 2
    left = value("calls_left", provider="first")
    assert left is not None
    assert 30 < left < 40
