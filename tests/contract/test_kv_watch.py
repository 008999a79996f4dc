"""A watch of the KV while Consul is killed, restarted, frozen, wiped and replaced."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from swarm_operator.clients.consul import ConsulKv
from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.kv import KvTree, Put
from swarm_operator.watch.kv import KvWatch
from tests.cluster.harness import always, eventually
from tests.contract.kv_servers import KvServer

TIMEOUT_S = 1.0
WAIT_S = 2.0


class Watched:
    """`desired/`, as a watch tells about it."""

    def __init__(self, server: KvServer, *, wait_s: float = WAIT_S) -> None:
        self.contents: list[dict[str, bytes]] = []
        self.errors: list[OutsideError] = []
        self.source = CountingKv(server.url, timeout_s=TIMEOUT_S)
        self.watch = KvWatch(
            self.source,
            "desired/",
            lambda tree: self.contents.append({k: e.value for k, e in tree.entries.items()}),
            self.errors.append,
            wait_s=wait_s,
        )
        self.watch.start()

    def shows(self, content: dict[str, bytes]) -> bool:
        return bool(self.contents) and self.contents[-1] == content

    def forget(self) -> None:
        self.contents.clear()
        self.errors.clear()


@contextmanager
def watching(server: KvServer, *, wait_s: float = WAIT_S) -> Iterator[Watched]:
    """A watch that ends with the test, whatever comes of it."""
    made = Watched(server, wait_s=wait_s)
    try:
        yield made
    finally:
        ended = made.watch.stop()
        made.source.close()
    assert ended


class CountingKv(ConsulKv):
    """Counts the reads."""

    reads = 0

    def watch(self, prefix: str, index: int, wait_s: float) -> KvTree:
        self.reads += 1
        return super().watch(prefix, index, wait_s)


@pytest.fixture
def kv(kv_server: KvServer) -> Iterator[ConsulKv]:
    client = ConsulKv(kv_server.url)
    yield client
    client.close()
    kv_server.thaw()
    if not kv_server.is_running:
        kv_server.restart()
    kv_server.wipe()


@pytest.fixture
def watched(kv_server: KvServer, kv: ConsulKv) -> Iterator[Watched]:
    kv.commit([Put("desired/.installation", b"{}")])
    with watching(kv_server) as made:
        eventually(lambda: made.shows({".installation": b"{}"}))
        yield made


def write(kv: ConsulKv, value: bytes) -> dict[str, bytes]:
    """Put a document, as soon as Consul takes it."""

    def written() -> bool:
        try:
            kv.commit([Put("desired/.installation", b"{}"), Put("desired/doc", value)])
        except OutsideError as error:
            raise AssertionError(error) from error
        return True

    eventually(written, within=30)
    return {".installation": b"{}", "doc": value}


def test_a_put_comes_at_once_and_once(watched: Watched, kv: ConsulKv) -> None:
    watched.forget()
    started = time.monotonic()
    content = write(kv, b"one")
    eventually(lambda: watched.shows(content), every=0.002)
    assert time.monotonic() - started < 0.5
    kv.commit([Put("desired/doc", b"one"), Put("status/web", b"elsewhere")])
    always(lambda: len(watched.contents) == 1, during=WAIT_S * 1.5)
    assert watched.errors == []


def test_many_puts_end_with_the_last_one(watched: Watched, kv: ConsulKv) -> None:
    for number in range(100):
        write(kv, str(number).encode())
    eventually(lambda: watched.shows({".installation": b"{}", "doc": b"99"}))
    assert watched.source.reads < 60


def test_consul_is_killed_and_comes_back(
    watched: Watched, kv: ConsulKv, kv_server: KvServer
) -> None:
    content = write(kv, b"kept")
    eventually(lambda: watched.shows(content))
    watched.forget()
    kv_server.kill()
    eventually(lambda: watched.errors, within=3)
    assert watched.contents == []
    kv_server.restart()
    # No empty tree in between, and the first answer is told although it brings nothing new.
    eventually(lambda: watched.contents, within=30)
    assert all(each == content for each in watched.contents), watched.contents
    content = write(kv, b"after")
    eventually(lambda: watched.shows(content), within=2)


def test_a_frozen_consul_is_noticed(watched: Watched, kv: ConsulKv, kv_server: KvServer) -> None:
    content = write(kv, b"kept")
    eventually(lambda: watched.shows(content))
    watched.forget()
    kv_server.freeze()
    last_progress = watched.watch.last_progress
    eventually(lambda: watched.errors, within=WAIT_S * 17 / 16 + TIMEOUT_S + 2)
    assert "did not answer in time" in str(watched.errors[0])
    kv_server.thaw()
    eventually(lambda: watched.contents, within=15)
    assert watched.contents[0] == content
    assert watched.watch.last_progress > last_progress
    content = write(kv, b"after")
    eventually(lambda: watched.shows(content), within=2)


def test_a_wiped_kv_is_an_empty_tree(watched: Watched, kv: ConsulKv, kv_server: KvServer) -> None:
    eventually(lambda: watched.shows({".installation": b"{}"}))
    kv_server.wipe()
    eventually(lambda: watched.shows({}), within=2)
    content = write(kv, b"anew")
    eventually(lambda: watched.shows(content), within=2)


def test_a_consul_that_lost_its_data_starts_its_index_anew(
    watched: Watched, kv: ConsulKv, kv_server: KvServer
) -> None:
    for number in range(50):
        kv.commit([Put("elsewhere", str(number).encode())])
    content = write(kv, b"old")
    eventually(lambda: watched.shows(content))
    old_index = kv.read("desired/").index
    kv_server.lose_data()
    kv_server.restart()
    content = write(kv, b"new")
    assert kv.read("desired/").index < old_index
    # Sooner than one wait: an old index would be served only when it is over.
    eventually(lambda: watched.shows(content), within=12)
    watched.forget()
    content = write(kv, b"newer")
    eventually(lambda: watched.shows(content), within=1)


def test_an_empty_prefix_does_not_spin(kv_server: KvServer, kv: ConsulKv) -> None:
    with watching(kv_server) as watched:
        eventually(lambda: watched.shows({}))
        reads, started = watched.source.reads, time.monotonic()
        while time.monotonic() - started < 1.5:
            kv.commit([Put("elsewhere", str(time.monotonic()).encode())])
        assert watched.source.reads - reads < 25
        assert watched.contents == [{}]


def test_a_stop_does_not_wait_for_an_answer(kv_server: KvServer, kv: ConsulKv) -> None:
    kv.commit([Put("desired/.installation", b"{}")])
    with watching(kv_server, wait_s=50) as watched:
        eventually(lambda: watched.contents)
        eventually(lambda: watched.source.reads == 2)
        started = time.monotonic()
        assert watched.watch.stop()
        assert time.monotonic() - started < 1
        assert watched.errors == []
