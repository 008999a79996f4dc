"""What an engine says of itself and of its swarm (`GET /info`), and whether that can be believed."""

from collections.abc import Sequence

from swarm_operator.observed.json import JsonObject, dig, number_at, text_at
from swarm_operator.observed.swarm import Node


def cluster_id(info: JsonObject) -> str:
    """The swarm's id out of `GET /info`; "" where the engine does not tell."""
    return text_at(info, "Swarm", "Cluster", "ID")


def heartbeat_s(info: JsonObject) -> float:
    """Seconds between two heartbeats of a node, out of `GET /info`; Swarm's default where it does
    not tell."""
    period = number_at(info, "Swarm", "Cluster", "Spec", "Dispatcher", "HeartbeatPeriod")
    return period / 1e9 or 5.0


def own_node_id(info: JsonObject) -> str:
    """The id of the node whose engine answered `GET /info`."""
    return text_at(info, "Swarm", "NodeID")


def incomplete_reasons(info: JsonObject, nodes: Sequence[Node]) -> tuple[str, ...]:
    """Why what this engine says about the swarm may be old or partial; () where nothing does.

    A manager that was cut off from the others goes on answering from its own memory for a while:
    then fewer than a majority of the managers are reachable, or `Swarm.Error` says it.
    """
    return (*_engine_reasons(info), *manager_reasons(own_node_id(info), nodes))


def _engine_reasons(info: JsonObject) -> list[str]:
    reasons = []
    state = text_at(info, "Swarm", "LocalNodeState") or "unknown"
    if state != "active":
        reasons.append(f"the engine's own state in the swarm is {state}, not active")
    if dig(info, "Swarm", "ControlAvailable") is not True:
        reasons.append("the engine is not a swarm manager")
    if error := text_at(info, "Swarm", "Error"):
        reasons.append(f"the engine reports: {error}")
    if not cluster_id(info):
        reasons.append("the engine does not tell the swarm's id")
    return reasons


def manager_reasons(own_id: str, nodes: Sequence[Node]) -> tuple[str, ...]:
    """The part of `incomplete_reasons` that the nodes alone tell; `own_id` is the answering one."""
    managers = [node for node in nodes if node.reachability is not None]
    reachable = sum(node.reachability == "reachable" for node in managers)
    majority = len(managers) // 2 + 1
    reasons = []
    if reachable < majority:
        reasons.append(
            f"{reachable} of {len(managers)} managers are reachable, {majority} are needed"
        )
    if not any(node.is_leader for node in managers):
        reasons.append("the swarm has no leader")
    if own_id not in {node.id for node in managers}:
        reasons.append("the engine's own node is not among the managers that it lists")
    return tuple(reasons)
