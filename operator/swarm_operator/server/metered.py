"""Counts the writes that pass through the ports, whoever makes them."""

from collections.abc import Mapping, Sequence

from swarm_operator.observed.errors import LeaseLost, OutsideError
from swarm_operator.observed.kv import Fence, KvEntry, KvOperation, KvTree
from swarm_operator.runtime.ports import KvPort, Metrics


class MeteredKv:
    """A `KvPort` that counts its transactions."""

    def __init__(self, kv: KvPort, metrics: Metrics) -> None:
        self._kv = kv
        self._metrics = metrics

    def read(self, prefix: str) -> KvTree:
        return self._kv.read(prefix)

    def get(self, key: str) -> KvEntry | None:
        return self._kv.get(key)

    def commit(self, operations: Sequence[KvOperation], *, fence: Fence | None = None) -> None:
        try:
            self._kv.commit(operations, fence=fence)
        except LeaseLost:
            self._metrics.count("fenced_writes_total", {})
            self._count("failed")
            raise
        except OutsideError:
            self._count("failed")
            raise
        self._count("done")

    def _count(self, result: str) -> None:
        self._metrics.count("kv_writes_total", {"result": result})


class RequestMetrics:
    """Passes on how long requests took, and counts those that write to the Docker Engine."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def observe(self, name: str, labels: Mapping[str, str], seconds: float) -> None:
        self._metrics.observe(name, labels, seconds)
        if labels.get("api") == "docker" and labels.get("verb") in {"POST", "DELETE"}:
            result = "done" if labels.get("code", "").startswith("2") else "failed"
            self._metrics.count("docker_writes_total", {"result": result})
