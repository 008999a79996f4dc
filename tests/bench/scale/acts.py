"""What happens to a running daemon: documents are edited, machines lose their power."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final

from desired_state import keys
from desired_state.folder_hash import folder_hash
from desired_state.records import Pushed, StackStatus
from swarm_operator.clients.consul import ConsulKv
from swarm_operator.observed.kv import Put
from tests.bench.cost import cpu_s
from tests.bench.scale.sample import Request, Sample, WorldProcess, memory_mb, sample_of, started
from tests.bench.scale.shape import document, stack_name, text
from tests.cluster.harness import eventually

QUIET_S: Final = 1.5
"""Nothing is looked at for so long: whatever moved is settled."""
_FIRST_PASS_S: Final = 120
_SOON_S: Final = 60


class Running:
    """A daemon at work, as the world and the KV see it from outside."""

    def __init__(self, world: WorldProcess, stacks: int, pid: int) -> None:
        self.world = world
        self.stacks = stacks
        self.pid = pid
        self.kv = ConsulKv(world.consul_addr)

    @classmethod
    @contextmanager
    def started(cls, world: WorldProcess, stacks: int) -> "Iterator[Running]":
        """From the end of its first pass over everything."""
        with started("daemon", world.docker_host, world.consul_addr) as process:
            running = cls(world, stacks, process.pid)
            eventually(running.all_ready, _FIRST_PASS_S, "every stack should be ready")
            running.rest()
            yield running

    def all_ready(self) -> bool:
        """As the status of each stack says."""
        tree = self.kv.read(keys.stack_status_key(""))
        found = (StackStatus.parse(entry.value) for entry in tree.entries.values())
        return (
            sum(status is not None and status.state == "Ready" for status in found) == self.stacks
        )

    def rest(self) -> list[Request]:
        """Wait until the swarm is not looked at for a while; the requests until then."""
        asked: list[Request] = []
        deadline = time.monotonic() + _SOON_S
        while time.monotonic() < deadline:
            asked += self.world.requests("docker")
            if not asked or asked[-1].at < time.monotonic() - QUIET_S:
                return asked
            time.sleep(QUIET_S / 5)
        raise AssertionError("the daemon never comes to rest")

    def change(self, number: int, word: str) -> Sample:
        """A document is pushed: seconds until the engine has answered the write to its service; CPU and
        requests until all is over."""
        body = text(document(changed=word))
        pushed = Pushed(hash=folder_hash({"compose.yaml": body}), who="ann")
        folder = f"{keys.DESIRED}stacks/{stack_name(number)}/"
        operations = [
            Put(f"{folder}compose.yaml", body),
            Put(f"{folder}.pushed", pushed.encode()),
        ]
        self.world.requests()
        cpu, began = cpu_s(self.pid), time.monotonic()
        self.kv.commit(operations)
        time.sleep(QUIET_S)
        asked = self.rest()
        cpu = cpu_s(self.pid) - cpu
        writes = [each for each in asked if each.method != "GET"]
        assert [each.path.rpartition("/")[2] for each in writes] == ["update"], writes
        before = asked[: asked.index(writes[0])]
        sample = sample_of(writes[0].at - began, cpu, asked)
        sample.more["reads before the write"] = len(before)
        assert self._is_ready(number), "the stack should be ready again"
        return sample

    def _is_ready(self, number: int) -> bool:
        entry = self.kv.get(keys.stack_status_key(stack_name(number)))
        status = StackStatus.parse(entry.value) if entry is not None else None
        return status is not None and status.state == "Ready"

    def loss(self) -> Sample:
        """A worker's power fails: from then until every stack is ready on the others."""
        self.world.requests()
        cpu, began = cpu_s(self.pid), time.monotonic()
        self.world.ask("lose-node")
        self._until(lambda: not self.all_ready(), "the loss should be noticed")
        noticed_s = time.monotonic() - began
        self._until(self.all_ready, "every stack should be ready again")
        wall_s = time.monotonic() - began
        asked = self.rest()
        cpu = cpu_s(self.pid) - cpu
        assert all(each.method == "GET" for each in asked), "Swarm mends it by itself"
        sample = sample_of(wall_s, cpu, asked)
        sample.more["noticed_s"] = noticed_s
        return sample

    @staticmethod
    def _until(holds: Callable[[], bool], why: str) -> None:
        eventually(holds, _SOON_S, why, every=0.1)


def measure(world: WorldProcess, stacks: int, changes: int, losses: int) -> dict[str, Any]:
    """The samples by act, and the memory."""
    rng = random.Random(1)
    with Running.started(world, stacks) as running:
        result: dict[str, Any] = {"memory_mb": memory_mb(running.pid)[0]}
        numbers = [rng.randrange(stacks) for _ in range(changes)]
        samples = [running.change(number, f"word{i}") for i, number in enumerate(numbers)]
        result["one change"] = [asdict(sample) for sample in samples]
        result["loss of a node"] = [asdict(running.loss()) for _ in range(losses)]
        result["memory_end_mb"], result["peak_mb"] = memory_mb(running.pid)
    return result
