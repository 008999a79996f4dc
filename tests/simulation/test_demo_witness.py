"""The tour's eye on tasks: what it counts, it can count wrong things of, too."""

from swarm_operator.cli.demo.witness import Witness
from swarm_operator.simulation.engine.engine import Engine

SECOND = 10**9


def running(engine: Engine, replicas: int, order: str) -> str:
    """The id of a service whose tasks all run."""
    spec = {
        "Name": "web",
        "TaskTemplate": {"ContainerSpec": {"Image": "web:1"}, "Placement": {}},
        "Mode": {"Replicated": {"Replicas": replicas}},
        "UpdateConfig": {"Parallelism": 1, "Order": order, "Monitor": SECOND},
    }
    made = engine.control.create_service(spec, api_version=(1, 45))
    engine.advance(20)
    return made


def forced(engine: Engine, service_id: str) -> None:
    """As `docker service update --force` does."""
    record = engine.store.services[service_id]
    template = {**record.spec["TaskTemplate"], "ForceUpdate": 1}
    engine.control.update_service(
        service_id,
        record.meta.version,
        {**record.spec, "TaskTemplate": template},
        api_version=(1, 45),
    )
    engine.advance(60)


def world() -> Engine:
    engine = Engine(seed=1)
    engine.add_node("m1", role="manager")
    engine.add_node("w1")
    engine.advance(5)
    return engine


def test_forced_updates_are_seen_task_by_task() -> None:
    engine = world()
    service = running(engine, 3, "start-first")
    witness = Witness(engine)
    assert witness.lowest == {"web": 3}
    forced(engine, service)
    assert (len(witness.started), len(witness.stopped)) == (3, 3)
    assert witness.lowest == {"web": 3}


def test_a_task_that_stops_before_the_next_one_starts_is_missed() -> None:
    engine = world()
    service = running(engine, 3, "stop-first")
    witness = Witness(engine)
    forced(engine, service)
    assert witness.lowest == {"web": 2}


def test_a_lost_machine_serves_nothing_at_once() -> None:
    engine = world()
    running(engine, 2, "start-first")
    witness = Witness(engine)
    engine.kill_node("w1")
    engine.advance(60)
    assert witness.lowest == {"web": 1}


def test_after_its_end_it_sees_nothing() -> None:
    engine = world()
    service = running(engine, 3, "start-first")
    witness = Witness(engine)
    witness.rest()
    forced(engine, service)
    assert witness.started == []
