"""What tests of rolling updates share."""

from collections import Counter

from tests.simulation.orchestration import Script, Swarm


def with_scripts() -> Swarm:
    """Four nodes, and images that never come up or end at once."""
    made = Swarm(scripts={"broken": Script(comes_up=False), "crashes": Script(runs_for=2.0)})
    made.add_nodes(4)
    return made


def images(swarm: Swarm, name: str = "web") -> Counter[str]:
    """Of what runs."""
    return Counter(swarm.image(task) for task in swarm.running(name))


def config(**values: object) -> dict[str, object]:
    return {"Parallelism": 1, **values}
