"""Moves are tried on a tiny service of the operator's own, on real engines of each generation."""

import json
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
import structlog

from desired_state.rebalance_records import SelfTest
from swarm_operator.clients.docker import DockerSwarm
from swarm_operator.clock import SystemClock
from swarm_operator.observed.json import JsonObject, dig, replaced
from swarm_operator.plan.ownership import Owner
from swarm_operator.plan.rebalance import trial
from swarm_operator.plan.rebalance.intent import PLACEMENT, Step, has_label, intent_of
from swarm_operator.runtime.mover import Mover
from swarm_operator.runtime.self_test import SelfTester
from swarm_operator.runtime.withdrawal import NothingPublished
from tests.cluster.harness import Lab, eventually
from tests.cluster.harness.images import Image
from tests.cluster.scenarios import ROOT, Stage, document, service

IDLES: Final = ("until-term", "sleep", "2147483647")
OPERATOR: Final = Image("lab/swarm-operator:1", cmd=IDLES)
"""A stand-in of the operator's own image, on all nodes."""
ABSENT: Final = Image("lab/absent/swarm-operator:1", cmd=IDLES)
"""One that is on the manager only."""
OURS: Final = {"io.swarm-operator.self": "true"}
OWNER: Final = Owner("test", b"key")
NODES: Final = ("node1", "node2", "node3")


@pytest.fixture(scope="module")
def shared(engine: str) -> Iterator[Lab]:
    """One manager, two workers, heartbeats of a second."""
    with Lab.start(3, 1, engine, heartbeat_s=1) as made:
        made.load_images()
        made.load_images(OPERATOR)
        made.load_images(ABSENT, on=[made.node(1)])
        made.consul.start()
        yield made


@pytest.fixture
def lab(shared: Lab) -> Iterator[Lab]:
    yield shared
    shared.reset()


# --- the test itself ------------------------------------------------------------------------------


class Bench:
    """A self-test on an engine, without a daemon."""

    def __init__(self, lab: Lab, port: DockerSwarm, image: Image = OPERATOR) -> None:
        self.port = port
        spec = {
            "Name": "operator",
            "Labels": OURS,
            "TaskTemplate": {
                "ContainerSpec": {"Image": image.name},
                "Placement": {"Constraints": ["node.role==manager"]},
            },
            "Mode": {"Replicated": {"Replicas": 1}},
        }
        port.create_service(spec)
        lab.wait_until_running("operator", 1)
        clock = SystemClock()
        self._mover = Mover(port, clock, NothingPublished(), who="test", new_id=lambda: "trial")
        self._tester = SelfTester(port, self._mover, clock, structlog.get_logger())

    def run(self, within: float = 120) -> SelfTest:
        """To its end, and until its service is gone."""
        self._tester.begin()
        end = time.monotonic() + within
        while time.monotonic() < end:
            swarm = self.port.read()
            for report in self._mover.step(swarm, OWNER.owns).reports:
                if report.outcome is not None:
                    self._tester.ended(report)
            if not self._tester.step(self.port.read(), OWNER):
                assert self._tester.result is not None
                return self._tester.result
            time.sleep(0.1)
        raise AssertionError(f"no end within {within} s")


class TrimsOtherwise(DockerSwarm):
    """A real engine that does not keep to the rule on which moves rest: the task that was marked goes,
    and the new one with it, for one on the source."""

    def update_service(
        self, service_id: str, version: int, spec: JsonObject, *, registry_auth: str | None = None
    ) -> None:
        live = self.read().services_by_id[service_id]
        intent = intent_of(live.spec)
        if intent is not None and intent.step is Step.MARK and not has_label(spec):
            placement = dig(spec, *PLACEMENT) or {}
            shut = [*placement.get("Constraints", ()), f"node.id!={intent.target}"]
            other = replaced(spec, PLACEMENT, {**placement, "Constraints": shut})
            super().update_service(service_id, version, other)
            eventually(lambda: self._all_run_off(intent.target, service_id), 30)
            version = self.read().services_by_id[service_id].version
        super().update_service(service_id, version, spec, registry_auth=registry_auth)

    def _all_run_off(self, node_id: str, service_id: str) -> bool:
        tasks = self.read().tasks_by_service[service_id]
        live = [task for task in tasks if task.desired_state in {"ready", "running"}]
        return all(task.state == "running" and task.node_id != node_id for task in live)


def socket(lab: Lab) -> str:
    return f"unix://{lab.manager.socket}"


def assert_nothing_left(lab: Lab) -> None:
    assert trial.NAME not in lab.services()
    name = trial.NAME

    def is_gone() -> bool:
        return not any(name in str(found["Names"]) for found in lab.service_containers())

    eventually(is_gone, 20, "its tasks are gone")


def test_it_passes_and_leaves_nothing_behind(lab: Lab) -> None:
    port = DockerSwarm(socket(lab))
    done = Bench(lab, port).run()
    assert (done.result, done.message) == ("passed", "")
    assert_nothing_left(lab)
    assert set(lab.services()) == {"operator"}
    port.close()


def test_an_engine_that_trims_otherwise_fails_it(lab: Lab) -> None:
    port = TrimsOtherwise(socket(lab))
    done = Bench(lab, port).run()
    assert done.result == "failed", done
    assert done.message.startswith("lost: ")
    assert_nothing_left(lab)
    port.close()


def test_an_image_that_is_not_everywhere_says_nothing(lab: Lab) -> None:
    """Else a good engine would be blamed: moves go on."""
    port = DockerSwarm(socket(lab))
    done = Bench(lab, port, ABSENT).run(within=200)
    assert done.result == "untried", done
    assert_nothing_left(lab)
    port.close()


# --- the daemon -----------------------------------------------------------------------------------

POLICY: Final = (
    "rebalance: {hold_off: 1s, settle: 1s, canary: 1s, min_age: 1s, between_moves: 1s, "
    "moves_per_hour: 600, default: auto, self_test: %s}\n"
)


class Daemon:
    """The operator beside its own service, and a stack whose tasks come home."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        own = service(OPERATOR.name, deploy={"labels": OURS, "placement": _on("manager")})
        stage.deploy("ours", document({"operator": own}))
        stage.deploy("shop", document({"api": service("lab/web:1", replicas=3)}))

    def allow(self, self_test: str) -> None:
        self.stage.kv.put(f"{ROOT}desired/policy", POLICY % self_test)

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.stage.key("status/rebalance") or b"{}")
        return found

    @property
    def made(self) -> int:
        """How often its service was made since `forget`."""
        return self.stage.writes().count(f"POST /services/create {trial.NAME}")

    def unbalance(self, node: str) -> None:
        """Empty a node, and let it take tasks again."""
        lab = self.stage.lab
        lab.docker_cli(1, "node", "update", "--availability", "drain", node)
        eventually(lambda: node not in lab.hosts_of("shop_api") and self._all_run(), 30)
        lab.docker_cli(1, "node", "update", "--availability", "active", node)

    def _all_run(self) -> bool:
        return len(self.stage.lab.running_tasks("shop_api")) == 3

    def until_home(self) -> None:
        def home() -> bool:
            hosts = sorted(self.stage.lab.hosts_of("shop_api"))
            assert hosts == list(NODES), (hosts, self.status.get("message"))
            return True

        try:
            eventually(home, 150)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.stage.operator.tail(3000)}") from None


def _on(role: str) -> dict[str, Any]:
    return {"constraints": [f"node.role=={role}"]}


@pytest.mark.slow
def test_the_daemon_tries_moves_once_for_each_engine_version(lab: Lab) -> None:
    with Stage.of(lab) as stage:
        daemon = Daemon(stage)
        daemon.allow("true")
        stage.forget()
        stage.assert_no_writes(30)
        assert daemon.status.get("self_tests", {}) == {}, "nothing is to be moved"

        daemon.allow("false")
        daemon.unbalance("node3")
        daemon.until_home()
        assert (daemon.made, daemon.status["self_tests"]) == (0, {}), "opted out"

        daemon.allow("true")
        daemon.unbalance("node2")
        daemon.until_home()
        assert daemon.made == 1
        tests = daemon.status["self_tests"]
        assert set(tests) == {lab.engine_version}
        assert tests[lab.engine_version]["result"] == "passed"
        assert_nothing_left(lab)
        assert lab.engine_version in stage.operator.cli("status", "-o", "json").stdout

        daemon.unbalance("node3")
        daemon.until_home()
        assert daemon.made == 1, "once is enough"

        stage.operator.stop()
        status = daemon.status
        status["self_tests"] = {"19.03.0": tests[lab.engine_version]}
        stage.kv.put(f"{ROOT}status/rebalance", json.dumps(status))
        stage.operator.start(ready=True)
        daemon.unbalance("node2")
        daemon.until_home()
        assert daemon.made == 2, "another version, another test"
        assert set(daemon.status["self_tests"]) == {"19.03.0", lab.engine_version}
        assert_nothing_left(lab)
