"""SwarmPort: reads, compare-and-set, and what every refusal means."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from swarm_operator.observed import network_definition
from swarm_operator.observed.errors import Conflict, Gone, InUse, SpecRefused
from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.runtime.ports import SwarmPort
from tests.contract.swarms import Waiting

ABSENT = "0123456789abcdefghijklmno"
"""An id that no object has."""


def spec(name: str = "web", *, replicas: int = 0, **container: Any) -> JsonObject:
    """The specification of a service."""
    return {
        "Name": name,
        "Labels": {"team": "a"},
        "TaskTemplate": {
            "ContainerSpec": {"Image": "lab/web:1", **container},
            "Placement": {},
        },
        "Mode": {"Replicated": {"Replicas": replicas}},
    }


def changed(original: JsonObject, **changes: Any) -> JsonObject:
    return {**original, **changes}


def service(swarm: Swarm, name: str = "web") -> Service:
    return swarm.services_by_name[name]


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_swarm_that_is_well_is_complete(swarm_port: SwarmPort) -> None:
    swarm = swarm_port.read()
    assert swarm.incomplete == ()
    assert len(swarm.cluster_id) == 25
    assert swarm.api_version >= (1, 41)
    assert swarm.nodes_by_id[swarm.node_id].is_leader
    assert sorted((node.role, node.state, node.availability) for node in swarm.nodes) == [
        ("manager", "ready", "active"),
        ("worker", "ready", "active"),
    ]
    assert all(node.hostname and node.address and node.engine_version for node in swarm.nodes)


def test_a_service_from_its_creation_to_its_end(swarm_port: SwarmPort) -> None:
    wished = spec()
    identity = swarm_port.create_service(wished)
    before = swarm_port.read()
    made = service(before)
    assert made.id == identity
    assert {key: made.spec[key] for key in ("Name", "Labels", "Mode")} == {
        key: wished[key] for key in ("Name", "Labels", "Mode")
    }
    assert made.spec["TaskTemplate"]["Placement"] == {}
    assert made.previous_spec is None

    swarm_port.update_service(identity, made.version, changed(wished, Labels={"team": "b"}))
    updated = service(swarm_port.read_progress(before))
    assert updated.version > made.version
    assert updated.labels == {"team": "b"}
    assert updated.previous_spec is not None

    swarm_port.remove_service(identity)
    assert swarm_port.read().services == ()


def test_a_write_on_an_old_version_is_a_conflict(swarm_port: SwarmPort) -> None:
    identity = swarm_port.create_service(spec())
    version = service(swarm_port.read()).version
    swarm_port.update_service(identity, version, changed(spec(), Labels={"team": "b"}))
    with pytest.raises(Conflict, match="out of sequence"):
        swarm_port.update_service(identity, version, changed(spec(), Labels={"team": "c"}))
    with pytest.raises(Conflict, match="out of sequence"):
        swarm_port.update_service(identity, version + 1000, spec())
    assert service(swarm_port.read()).labels == {"team": "b"}


def test_a_taken_name_is_a_conflict(swarm_port: SwarmPort) -> None:
    creations: list[Callable[[], str]] = [
        lambda: swarm_port.create_service(spec()),
        lambda: swarm_port.create_network({"Name": "net", "Driver": "overlay"}),
        lambda: swarm_port.create_config({"Name": "conf", "Data": encoded(b"x")}),
        lambda: swarm_port.create_secret({"Name": "sec", "Data": encoded(b"x")}),
    ]
    for create in creations:
        create()
        with pytest.raises(Conflict):
            create()


def test_what_is_gone_is_gone(swarm_port: SwarmPort) -> None:
    for remove in (
        swarm_port.remove_service,
        swarm_port.remove_network,
        swarm_port.remove_config,
        swarm_port.remove_secret,
    ):
        with pytest.raises(Gone):
            remove(ABSENT)
    with pytest.raises(Gone):
        swarm_port.update_service(ABSENT, 1, spec())


def test_a_spec_without_placement_is_refused_before_it_is_sent(swarm_port: SwarmPort) -> None:
    identity = swarm_port.create_service(spec())
    version = service(swarm_port.read()).version
    bare = spec()
    del bare["TaskTemplate"]["Placement"]
    with pytest.raises(SpecRefused, match="Placement"):
        swarm_port.create_service(changed(bare, Name="other"))
    with pytest.raises(SpecRefused, match="Placement"):
        swarm_port.update_service(identity, version, bare)
    assert service(swarm_port.read()).version == version


def template(**changes: Any) -> JsonObject:
    return {**spec()["TaskTemplate"], **changes}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (changed(spec(), Name="not a name"), "DNS name component"),
        (spec(Image=""), "image reference must be provided"),
        (changed(spec(), TaskTemplate=template(Placement={"Constraints": ["a b"]})), "operator"),
        (
            changed(spec(), TaskTemplate=template(Resources={"Limits": {"MemoryBytes": 1000}})),
            "4MiB",
        ),
        (changed(spec(), Labels="not an object"), "JSON|json"),
    ],
    ids=["name", "image", "constraint", "memory", "type"],
)
def test_a_spec_that_the_engine_will_never_take(
    swarm_port: SwarmPort, wrong: JsonObject, said: str
) -> None:
    with pytest.raises(SpecRefused, match=said):
        swarm_port.create_service(wrong)


def test_a_published_port_that_is_taken_is_refused_by_name(swarm_port: SwarmPort) -> None:
    ports = {"Ports": [{"TargetPort": 80, "PublishedPort": 8099, "PublishMode": "ingress"}]}
    swarm_port.create_service(changed(spec("first"), EndpointSpec=ports))
    with pytest.raises(SpecRefused, match="already in use by service 'first'"):
        swarm_port.create_service(changed(spec("second"), EndpointSpec=ports))


def test_a_rename_and_a_change_of_mode_are_refused(swarm_port: SwarmPort) -> None:
    identity = swarm_port.create_service(spec())
    version = service(swarm_port.read()).version
    for wrong in (changed(spec(), Name="other"), changed(spec(), Mode={"Global": {}})):
        with pytest.raises(SpecRefused):
            swarm_port.update_service(identity, version, wrong)


def file_reference(kind: str, identity: str, name: str) -> list[JsonObject]:
    target = {"Name": "/x", "UID": "0", "GID": "0", "Mode": 0o444}
    return [{f"{kind}ID": identity, f"{kind}Name": name, "File": target}]


def test_a_reference_to_what_is_not_there_is_a_conflict(swarm_port: SwarmPort) -> None:
    for missing in (
        changed(spec(), TaskTemplate=template(Networks=[{"Target": "nowhere"}])),
        spec(Configs=file_reference("Config", ABSENT, "conf")),
        spec(Secrets=file_reference("Secret", ABSENT, "sec")),
    ):
        with pytest.raises(Conflict, match="not found"):
            swarm_port.create_service(missing)


def test_what_a_service_uses_stays_until_the_service_is_gone(
    swarm_port: SwarmPort, eventually: Waiting
) -> None:
    network = swarm_port.create_network({"Name": "net", "Driver": "overlay"})
    config = swarm_port.create_config({"Name": "conf", "Data": encoded(b"x")})
    secret = swarm_port.create_secret({"Name": "sec", "Data": encoded(b"x")})
    container = {
        "Image": "lab/web:1",
        "Configs": file_reference("Config", config, "conf"),
        "Secrets": file_reference("Secret", secret, "sec"),
    }
    networks = [{"Target": network}]
    identity = swarm_port.create_service(
        changed(spec(replicas=1), TaskTemplate=template(ContainerSpec=container, Networks=networks))
    )
    removals: list[tuple[Callable[[str], None], str]] = [
        (swarm_port.remove_network, network),
        (swarm_port.remove_config, config),
        (swarm_port.remove_secret, secret),
    ]
    for remove, used in removals:
        with pytest.raises(InUse, match="in use by"):
            remove(used)
    swarm_port.remove_service(identity)
    for remove, used in removals:
        until_allowed(eventually, remove, used)


def until_allowed(eventually: Waiting, remove: Callable[[str], None], used: str) -> None:
    """The tasks of a service outlive it by a moment."""

    def removed() -> bool:
        try:
            remove(used)
        except InUse as error:
            raise AssertionError(error) from error
        return True

    eventually(removed, within=30)


def test_configs_and_secrets_as_they_are_read(swarm_port: SwarmPort) -> None:
    swarm_port.create_config({"Name": "conf", "Labels": {"a": "b"}, "Data": encoded(b"\0data")})
    swarm_port.create_secret({"Name": "sec", "Labels": {"c": "d"}, "Data": encoded(b"hidden")})
    swarm = swarm_port.read()
    config, secret = swarm.configs_by_name["conf"], swarm.secrets_by_name["sec"]
    assert (config.data, config.labels) == (b"\0data", {"a": "b"})
    assert secret.labels == {"c": "d"}
    assert "hidden" not in repr(swarm)


@pytest.mark.parametrize("kind", ["config", "secret"])
def test_data_beyond_the_limit_is_refused(swarm_port: SwarmPort, kind: str) -> None:
    create = swarm_port.create_config if kind == "config" else swarm_port.create_secret
    limit = 1_024_000 if kind == "config" else 512_000
    with pytest.raises(SpecRefused, match="bytes"):
        create({"Name": "large", "Data": encoded(b"x" * limit)})
    with pytest.raises(SpecRefused, match="bytes"):
        create({"Name": "empty", "Data": ""})


NETWORKS: list[JsonObject] = [
    {"Driver": "overlay"},
    {"Driver": "overlay", "Attachable": True, "Labels": {"a": "b"}},
    {"Driver": "overlay", "Internal": True, "Options": {"one": "two"}},
    {"Driver": "overlay", "IPAM": {"Config": [{"Subnet": "10.99.0.0/24"}]}},
    {"Driver": "overlay", "IPAM": {"Config": [{"Subnet": "172.29.0.0/20"}]}},
    {
        "Driver": "overlay",
        "IPAM": {"Config": [{"Subnet": "10.98.0.0/24", "Gateway": "10.98.0.9"}]},
    },
    {
        "Driver": "overlay",
        "IPAM": {
            "Driver": "default",
            "Options": {"q": "r"},
            "Config": [{"Subnet": "10.97.0.0/16", "IPRange": "10.97.4.0/24"}],
        },
    },
]


def test_networks_agree_with_the_bodies_they_were_made_of(
    swarm_port: SwarmPort, eventually: Waiting
) -> None:
    bodies = [{**body, "Name": f"net{n}"} for n, body in enumerate(NETWORKS)]
    for body in bodies:
        swarm_port.create_network(body)

    def differences() -> list[tuple[int, int]]:
        """The pairs (body, network) that agree."""
        networks = swarm_port.read().networks_by_name
        assert all(networks[body["Name"]].driver for body in bodies), "not allocated yet"
        return [
            (asked, found)
            for asked, body in enumerate(bodies)
            for found, other in enumerate(bodies)
            if not network_definition.differences(body, networks[other["Name"]])
        ]

    # A subnet that nobody can tell from an allocated one agrees with a body that names none, too.
    each_with_itself = [(n, n) for n in range(len(bodies))]
    assert eventually(differences) == sorted([*each_with_itself, (0, 3)])

    # With a task on it the network tells itself.
    networks = [{"Target": body["Name"]} for body in bodies]
    swarm_port.create_service(changed(spec(replicas=1), TaskTemplate=template(Networks=networks)))

    def told() -> bool:
        return differences() == each_with_itself

    eventually(told, within=30)


def test_a_network_that_cannot_be_allocated_differs_in_nothing(swarm_port: SwarmPort) -> None:
    body = {"Name": "a", "Driver": "overlay", "IPAM": {"Config": [{"Subnet": "10.96.0.0/24"}]}}
    swarm_port.create_network(body)
    swarm_port.create_network({**body, "Name": "b", "Attachable": True})
    found = swarm_port.read().networks_by_name["b"]
    assert found.driver == ""
    assert network_definition.differences({**body, "Attachable": True}, found) == []


def test_tasks_as_they_are_read(swarm_port: SwarmPort, eventually: Waiting) -> None:
    identity = swarm_port.create_service(spec(replicas=2))
    last = swarm_port.read()

    def running() -> bool:
        swarm = swarm_port.read_progress(last)
        tasks = swarm.tasks_by_service.get(identity, ())
        assert [task.state for task in tasks] == ["running", "running"]
        assert sorted(task.slot or 0 for task in tasks) == [1, 2]
        assert all(task.node_id in swarm.nodes_by_id for task in tasks)
        assert {task.image for task in tasks} == {"lab/web:1"}
        return True

    eventually(running, within=30)


def test_a_task_that_cannot_start_says_why(swarm_port: SwarmPort, eventually: Waiting) -> None:
    identity = swarm_port.create_service(spec(replicas=1, Image="lab/nothing:9"))

    def rejected() -> bool:
        tasks = swarm_port.read().tasks_by_service.get(identity, ())
        errors = {task.error for task in tasks if task.state == "rejected"}
        return any("lab/nothing:9" in error or "o such image" in error for error in errors)

    eventually(rejected, within=60)


def test_a_change_of_labels_restarts_nothing(swarm_port: SwarmPort, eventually: Waiting) -> None:
    identity = swarm_port.create_service(spec(replicas=1))

    def running() -> bool:
        return [task.state for task in swarm_port.read().tasks] == ["running"]

    eventually(running, within=30)
    (before,) = swarm_port.read().tasks
    version = service(swarm_port.read()).version
    swarm_port.update_service(identity, version, changed(spec(replicas=1), Labels={"team": "b"}))
    (after,) = swarm_port.read().tasks
    assert after.id == before.id
