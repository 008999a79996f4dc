"""The load counts what fails: a bar of "0 failed" rests on that."""

import http.server
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.harness import eventually
from tests.load import docker_names
from tests.load.results import Answer, Result
from tests.load.running import begin


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        self.connections: set[object] = set()
        self.free = threading.Event()
        super().__init__(("127.0.0.1", 0), _Pages)

    @property
    def at(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Pages(http.server.BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.connections.add(self.client_address)
        if self.path == "/hang":
            self.server.free.wait(10)
        if self.path == "/cut":
            self.close_connection = True
            return
        self.send_response(503 if self.path == "/503" else 200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"host 1")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Quiet."""


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.free.set()
        made.shutdown()
        thread.join()


def loaded(log: Path, *options: str, count: int = 6) -> Result:
    load = begin(None, log, *options, "--rate", "200", "--count", str(count))
    try:
        load.wait_for(count, 20)
        return load.end()
    finally:
        load.kill()


def test_every_answer_is_told_and_connections_are_used_again(
    server: _Server, tmp_path: Path
) -> None:
    found = loaded(tmp_path / "log", "--connect", server.at, "--host", "app.lab", "--at-once", "1")
    assert (found.total, found.failed, found.versions) == (6, 0, {"1"})
    assert len(server.connections) == 1


def test_each_request_has_a_connection_of_its_own_if_it_is_wished(
    server: _Server, tmp_path: Path
) -> None:
    found = loaded(tmp_path / "log", "--connect", server.at, "--anew", "--at-once", "1")
    assert (found.total, found.failed) == (6, 0)
    assert len(server.connections) == 6


@pytest.mark.parametrize(
    ("path", "says", "hung"),
    [("/503", "503", 0), ("/cut", "IncompleteReadError", 0), ("/hang", "TimeoutError", 6)],
)
def test_what_fails_is_counted(
    server: _Server, tmp_path: Path, path: str, says: str, hung: int
) -> None:
    options = ("--connect", server.at, "--path", path, "--timeout", "0.3")
    found = loaded(tmp_path / "log", *options)
    assert (found.total, found.failed, found.hung) == (6, 6, hung)
    assert all(says in str(answer.said) for answer in found.answers)
    assert found.failed_by_target == {server.at: 6}


def test_nobody_at_an_address_is_a_failure(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = loaded(tmp_path / "log", "--connect", f"127.0.0.1:{port}")
    assert found.failed == 6


def test_a_list_is_followed_and_an_empty_one_is_a_failure(server: _Server, tmp_path: Path) -> None:
    load = begin(None, tmp_path / "log", "--listed", "--anew", "--rate", "200")
    try:
        load.list_addresses([server.at])
        load.wait_for(5, 20)
        assert load.so_far().failed == 0
        load.list_addresses([])
        eventually(lambda: load.so_far().failed > 0, 20, "nobody is listed")
        found = load.end()
    finally:
        load.kill()
    assert found.failed_by_target.keys() == {"-"}
    assert {answer.address for answer in found.answers if answer.is_good} == {server.at}


def test_a_part_of_a_load_begins_at_a_moment() -> None:
    early, late = Answer(1.0, 0.1, 503), Answer(3.0, 0.2, 200, "host 1")
    assert Result([early, late]).since(2.0) == Result([late])
    assert Result([early, late, early]).outage == 0


def _answer(number: int, code: int, *addresses: str) -> tuple[bytes, int]:
    """What Docker's resolver sends to question `number`, and how long the question was."""
    asked = docker_names.question("shop_web", number)
    head = struct.pack(">6H", number, 0x8180 | code, 1, len(addresses), 0, 0)
    records = b"".join(
        b"\xc0\x0c" + struct.pack(">2HIH", 1, 1, 600, 4) + socket.inet_aton(address)
        for address in addresses
    )
    return head + asked[12:] + records, len(asked)


def test_the_first_address_of_a_name_is_taken() -> None:
    answer, length = _answer(7, 0, "10.0.1.5", "10.0.1.6")
    assert docker_names.first_address(answer, 7, length, "shop_web") == "10.0.1.5"


@pytest.mark.parametrize(("number", "code"), [(7, 3), (7, 0), (8, 0)])
def test_a_name_without_an_address_is_a_failure(number: int, code: int) -> None:
    answer, length = _answer(7, code)
    with pytest.raises(ValueError, match="shop_web: no address"):
        docker_names.first_address(answer, number, length, "shop_web")
