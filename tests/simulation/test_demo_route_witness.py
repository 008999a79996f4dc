"""The tour's eye on routes: what it accuses is what a hand does wrong, and nothing else."""

from swarm_operator.cli.demo.route_witness import WINDOW_S, RouteWitness
from swarm_operator.simulation.engine.records import TaskRecord, TaskState
from tests.runtime.routes_lab import RoutesLab

BELOW = "traefik/http/services/web/loadbalancer/servers"


class Hand(RoutesLab):
    """Nobody but the test writes keys."""

    def __init__(self) -> None:
        super().__init__()
        self.service("web", replicas=2, order="start-first")
        self.run(20)
        self.kv.put("traefik/http/routers/web/rule", b"Host(`web.test`)")
        self.kv.put("traefik/http/routers/web/service", b"web")
        for task in self.serving():
            self.publish(task)
        self.run(2)
        self.witness = RouteWitness(self.world.engine, self.instances[0], {"web": "web"})

    def serving(self) -> list[TaskRecord]:
        return [
            task
            for task in self.world.engine.store.tasks.all()
            if task.state is TaskState.RUNNING and task.desired_state is TaskState.RUNNING
        ]

    def publish(self, task: TaskRecord) -> None:
        address = task.networks[0]["Addresses"][0].partition("/")[0]
        self.kv.put(f"{BELOW}/{task.id}/url", f"http://{address}:80".encode())

    def withdraw(self, task_id: str) -> None:
        self.kv.delete(f"{BELOW}/{task_id}/url")

    def replace_all(self) -> None:
        self.update("web", lambda s: {**s, "TaskTemplate": {**s["TaskTemplate"], "ForceUpdate": 1}})


def test_where_nothing_happens_there_is_nothing_to_say() -> None:
    hand = Hand()
    hand.run(30)
    assert (hand.witness.told, hand.witness.fewest) == ({}, {"web": 2})


def test_servers_that_stay_when_their_tasks_are_told_to_stop() -> None:
    hand = Hand()
    old = sorted(task.id for task in hand.serving())
    hand.replace_all()
    hand.run(60)
    assert hand.witness.still_sent == old
    assert sorted(hand.witness.too_long) == old
    assert hand.witness.fewest == {"web": 0}


def test_a_server_that_leaves_within_its_window() -> None:
    hand = Hand()
    hand.replace_all()
    hand.until(lambda: bool(hand.witness.told))
    told = next(iter(hand.witness.told))
    hand.run(1)
    hand.withdraw(told)
    hand.run(WINDOW_S)
    assert told in hand.witness.still_sent
    assert told not in hand.witness.too_long
    assert 1 <= hand.witness.longest_s < 2


def test_servers_that_left_before_their_tasks_were_told() -> None:
    hand = Hand()
    old = sorted(task.id for task in hand.serving())
    for task_id in old:
        hand.withdraw(task_id)
    hand.run(2)
    hand.replace_all()
    hand.run(60)
    assert sorted(hand.witness.told) == old
    assert (hand.witness.still_sent, hand.witness.too_long) == ([], {})
    assert hand.witness.ahead_s > 1


def test_an_instant_without_servers() -> None:
    hand = Hand()
    for task in hand.serving():
        hand.withdraw(task.id)
    hand.run(0.7)
    for task in hand.serving():
        hand.publish(task)
    hand.run(5)
    assert len(hand.witness.published["web"]) == 2
    assert hand.witness.fewest == {"web": 0}


def test_it_sees_nothing_any_more_when_it_rests() -> None:
    hand = Hand()
    hand.witness.rest()
    hand.replace_all()
    hand.run(60)
    assert hand.witness.told == {}
