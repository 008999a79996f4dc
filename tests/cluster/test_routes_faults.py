"""Routes through faults: of Consul, of the operator, of a node."""

import base64
import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any, Self

import consul
import pytest

from tests.cluster.harness import Lab, eventually
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.scenarios import ROOT, route_stage
from tests.cluster.scenarios.documents import JsonObject
from tests.cluster.scenarios.route_stage import RouteStage, on_the_edge, routed_service
from tests.cluster.traefik_lab import Traefik


@pytest.fixture(scope="module")
def lab(engine: str) -> Iterator[Lab]:
    with Lab.start(3, 1, engine, heartbeat_s=1) as made:
        route_stage.prepare(made)
        yield made


@pytest.fixture(scope="module")
def stage(lab: Lab) -> Iterator[RouteStage]:
    """With a stack of three replicas on three nodes that is there all the time."""
    with RouteStage.of(lab, Traefik(lab).start()) as made:
        made.deploy("app", on_the_edge({"web": routed_service("app", replicas=3)}))
        made.wait_for_route("app", "http/app")
        yield made


def test_a_wiped_kv_gets_its_routes_back_within_five_seconds(stage: RouteStage) -> None:
    """While everything else waits for the sentinel."""
    with stage.load("app.lab", rate=50) as sent:
        sent.wait_for(30)
        begun = time.monotonic()
        stage.lab.consul.wipe()
        eventually(lambda: "http/routers/app/rule" in stage.traefik_keys(), 10, "it is back", 0.02)
        written = time.monotonic() - begun
        time.sleep(2)
        assert stage.traefik.get("app.lab")[0] == 200
        seen = sent.end()
    print(f"KV wiped: written again after {written:.2f} s; {seen}, for {seen.outage:.2f} s")
    assert written < 5
    assert seen.outage < 5
    assert stage.key("desired/.installation") is None
    stage.operator.cli("init", "--recover")
    stage.put("app", on_the_edge({"web": routed_service("app", replicas=3)}))
    stage.wait_until_ready("app")


def test_traefiks_folder_alone_is_wiped(stage: RouteStage) -> None:
    begun = time.monotonic()
    stage.kv.delete("traefik", recurse=True)
    eventually(lambda: "http/routers/app/rule" in stage.traefik_keys(), 10, "it is back", 0.02)
    print(f"folder wiped: written again after {time.monotonic() - begun:.2f} s")
    assert time.monotonic() - begun < 5
    stage.traefik.wait_for("app.lab")


def test_consul_lost_its_disk(stage: RouteStage) -> None:
    stage.lab.consul.lose_data()
    time.sleep(1)
    assert stage.traefik.get("app.lab")[0] == 200, "without Consul all stays"
    stage.lab.consul.restart()
    begun = time.monotonic()
    eventually(lambda: "http/routers/app/rule" in stage.traefik_keys(), 30, "it is back", 0.02)
    print(f"Consul's disk lost: written again {time.monotonic() - begun:.2f} s after its return")
    stage.traefik.wait_for("app.lab")
    stage.operator.cli("init", "--recover")
    stage.put("app", on_the_edge({"web": routed_service("app", replicas=3)}))
    stage.wait_until_ready("app")


@pytest.mark.parametrize("fault", ["frozen", "restarted"])
def test_consul_is_away_for_a_while(stage: RouteStage, fault: str) -> None:
    before = stage.write_indexes()
    with stage.load("app.lab", rate=50) as sent:
        sent.wait_for(30)
        if fault == "frozen":
            stage.lab.consul.freeze()
            time.sleep(8)
            stage.lab.consul.thaw()
        else:
            stage.lab.consul.kill()
            time.sleep(3)
            stage.lab.consul.restart()
        stage.wait_until_leading(within=60)
        time.sleep(2)
        seen = sent.end()
    print(f"Consul {fault}: {seen}")
    assert seen.failed == 0, seen
    assert stage.write_indexes() == before, "nothing had to be written"
    stage.deploy("after", on_the_edge({"web": routed_service("after")}))
    stage.wait_for_route("after", "http/after", within=30)
    stage.remove("after")
    eventually(lambda: not stage.traefik_keys("http/services/after/"), 20, "it is gone again")


def test_a_killed_operator_leaves_nothing_half_written(stage: RouteStage) -> None:
    """Killed in the middle of exchanging hundreds of keys, again and again."""
    services = {"one": routed_service("one", replicas=1), "two": routed_service("two", replicas=1)}
    for wanted in services.values():
        wanted["deploy"]["labels"] = {}
    stage.deploy("both", on_the_edge(services))
    _exchange(stage, "round0", "one")
    stage.traefik.wait_for("crowd0.lab", within=20)
    with stage.load("crowd0.lab", rate=50) as sent:
        for number, pause in enumerate((0.1, 0.25, 0.4, 0.6), start=1):
            _exchange(stage, f"round{number}", ("one", "two")[number % 2])
            time.sleep(pause)
            stage.operator.kill()
            stage.operator.start()
        stage.wait_until_leading(within=30)
        eventually(lambda: _rounds(stage) == {"round4"}, 30, "the last round alone is there")
        time.sleep(1)
        seen = sent.end()
    stage.kv.delete(f"{ROOT}desired/routes/crowd")
    eventually(lambda: not _rounds(stage), 20, "nothing is left over")
    stage.remove("both")
    print(f"operator killed four times: {seen}")
    assert seen.failed == 0, seen


def _exchange(stage: RouteStage, name: str, service: str) -> None:
    """Sixty routes under other names, which lead elsewhere: some 600 keys."""
    urls = [f"http://tasks.both_{service}:80"]
    routes = [
        {"name": f"{name}-{n}", "host": f"crowd{n}.lab", "entrypoint": "web", "servers": urls}
        for n in range(60)
    ]
    assert stage.kv.put(f"{ROOT}desired/routes/crowd", json.dumps({"routes": routes}))


def _rounds(stage: RouteStage) -> set[str]:
    """The rounds of which there are keys."""
    return set(re.findall(r"/(round\d+)-", " ".join(stage.traefik_keys())))


def test_two_operators_one_writes(stage: RouteStage) -> None:
    other = OperatorProcess(
        stage.lab,
        name="other",
        docker_host=stage.docker.socket,
        consul_addr=stage.consul.url.removeprefix("http://"),
        environment={
            name: value
            for name, value in stage.operator.environment.items()
            if name.startswith("SWARM_OPERATOR_") and not name.endswith("_LISTEN")
        },
    )
    with other, stage.load("app.lab", rate=50) as sent:
        stage.deploy("pair", on_the_edge({"web": routed_service("pair")}))
        stage.wait_for_route("pair", "http/pair")
        assert other.metric("swarm_operator_traefik_writes_total") == 0
        stage.operator.stop()
        eventually(lambda: other.metric("swarm_operator_leader") == 1, 30, "it takes over")
        writes = stage.write_indexes()
        time.sleep(3)
        assert stage.write_indexes() == writes, "what it finds is what it wants"
        stage.put("pair", on_the_edge({"web": routed_service("pair", replicas=3)}))
        eventually(lambda: len(stage.servers("pair")) == 3, 20, "it goes on")
        stage.remove("pair")
        eventually(lambda: not stage.servers("pair"), 20, "and on")
        seen = sent.end()
    stage.operator.start(ready=True)
    stage.wait_until_leading(within=30)
    assert seen.failed == 0, seen


class Storm:
    """A hand that writes the operator's keys again and again, as they are: the values stay, and whoever
    read them before holds an index that is no longer true."""

    def __init__(self, stage: RouteStage, every_s: float) -> None:
        self._stage = stage
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._blow)
        self.times = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _blow(self) -> None:
        client: Any = self._stage.lab.consul.client()
        while not self._ended.wait(self._every_s):
            entries = [
                each for each in client.kv.get("traefik/", recurse=True)[1] or [] if each["Flags"]
            ]
            operations = [each for entry in entries[-30:] for each in _written_anew(entry)]
            with contextlib.suppress(consul.ConsulException):  # the operator was faster
                client.txn.put(operations)
                self.times += 1


def _written_anew(entry: JsonObject) -> Iterator[JsonObject]:
    key, value = entry["Key"], base64.b64encode(entry["Value"] or b"").decode()
    yield {"KV": {"Verb": "delete-cas", "Key": key, "Index": entry["ModifyIndex"]}}
    yield {"KV": {"Verb": "cas", "Key": key, "Value": value, "Flags": entry["Flags"], "Index": 0}}


def _half_written(stage: RouteStage) -> list[str]:
    """Routers without a rule, or whose service has no server, in one read of all."""
    values = stage.traefik_values()
    services = {
        k.split("/")[2]: v for k, v in values.items() if re.match("http/routers/.*/service$", k)
    }
    return [
        name
        for name, service in services.items()
        if f"http/routers/{name}/rule" not in values
        or not any(k.startswith(f"http/services/{service}/loadbalancer/servers/") for k in values)
    ]


def test_a_storm_of_conflicts_is_lived_through(stage: RouteStage) -> None:
    """Dense at first, so that hardly a write comes through; then one that a write slips through."""
    conflicts = partial(
        stage.operator.metric, "swarm_operator_traefik_writes_total", result="conflict"
    )
    done = partial(stage.operator.metric, "swarm_operator_traefik_writes_total", result="done")
    before, done_before = conflicts(), done()
    reads = 0
    with stage.load("app.lab", rate=50) as sent:
        sent.wait_for(30)
        with Storm(stage, every_s=0) as dense:
            stage.put("app", on_the_edge({"web": routed_service("app", replicas=2)}))
            stage.put("storm", on_the_edge({"web": routed_service("storm")}))
            begun = time.monotonic()
            while time.monotonic() < begun + 8 or (
                conflicts() - before < 5 and time.monotonic() < begun + 60
            ):
                assert not _half_written(stage)
                reads += 1
                time.sleep(0.05)
                if reads % 20 == 0:  # a change more that has to come through, as on a busy day
                    replicas = 1 + reads // 20 % 2
                    stage.put(
                        "storm", on_the_edge({"web": routed_service("storm", replicas=replicas)})
                    )
        in_dense = conflicts() - before
        tried = in_dense + done() - done_before
        with Storm(stage, every_s=0.1) as sparse:
            begun = time.monotonic()
            stage.wait_for_route("storm", "http/storm", within=30)
            eventually(lambda: len(stage.servers("app")) == 2, 30, "the third server goes")
            took = time.monotonic() - begun
            assert not _half_written(stage)
        seen = sent.end()
    print(
        f"storm: {dense.times} + {sparse.times} times; {in_dense:.0f} conflicts of {tried:.0f}; through "
        f"{took:.1f} s after it was less dense; {reads} reads; {seen}"
    )
    assert in_dense >= 5, "the control: it is one"
    assert tried < 200, "nobody runs against it without a pause"
    assert seen.failed == 0, seen
    eventually(lambda: stage.traefik_status().get("state") == "Publishing", 15, "all is well")
    stage.remove("storm")
    stage.deploy("app", on_the_edge({"web": routed_service("app", replicas=3)}))
    eventually(lambda: len(stage.servers("app")) == 3, 20, "as before")
