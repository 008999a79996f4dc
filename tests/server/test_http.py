"""The HTTP server over real sockets."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry, Gauge

from swarm_operator.server.http import CannotListen, HttpServer
from swarm_operator.settings import Address


@dataclass
class FakeHealth:
    live_problems: list[str] = field(default_factory=list)
    ready_problems: list[str] = field(default_factory=list)

    def live(self) -> list[str]:
        return self.live_problems

    def ready(self) -> list[str]:
        return self.ready_problems


@dataclass
class Running:
    server: HttpServer
    health: FakeHealth

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str, str]:
        address = self.server.address
        connection = http.client.HTTPConnection(address.host, address.port, timeout=5)
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            kind = response.getheader("Content-Type") or ""
            return response.status, kind, response.read().decode()
        finally:
            connection.close()


@pytest.fixture
def running() -> Iterator[Running]:
    registry, health = CollectorRegistry(), FakeHealth()
    scrapes = Gauge("scrapes", "Scrapes so far.", registry=registry)
    server = HttpServer(Address("127.0.0.1", 0), registry, health, scrapes.inc)
    server.start()
    yield Running(server, health)
    server.stop()


def test_metrics_are_in_prometheus_text_and_gauges_are_refreshed(running: Running) -> None:
    status, kind, body = running.get("/metrics")
    assert status == 200
    assert kind.startswith("text/plain; version=0.0.4")
    assert "scrapes 1.0" in body
    assert "scrapes 2.0" in running.get("/metrics")[2]


def test_a_prometheus_that_asks_for_openmetrics_gets_it(running: Running) -> None:
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    status, kind, body = running.get("/metrics", Accept=accept)
    assert status == 200
    assert kind.startswith("application/openmetrics-text")
    assert body.endswith("# EOF\n")


@pytest.mark.parametrize(("path", "name"), [("/livez", "live"), ("/readyz", "ready")])
def test_health_says_ok_or_what_is_wrong(running: Running, path: str, name: str) -> None:
    assert running.get(path) == (200, "text/plain; charset=utf-8", "ok\n")
    getattr(running.health, f"{name}_problems").append("the loop has not moved for 200 s")
    status, _, body = running.get(path)
    assert status == 503
    assert body == f"not {name}\n- the loop has not moved for 200 s\n"
    status, kind, body = running.get(path, Accept="application/json")
    assert (status, kind) == (503, "application/json")
    assert json.loads(body) == {name: False, "problems": ["the loop has not moved for 200 s"]}


def test_live_and_ready_are_two_questions(running: Running) -> None:
    running.health.ready_problems.append("the KV: Consul is down")
    assert running.get("/readyz")[0] == 503
    assert running.get("/livez")[0] == 200


def test_the_index_names_the_pages_and_others_are_not_found(running: Running) -> None:
    assert "/readyz" in running.get("/")[2]
    assert running.get("/nothing")[0] == 404
    assert running.get("/readyz?verbose=1")[0] == 200


def test_head_has_no_body_and_other_methods_are_refused(running: Running) -> None:
    assert running.get("/livez", method="HEAD")[::2] == (200, "")
    assert running.get("/livez", method="POST")[0] == 501


def test_an_answer_does_not_wait_for_delayed_acknowledgements(running: Running) -> None:
    address = running.server.address
    connection = http.client.HTTPConnection(address.host, address.port, timeout=5)
    start = time.monotonic()
    for _ in range(25):
        connection.request("GET", "/livez")
        connection.getresponse().read()
    took_s = time.monotonic() - start
    connection.close()
    assert took_s < 25 * 0.03  # with Nagle's algorithm each takes more than 0.04 s


def test_a_client_that_hangs_up_leaves_the_server_well(
    running: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    address = running.server.address
    for _ in range(3):
        with socket.create_connection((address.host, address.port)) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\n")
    assert running.get("/livez")[0] == 200
    assert capfd.readouterr().err == ""


def test_a_taken_port_is_a_clear_message(running: Running) -> None:
    with pytest.raises(CannotListen, match=r"another process has this port; choose another"):
        HttpServer(running.server.address, CollectorRegistry(), FakeHealth())


def test_an_address_that_this_machine_does_not_have_is_a_clear_message() -> None:
    with pytest.raises(CannotListen, match="this machine has no such address"):
        HttpServer(Address("192.0.2.1", 0), CollectorRegistry(), FakeHealth())


def test_ipv6() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        server = HttpServer(Address("::1", 0), CollectorRegistry(), FakeHealth())
    except CannotListen as error:
        pytest.skip(str(error))
    server.start()
    assert Running(server, FakeHealth()).get("/livez")[0] == 200
    assert str(server.address).startswith("[::1]:")
    server.stop()
