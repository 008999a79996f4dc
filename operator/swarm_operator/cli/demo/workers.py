"""The nodes of the tour's world, as its managers see them."""

from swarm_operator.cli.demo.stage import ActFailed, Stage
from swarm_operator.simulation.engine.records import TaskState


def workers(stage: Stage) -> list[str]:
    """Their host names."""
    nodes = stage.in_world(stage.faces.world.engine.store.nodes.all)
    return sorted(node.hostname for node in nodes if node.role == "worker")


def node_state(stage: Stage, hostname: str) -> str:
    """As the managers say: ready, down, unknown."""
    node = stage.in_world(lambda: stage.faces.world.engine.store.node_of_hostname(hostname))
    return node.state if node else "(gone)"


def tasks_on(stage: Stage, hostname: str) -> int:
    """Those that are to run there."""
    store = stage.faces.world.engine.store

    def count() -> int:
        node = store.node_of_hostname(hostname)
        assert node is not None
        found = store.tasks_on_node(node.id)
        return sum(1 for task in found if task.desired_state is TaskState.RUNNING)

    return stage.in_world(count)


def busiest_worker(stage: Stage) -> str:
    """Raises ActFailed where no worker runs anything."""
    busiest = max(workers(stage), key=lambda name: (tasks_on(stage, name), name))
    if not tasks_on(stage, busiest):
        raise ActFailed("no worker runs a task: there is nothing to lose")
    return busiest
