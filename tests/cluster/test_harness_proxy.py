"""The counting proxies, between real clients and the real engine and Consul."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import docker
import pytest
import requests
from docker.errors import APIError

from tests.cluster.harness import ConsulProxy, DockerProxy, Lab, eventually, http_messages
from tests.cluster.harness.node import answers
from tests.cluster.harness.paths import docker_command


@pytest.fixture
def engine_proxy(swarm: Lab) -> Iterator[DockerProxy]:
    with swarm.docker_proxy(keep_bodies=True) as proxy:
        yield proxy


@pytest.fixture
def client(engine_proxy: DockerProxy) -> Iterator[docker.APIClient]:
    made = docker.APIClient(base_url=f"unix://{engine_proxy.socket}", version="auto", timeout=20)
    engine_proxy.reset()
    yield made
    made.close()


@pytest.fixture
def consul_proxy(swarm: Lab) -> Iterator[ConsulProxy]:
    """One on this machine's loopback, for clients in this process."""
    host, port = swarm.consul.url.removeprefix("http://").split(":")
    with ConsulProxy((host, int(port)), keep_bodies=True) as proxy:
        yield proxy


def test_requests_are_counted_and_writes_told_from_reads(
    engine_proxy: DockerProxy, client: docker.APIClient
) -> None:
    client.nodes()
    client.create_config("conf", b"content", {"a": "b"})
    assert [str(r) for r in engine_proxy.requests] == [
        "GET /nodes -> 200",
        "POST /configs/create -> 201",
    ]
    (write,) = engine_proxy.writes()
    assert write.json() == {"Name": "conf", "Data": "Y29udGVudA==", "Labels": {"a": "b"}}
    assert engine_proxy.writes("/services/*") == []
    engine_proxy.reset()
    assert engine_proxy.requests == []


def test_events_stream_and_can_be_cut(engine_proxy: DockerProxy, client: docker.APIClient) -> None:
    seen: list[dict[str, object]] = []
    stream = client.events(decode=True)
    reader = threading.Thread(target=lambda: seen.extend(stream), daemon=True)
    reader.start()
    eventually(engine_proxy.streams, 5, "the stream should be under way")
    client.create_config("conf", b"x")
    time.sleep(0.2)
    assert reader.is_alive()
    engine_proxy.drop_streams()
    reader.join(5)
    assert not reader.is_alive()
    stream.close()
    assert "config" in [event["Type"] for event in seen]


def test_the_command_line_attaches_through_it(swarm: Lab, engine_proxy: DockerProxy) -> None:
    def cli(*arguments: str, text: str = "") -> str:
        command = [str(docker_command()), f"--host=unix://{engine_proxy.socket}", *arguments]
        return subprocess.run(
            command, input=text, text=True, capture_output=True, check=True
        ).stdout

    assert cli("run", "--rm", "-i", "lab/sleep:1", "cat", text="typed\n") == "typed\n"
    assert swarm.node(1).exec(["ls", f"/run/lab/{engine_proxy.socket.name}"]).returncode == 0


def test_faults_strike_once_and_where_they_are_meant(
    swarm: Lab, engine_proxy: DockerProxy, client: docker.APIClient
) -> None:
    manager: Any = swarm.manager.docker
    fault = engine_proxy.answer(409, "no", method="POST", path="/configs/*")
    client.nodes()
    with pytest.raises(APIError, match="409"):
        client.create_config("conf", b"x")
    assert fault.hits == 1
    assert manager.configs() == []
    engine_proxy.lose_answer(path="/configs/*")
    with pytest.raises(requests.ConnectionError):
        client.create_config("conf", b"x")
    assert len(manager.configs()) == 1, "it was done, and nobody was told"
    engine_proxy.drop(path="/configs/*")
    with pytest.raises(requests.ConnectionError):
        client.create_config("other", b"x")
    assert len(manager.configs()) == 1
    engine_proxy.delay(0.3, times=1)
    began = time.monotonic()
    client.nodes()
    assert time.monotonic() - began > 0.3
    engine_proxy.refuse()
    assert not answers(engine_proxy.socket)
    engine_proxy.accept()
    assert len(client.nodes()) == 3


def test_consul_renewals_and_reading_transactions_are_no_writes(consul_proxy: ConsulProxy) -> None:
    def put(path: str, body: object = None) -> requests.Response:
        return requests.put(f"{consul_proxy.url}/v1{path}", data=json.dumps(body), timeout=5)

    session = put("/session/create", {}).json()["ID"]
    consul_proxy.reset()
    put(f"/session/renew/{session}")
    check = {"KV": {"Verb": "check-not-exists", "Key": "a"}}
    put("/txn", [check])
    assert consul_proxy.writes() == []
    assert len(consul_proxy.renewals()) == 1
    put("/txn", [check, {"KV": {"Verb": "set", "Key": "a", "Value": "eA=="}}])
    assert [str(r) for r in consul_proxy.writes()] == ["PUT /v1/txn -> 200"]
    put(f"/session/destroy/{session}")
    assert len(consul_proxy.writes("/v1/session/*")) == 1


def test_a_blocking_read_passes_and_can_be_cut(consul_proxy: ConsulProxy, swarm: Lab) -> None:
    index = swarm.consul.client().kv.get("watched")[0]
    query = f"{consul_proxy.url}/v1/kv/watched?index={index}&wait=60s"
    answers: list[int | None] = []

    def read() -> None:
        try:
            answers.append(requests.get(query, timeout=30).status_code)
        except requests.ConnectionError:
            answers.append(None)

    for end, expected in (
        (consul_proxy.drop_streams, None),
        (lambda: swarm.consul.client().kv.put("watched", "x"), 200),
    ):
        reader = threading.Thread(target=read)
        reader.start()
        eventually(consul_proxy.streams, 5, "the read should block")
        end()
        reader.join(10)
        assert answers.pop() == expected


def test_the_proxy_in_the_lab_serves_the_lab(swarm: Lab) -> None:
    with swarm.consul_proxy() as proxy:
        swarm.client.run(["busybox", "wget", "-q", "-O-", f"{proxy.url}/v1/status/leader"])
        fetch = ["wget", "-q", "-O-", f"{proxy.url}/v1/status/peers"]
        swarm.docker_cli(2, "run", "--rm", "lab/sleep:1", *fetch)
        paths = [request.path for request in proxy.requests]
        assert paths == ["/v1/status/leader", "/v1/status/peers"]


def test_it_is_quick(swarm: Lab, consul_proxy: ConsulProxy) -> None:
    def fastest_ms(url: str) -> float:
        with requests.Session() as session:
            session.trust_env = False
            times = []
            for _ in range(50):
                began = time.perf_counter()
                session.get(f"{url}/v1/status/leader", timeout=5)
                times.append((time.perf_counter() - began) * 1000)
        return sorted(times)[len(times) // 4]

    assert fastest_ms(consul_proxy.url) - fastest_ms(swarm.consul.url) < 1


@pytest.mark.parametrize("pieces", [1, 2, 3, 7, 100])
def test_the_end_of_a_chunked_body_is_found_however_it_is_cut(pieces: int) -> None:
    wire = b"4\r\nwiki\r\n6;x=y\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nTrailer: 1\r\n\r\n"
    data = wire + b"GET /next"
    head = http_messages.parse_head(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    body = http_messages.request_body(head, keep=True)
    used = 0
    for start in range(0, len(data), pieces):
        used += body.feed(data[start : start + pieces])
    assert body.complete
    assert bytes(body.content) == b"wikipedia in \r\n\r\nchunks."
    assert used == len(wire)
