"""The whole daemon with its threads, in a process of its own, until its standard input ends.

Run as `python -m tests.bench.scale.daemon DOCKER_HOST CONSUL_HTTP_ADDR`.
"""

import logging
import sys
import threading
from typing import Final

import structlog

from swarm_operator.clients.consul import ConsulKv
from swarm_operator.clients.docker import DockerSwarm
from swarm_operator.clients.docker_events import DockerEventSource
from swarm_operator.clock import SystemClock
from swarm_operator.runtime.daemon import Daemon, Outside
from swarm_operator.runtime.toolbox import Identity
from tests.runtime.fakes import FakeMetrics

_LEASE_S: Final = 600.0


def main(docker: str, consul: str) -> None:
    """Returns when whoever started it closes its input."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    daemon = Daemon(
        Outside(
            swarm=DockerSwarm(docker),
            events=DockerEventSource(docker),
            kv=ConsulKv(consul),
            lock=ConsulKv(consul),
            desired_watch=ConsulKv(consul),
            lock_watch=ConsulKv(consul),
        ),
        identity=Identity("bench", "act", "bench"),
        clock=SystemClock(),
        log=structlog.get_logger(),
        metrics=FakeMetrics(),
        session_ttl_s=_LEASE_S,
        lock_delay_s=0,
    )
    thread = threading.Thread(target=daemon.run)
    thread.start()
    sys.stdin.read()
    daemon.stop()
    thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
