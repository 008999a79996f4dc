"""Times passes of the operator's controller over a real swarm, without a proxy in the way.

Run on a lab's client host while no operator runs there. One pass is all that the daemon does when it
is woken: one read of the KV, seven of the engine, the plan of every stack, the statuses.
"""

import cProfile
import io
import json
import pstats
import random
import socket
import sys
import time
from dataclasses import dataclass
from typing import Final

import structlog
from prometheus_client import CollectorRegistry

from desired_state import keys
from swarm_operator.clients.consul import ConsulKv
from swarm_operator.clients.docker import DockerSwarm
from swarm_operator.clock import SystemClock
from swarm_operator.runtime.daemon import new_installation
from swarm_operator.runtime.inbox import Wake
from swarm_operator.runtime.lease import Lease
from swarm_operator.runtime.stacks import StackController
from swarm_operator.runtime.toolbox import Identity, Surroundings
from swarm_operator.server.metrics import PrometheusMetrics

_TTL_S: Final = 60.0
_WARM_UP: Final = 5
"""Passes before the first timed one: documents are parsed, statuses written."""
_GAP_S: Final = 0.06
"""Between passes: a burst of events is answered by one."""


@dataclass(slots=True)
class Timed:
    """One pass: seconds of wall and of CPU."""

    wall_s: float
    cpu_s: float


def main(docker_host: str, consul_addr: str, rounds: str, sort: str) -> None:
    """Print the passes as JSON: by wall time, with a profile sorted by `sort` ("" for none)."""
    kv = ConsulKv(consul_addr)
    lease = Lease(kv, key=keys.LOCK, holder=socket.gethostname(), ttl_s=_TTL_S, lock_delay_s=0)
    controller = _controller(docker_host, kv, lease)
    deadline = time.monotonic() + _TTL_S
    while lease.fence(time.monotonic()) is None and time.monotonic() < deadline:
        lease.step(time.monotonic())
        time.sleep(0.2)
    try:
        for _ in range(_WARM_UP):
            _pass(controller, kv)
            time.sleep(1.1)
        passes = [_pass(controller, kv) for _ in range(int(rounds))]
        profile = _profile(controller, kv, sort) if sort else ""
    finally:
        lease.release()
    timed = [{"wall_s": each.wall_s, "cpu_s": each.cpu_s} for each in passes]
    print(json.dumps({"passes": timed, "profile": profile, "leads": controller.situation.leads}))


def _controller(docker_host: str, kv: ConsulKv, lease: Lease) -> StackController:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    return StackController(
        Surroundings(
            swarm=DockerSwarm(docker_host),
            kv=kv,
            lease=lease,
            clock=SystemClock(),
            rng=random.Random(),
            identity=Identity("bench", "act", socket.gethostname()),
            log=structlog.get_logger(),
            metrics=PrometheusMetrics(CollectorRegistry(), "bench"),
            new_installation=new_installation,
        )
    )


def _pass(controller: StackController, kv: ConsulKv) -> Timed:
    time.sleep(_GAP_S)
    started, cpu = time.perf_counter(), time.process_time()
    controller.step(Wake(kv.read(keys.DESIRED), swarm_changed=True))
    return Timed(time.perf_counter() - started, time.process_time() - cpu)


def _profile(controller: StackController, kv: ConsulKv, sort: str) -> str:
    profiler = cProfile.Profile()
    for _ in range(10):
        time.sleep(_GAP_S)
        profiler.enable()
        controller.step(Wake(kv.read(keys.DESIRED), swarm_changed=True))
        profiler.disable()
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).sort_stats(sort).print_stats(40)
    return text.getvalue()


if __name__ == "__main__":
    main(*sys.argv[1:])
