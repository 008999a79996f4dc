"""The least that could bring a pushed document to the swarm, with the operator's own clients.

It knows one service and one variable, trusts everything it reads, and remembers nothing: its
latency is what the two servers and the clients take.
"""

import sys
from typing import Final

import yaml

from swarm_operator.clients.consul import ConsulKv
from swarm_operator.clients.docker import DockerSwarm
from swarm_operator.clients.docker_transport import DockerTransport
from swarm_operator.clients.timing import CallTimer, NoMetrics

_WAIT_S: Final = 55.0


def main(docker_host: str, consul_addr: str, root: str, stack: str, service: str) -> None:
    """Set the service's variable VALUE to what the stack's document says, for ever."""
    kv = ConsulKv(consul_addr, root=root)
    swarm = DockerSwarm(docker_host)
    engine = DockerTransport(docker_host, timer=CallTimer("docker", NoMetrics(), lambda: 0.0))
    prefix = f"desired/stacks/{stack}/"
    index = kv.watch(prefix, 0, _WAIT_S).index
    print("ready", flush=True)
    while True:
        tree = kv.watch(prefix, index, _WAIT_S)
        if tree.index == index:
            continue
        index = tree.index
        document = yaml.load(tree.entries["compose.yaml"].value, yaml.CSafeLoader)
        value = document["services"][service]["environment"]["VALUE"]
        found = engine.request("GET", f"/services/{stack}_{service}", "reading the service").json()
        container = found["Spec"]["TaskTemplate"]["ContainerSpec"]
        container["Env"] = [f"VALUE={value}"]
        swarm.update_service(found["ID"], found["Version"]["Index"], found["Spec"])


if __name__ == "__main__":
    main(*sys.argv[1:])
