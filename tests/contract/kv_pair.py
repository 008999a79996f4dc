"""A real Consul and its simulation, side by side."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from tests.contract import kv_servers
from tests.contract.kv_servers import KvServer


class Pair(NamedTuple):
    """Both, with the same content."""

    real: KvServer
    simulated: KvServer

    def same(self, work: Callable[[KvServer], object]) -> object:
        """What both give for it; fails where they differ."""
        for server in self:
            server.wipe()
        with ThreadPoolExecutor(2) as pool:
            real, simulated = pool.map(work, self)
        assert simulated == real
        return real


@contextmanager
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Skips where this machine has no real Consul."""
    with (
        kv_servers.running("consul", tmp_path_factory.mktemp("consul")) as real,
        kv_servers.running("simulation-http", tmp_path_factory.mktemp("simulation")) as simulated,
    ):
        yield Pair(real, simulated)
