"""A simulated swarm of a given size on which the operator deployed everything long ago."""

import random
from datetime import UTC, datetime, timedelta
from typing import Final

from desired_state import keys
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.actions import Create, Kind
from swarm_operator.plan.ownership import Owner
from swarm_operator.plan.references import with_ids
from swarm_operator.plan.stack import plan_stack
from swarm_operator.simulation.kv.model import Kv
from swarm_operator.simulation.timeline import Timeline
from swarm_operator.simulation.world import NodePlan, World
from tests.bench.scale.shape import ROOT, Shape, document, sentinel, stack_name, text
from tests.laws.worlds import specs_of

_API: Final = (1, 47)
_AGO: Final = timedelta(hours=1)
_SETTLE_S: Final = 60.0


def world(shape: Shape) -> tuple[World, Kv]:
    """Everything runs; the documents lie in a KV with a time of its own. The engine's clock is an
    hour behind, and so never ahead of ours when its time is let go on faster."""
    nodes = [_node(number) for number in range(shape.nodes)]
    timeline = Timeline(start=datetime.now(UTC) - _AGO)
    made, kv = World(nodes=nodes, timeline=timeline), Kv(Timeline(), random.Random(1))
    installation = sentinel(made.engine.cluster_id)
    kv.put(f"{ROOT}/{keys.DESIRED}{keys.INSTALLATION}", installation.encode())
    for number in range(shape.stacks):
        stack = stack_name(number)
        key = keys.stack_key(stack, "compose.yaml")
        kv.put(f"{ROOT}/{keys.DESIRED}{key}", text(document()))
        _deploy(made, stack, Owner.of(installation))
    made.timeline.advance(made.timeline.now + _SETTLE_S)
    return made, kv


def _node(number: int) -> NodePlan:
    role = "manager" if number < 3 else "worker"
    return NodePlan(
        f"node{number:04d}", role, {"zone": f"z{number % 3}"}, cpus=64, memory_bytes=64 << 30
    )


def _deploy(made: World, stack: str, owner: Owner) -> None:
    """What the operator would send, by its own plan."""
    control = made.engine.control
    ids: dict[Kind, dict[str, str]] = {kind: {} for kind in Kind}
    for action in plan_stack(specs_of(document(), stack), Swarm("bench"), owner).actions:
        assert isinstance(action, Create)
        match action.kind:
            case Kind.NETWORK:
                control.create_network(action.body, api_version=_API)
            case Kind.CONFIG:
                ids[action.kind][action.name] = control.create_config(action.body)
            case Kind.SECRET:
                ids[action.kind][action.name] = control.create_secret(action.body)
            case Kind.SERVICE:
                spec = with_ids(action.body, ids[Kind.CONFIG], ids[Kind.SECRET])
                control.create_service(spec, api_version=_API)
