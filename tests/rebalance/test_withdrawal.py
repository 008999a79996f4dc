"""What is published loses a task before the task stops; what does not answer ends the move."""

from collections.abc import Callable

import pytest

from swarm_operator.plan.rebalance.intent import Step, intent_of
from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.plan.rebalance.steps import Outcome
from swarm_operator.runtime.withdrawal import Withdrawn
from swarm_operator.simulation.engine.records import TaskState
from tests.rebalance.stage import Stage, assert_as_before, spec_of

WORLDS = [{"w1": 1, "w2": 0}, {"w1": 1, "w2": 1, "w3": 0}, {"w1": 3, "w2": 1, "w3": 0}]


class Publisher:
    """Confirms after some questions, or never."""

    def __init__(self, answers: Callable[[int], Withdrawn]) -> None:
        self._answers = answers
        self.asked: list[str] = []
        self.out: set[str] = set()

    def withdraw(self, task_id: str) -> Withdrawn:
        self.asked.append(task_id)
        answer = self._answers(len(self.asked))
        if answer is Withdrawn.CONFIRMED:
            self.out.add(task_id)
        return answer

    def publish_again(self, task_id: str) -> None:
        self.out.discard(task_id)


def after(questions: int) -> Callable[[int], Withdrawn]:
    return lambda n: Withdrawn.CONFIRMED if n > questions else Withdrawn.PENDING


def never(n: int) -> Withdrawn:
    return Withdrawn.TIMED_OUT if n > 3 else Withdrawn.PENDING


def staged(hosts: dict[str, int], publisher: Publisher) -> tuple[Stage, dict[str, object]]:
    stage = Stage()
    original = stage.create(spec_of(), hosts)
    stage.new_mover(publisher)
    return stage, original


@pytest.mark.parametrize("questions", [0, 4])
@pytest.mark.parametrize("hosts", WORLDS)
def test_the_very_task_that_stops_was_withdrawn_before(
    hosts: dict[str, int], questions: int
) -> None:
    publisher = Publisher(after(questions))
    stage, _ = staged(hosts, publisher)
    before = {task.id for task in stage.serving()}
    assert stage.begin("w1", list(hosts)[-1]) is None
    told: list[bool] = []

    def watch() -> bool:
        stopping = before - {t.id for t in stage.tasks() if t.desired_state is TaskState.RUNNING}
        told.append(stopping <= publisher.out)
        intent = intent_of(stage.spec)
        told.append(intent is None or intent.step is Step.SURGE or bool(publisher.out))
        return False

    assert stage.go(until=watch) is Outcome.MOVED
    assert all(told), "withdrawn before the fence stands, and before it stops"
    (gone,) = before - {task.id for task in stage.serving()}
    assert publisher.out == {gone}


@pytest.mark.parametrize("hosts", WORLDS)
def test_a_publisher_that_does_not_answer_ends_the_move(hosts: dict[str, int]) -> None:
    publisher = Publisher(never)
    stage, original = staged(hosts, publisher)
    assert stage.begin("w1", list(hosts)[-1]) is None
    assert stage.go() is Outcome.ABORTED
    assert publisher.out == set()
    assert stage.lowest == sum(hosts.values())
    assert_as_before(stage, original)


def test_it_is_published_again_where_the_move_fails_afterwards() -> None:
    publisher = Publisher(after(0))
    stage, _ = staged({"w1": 1, "w2": 1, "w3": 0}, publisher)
    assert stage.begin("w1", "w3") is None
    stage.go(until=lambda: bool(publisher.out))
    stage.edit(lambda spec: spec["Labels"].update(theirs="too"))
    assert stage.go() is Outcome.YIELDED
    assert publisher.out == set()


def test_stop_first_withdraws_before_its_first_write() -> None:
    publisher = Publisher(after(3))
    stage, _ = staged({"w1": 1, "w2": 0}, publisher)
    assert stage.begin("w1", "w2", How.STOP_FIRST) is None
    stage.go(until=lambda: stage.writes == 1)
    assert len(publisher.out) == 1
    assert stage.go() is Outcome.MOVED


def test_stop_first_is_not_begun_where_nothing_confirms() -> None:
    publisher = Publisher(never)
    stage, original = staged({"w1": 1, "w2": 0}, publisher)
    assert stage.begin("w1", "w2", How.STOP_FIRST) is None
    assert stage.go() is Outcome.ABORTED
    assert stage.writes == 0
    assert publisher.out == set()
    assert stage.spec == original
