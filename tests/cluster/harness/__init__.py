"""A real multi-node Docker Swarm, and Consul, on one machine: for tests and for people.

    with Lab.start(nodes=3, managers=1, engine="26") as lab:
        lab.load_images()
        lab.consul.start()
        lab.docker_cli(lab.manager, "service", "create", "--name", "web", "lab/web:1")
        lab.wait_until_running("web")

People use `python -m tests.cluster.harness` (see `--help`).
"""

from tests.cluster.harness.consul import Consul
from tests.cluster.harness.host import ClientHost
from tests.cluster.harness.images import Image
from tests.cluster.harness.lab import Lab
from tests.cluster.harness.node import Node
from tests.cluster.harness.proxy import ConsulProxy, DockerProxy
from tests.cluster.harness.scenario import always, eventually

__all__ = [
    "ClientHost",
    "Consul",
    "ConsulProxy",
    "DockerProxy",
    "Image",
    "Lab",
    "Node",
    "always",
    "eventually",
]
