"""The docker package for Python, unmodified, over the face of the model."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest

from swarm_operator.simulation.engine.engine import Engine
from tests.cluster.harness import eventually
from tests.simulation.docker_server import SimulatedEngines


@pytest.fixture
def client() -> Iterator[Any]:
    engine = Engine(seed=2)
    engine.add_node("node1", role="manager", engine_version="28.5.2")
    engine.add_node("node2", engine_version="28.5.2")
    with tempfile.TemporaryDirectory(prefix="swarm-") as folder:
        servers = SimulatedEngines(engine, Path(folder), speed=20)
        servers.start()
        made = docker.DockerClient(base_url=servers.address("node1"), timeout=10)
        yield made
        made.close()
        servers.close()


def test_a_service_from_its_creation_to_its_end(client: Any) -> None:
    service = client.services.create(
        "lab/web:1", name="web", mode=docker.types.ServiceMode("replicated", 2)
    )
    eventually(lambda: [t["Status"]["State"] for t in service.tasks()] == ["running"] * 2)
    assert [each.name for each in client.services.list(filters={"name": "we"})] == ["web"]
    service.reload()
    assert service.update(labels={"a": "b"}) == {"Warnings": None}
    assert client.services.get("web").attrs["Spec"]["Labels"] == {"a": "b"}
    with pytest.raises(docker.errors.APIError, match="update out of sequence"):
        service.scale(3)  # it still has the version from before
    service.reload()
    assert service.scale(3)
    eventually(lambda: len(service.tasks({"desired-state": "running"})) == 3)
    with pytest.raises(docker.errors.APIError, match="name conflicts with an existing object"):
        client.services.create("lab/web:1", name="web")
    service.remove()
    with pytest.raises(docker.errors.NotFound):
        client.services.get("web")


def test_what_services_use(client: Any) -> None:
    network = client.networks.create("net", driver="overlay", labels={"a": "b"})
    assert [each.name for each in client.networks.list(filters={"label": "a=b"})] == ["net"]
    config = client.configs.create(name="conf", data=b"\0data")
    secret = client.secrets.create(name="sec", data=b"hidden")
    container = docker.types.ContainerSpec(
        "lab/web:1",
        configs=[docker.types.ConfigReference(config.id, "conf")],
        secrets=[docker.types.SecretReference(secret.id, "sec")],
    )
    template = docker.types.TaskTemplate(container, networks=["net"])
    client.api.create_service(template, name="web")
    with pytest.raises(docker.errors.APIError, match="is in use by"):
        secret.remove()
    client.services.get("web").remove()
    secret.remove()
    config.remove()
    eventually(lambda: network.remove() is None)
    assert client.networks.list(names=["net"]) == []


def test_nodes_and_the_swarm(client: Any) -> None:
    assert sorted(node.attrs["Description"]["Hostname"] for node in client.nodes.list()) == [
        "node1",
        "node2",
    ]
    node = client.nodes.get("node2")
    node.update({**node.attrs["Spec"], "Availability": "drain"})
    node.reload()
    assert node.attrs["Spec"]["Availability"] == "drain"
    assert client.info()["Swarm"]["Cluster"]["ID"] == client.swarm.attrs["ID"]
    assert client.version()["ApiVersion"] == "1.51"
    assert client.ping()
    assert client.containers.list() == []
    with pytest.raises(docker.errors.APIError, match="is not simulated"):
        client.containers.run("lab/web:1")


def test_events(client: Any) -> None:
    events = client.events(decode=True, filters={"type": "config"})
    client.configs.create(name="conf", data=b"x")
    event = next(events)
    events.close()
    assert (event["Type"], event["Action"]) == ("config", "create")
    assert event["Actor"]["Attributes"] == {"name": "conf"}
    past = list(client.events(decode=True, since=1, until=2))
    assert past == []
