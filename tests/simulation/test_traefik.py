"""The simulated Traefik in virtual time: faults of Consul, of an instance, and several instances.

What it makes of keys, and its throttle, are the contract's (`tests/contract/test_traefik_kv.py`).
"""

import json
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from swarm_operator.clients.traefik import TraefikApi
from swarm_operator.observed.errors import Unavailable
from swarm_operator.simulation.faces.serve import Faces
from swarm_operator.simulation.kv_faults import FaultyConsul
from swarm_operator.simulation.traefik.instance import Silent, Traefik
from swarm_operator.simulation.traefik.port import SimulatedTraefiks
from swarm_operator.simulation.world import World

ROUTER = "/api/http/routers/app@consul"


class Stage:
    """A world with instances of Traefik, and a hand that writes keys."""

    def __init__(self, *versions: str, throttle_s: float = 0.5) -> None:
        self.world = World()
        self.consul = FaultyConsul(self.world.consul_api)
        self.instances = [
            Traefik(self.world.timeline, self.consul, version=version, throttle_s=throttle_s)
            for version in versions or ("3.7.15",)
        ]
        for each in self.instances:
            each.start()
        self.pass_s(2)

    @property
    def traefik(self) -> Traefik:
        return self.instances[0]

    def put(self, key: str, value: str) -> None:
        self.world.kv.put(f"traefik/{key}", value.encode())

    def route(self, name: str = "app") -> None:
        self.put(f"http/services/{name}/loadbalancer/servers/t1/url", "http://10.0.0.1:80")
        self.put(f"http/routers/{name}/rule", f"Host(`{name}`)")
        self.put(f"http/routers/{name}/service", name)

    def pass_s(self, seconds: float) -> None:
        self.world.timeline.advance(self.world.timeline.now + seconds)

    def status(self, name: str = "app") -> str | None:
        answer: Any = self.traefik.get(f"/api/http/routers/{name}@consul")
        return None if answer is None else str(answer["status"])


def test_a_change_is_live_at_once() -> None:
    stage = Stage()
    stage.route()
    stage.pass_s(0.1)
    assert stage.status() == "enabled"


@pytest.mark.parametrize("fault", ["kill", "freeze", "lose_leader"])
def test_routes_stay_while_consul_is_away_and_changes_come_after(fault: str) -> None:
    stage = Stage()
    stage.route()
    stage.pass_s(1)
    getattr(stage.consul, fault)()
    stage.pass_s(20)
    assert stage.status() == "enabled"
    {"kill": stage.consul.start, "freeze": stage.consul.thaw}.get(
        fault, stage.consul.elect_leader
    )()
    stage.route("later")
    stage.pass_s(25)
    assert stage.status("later") == "enabled"


def test_all_routes_go_with_the_kvs_data() -> None:
    stage = Stage()
    stage.route()
    stage.pass_s(1)
    stage.consul.lose_data()
    stage.consul.start()
    stage.pass_s(25)
    assert stage.status() is None
    stage.route()
    stage.pass_s(1)
    assert stage.status() == "enabled"


def test_an_instance_that_starts_while_a_bad_key_is_there_serves_nothing() -> None:
    stage = Stage()
    stage.route()
    stage.put("http/routers/bad/nonsense", "x")
    stage.pass_s(1)
    stage.traefik.restart()
    stage.pass_s(5)
    assert stage.status() is None
    assert stage.traefik.reloads == 0
    stage.world.kv.delete("traefik/http/routers/bad/nonsense")
    stage.pass_s(25)
    assert stage.status() == "enabled"


def test_instances_of_several_versions_read_the_same_keys_differently() -> None:
    stage = Stage("3.7.15", "3.5.0")
    stage.route()
    stage.pass_s(1)
    stage.put("http/services/app/loadbalancer/passivehealthcheck/maxfailedattempts", "1")
    stage.put("http/routers/app/priority", "9")
    stage.pass_s(2)
    newer, older = (each.get(ROUTER) for each in stage.instances)
    assert newer["priority"] == 9
    assert "priority" not in older, "frozen by a field that it does not know"


def test_equal_keys_are_no_reload() -> None:
    stage = Stage()
    stage.route()
    stage.pass_s(2)
    reloads = stage.traefik.reloads
    stage.route()
    stage.put("_note", "decoded by nobody")
    stage.pass_s(2)
    assert stage.traefik.reloads == reloads


def test_lists_can_be_narrowed_to_what_does_not_work() -> None:
    stage = Stage()
    stage.route()
    stage.put("http/routers/lost/rule", "Host(`x`)")
    stage.put("http/routers/lost/service", "nowhere")
    stage.pass_s(2)
    disabled = stage.traefik.get("/api/http/routers?status=disabled&per_page=1000")
    assert [each["name"] for each in disabled] == ["lost@consul"]
    assert len(stage.traefik.get("/api/http/routers")) == 2
    assert len(stage.traefik.get("/api/http/routers?per_page=1&page=2")) == 1
    assert stage.traefik.get("/api/http/services?status=disabled") == []
    assert stage.traefik.get("/api/udp/middlewares") is None
    assert stage.traefik.get("/api/overview/nothing") is None


def test_one_that_is_silent_or_stopped_does_not_answer() -> None:
    stage = Stage()
    port = SimulatedTraefiks({"http://10.0.1.5:8080": stage.traefik})
    assert port.get("http://10.0.1.5:8080", "/api/version")["Version"] == "3.7.15"
    stage.traefik.is_silent = True
    with pytest.raises(Silent):
        stage.traefik.get("/api/version")
    for address in ("http://10.0.1.5:8080", "http://10.0.1.6:8080"):
        with pytest.raises(Unavailable):
            port.get(address, "/api/version")


def test_a_version_that_is_none() -> None:
    with pytest.raises(ValueError, match="no version"):
        Traefik(World().timeline, World().consul_api, version="newest")


def test_served_over_http_to_the_operators_own_client() -> None:
    with TemporaryDirectory(prefix="swarm-operator-test-") as folder:
        faces = Faces(World(), Path(folder), traefik_throttle_s=0.1)
        faces.start()
        client = TraefikApi()
        try:
            for key, value in {
                "http/routers/app/rule": "Host(`app`)",
                "http/routers/app/service": "api@internal",
            }.items():
                _put(f"{faces.consul_addr}/v1/kv/traefik/{key}", value)
            deadline = time.monotonic() + 10
            while (
                answer := client.get(faces.traefik_addr, ROUTER)
            ) is None or "rule" not in answer:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert client.get(faces.traefik_addr, "/api/http/routers/nobody@consul") is None
            assert client.get(faces.traefik_addr, "/api/version")["Version"] == "3.7.15"
        finally:
            client.close()
            faces.stop()


def _put(url: str, value: str) -> None:
    request = urllib.request.Request(url, data=value.encode(), method="PUT")
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert json.loads(answer.read()) is True
