"""Make a lab as good as new between two tests, in far less time than a new one takes."""

import contextlib
from collections.abc import Callable
from typing import Any

from docker.errors import APIError

from tests.cluster.harness.consul import Consul
from tests.cluster.harness.node import Node
from tests.cluster.harness.scenario import JsonObject, Swarm, eventually


def reset(swarm: Swarm, consul: Consul, managers: list[Node], within: float = 60) -> None:
    """Power and plug everything, then remove all objects of the swarm, volumes, and Consul's keys.

    Returns when the last task and container is gone. Raises AssertionError saying what stays.
    """
    for node in swarm.nodes:
        node.heal()
        if not node.is_on:
            node.power_on()
    swarm.wait_until_ready(within)
    _restore_nodes(swarm, {node.hostname for node in managers})
    _remove_services(swarm, within)
    for node in swarm.nodes:
        _remove_containers_and_volumes(node)
    _remove_networks_configs_secrets(swarm, within)
    if consul.was_started:
        consul.thaw()
        if not consul.is_running:
            consul.restart()
        consul.wipe()


def _restore_nodes(swarm: Swarm, managers: set[str]) -> None:
    for found in swarm.node_objects():
        role = "manager" if found["Description"]["Hostname"] in managers else "worker"
        wished = {"Availability": "active", "Role": role, "Labels": {}}
        if {key: found["Spec"].get(key) or {} for key in wished} != wished:
            engine: Any = swarm.manager.docker
            engine.update_node(found["ID"], found["Version"]["Index"], wished)


def _remove_services(swarm: Swarm, within: float) -> None:
    engine: Any = swarm.manager.docker
    for service in swarm.services().values():
        _absent_is_fine(engine.remove_service, service["ID"])

    def gone() -> bool:
        # What ignores SIGTERM would keep us waiting for its stop grace period.
        for node in swarm.nodes:
            _kill_task_containers(node)
        left = [(task["ID"], task["Status"]["State"]) for task in swarm.tasks()]
        assert not left, f"tasks {left}"
        containers = swarm.service_containers()
        assert not containers, f"containers {[c['Names'] for c in containers]}"
        return True

    eventually(gone, within, "all tasks should be gone")


def _kill_task_containers(node: Node) -> None:
    engine: Any = node.docker
    for container in engine.containers(filters={"label": "com.docker.swarm.task.id"}):
        _absent_is_fine(engine.kill, container["Id"])


def _remove_containers_and_volumes(node: Node) -> None:
    engine: Any = node.docker
    for container in engine.containers(all=True):
        _absent_is_fine(lambda c: engine.remove_container(c, force=True, v=True), container["Id"])
    for volume in engine.volumes()["Volumes"] or []:
        _absent_is_fine(engine.remove_volume, volume["Name"])


def _remove_networks_configs_secrets(swarm: Swarm, within: float) -> None:
    engine: Any = swarm.manager.docker
    for config in engine.configs():
        _absent_is_fine(engine.remove_config, config["ID"])
    for secret in engine.secrets():
        _absent_is_fine(engine.remove_secret, secret["ID"])

    def gone() -> bool:
        networks = [n for n in engine.networks(filters={"scope": "swarm"}) if not n["Ingress"]]
        for found in networks:
            # Refused while the last task is still being detached.
            _absent_is_fine(engine.remove_network, found["Id"])
        return not networks

    eventually(gone, within, "all networks should be gone")


def _absent_is_fine(remove: Callable[[str], JsonObject | None], identity: str) -> None:
    with contextlib.suppress(APIError):
        remove(identity)
