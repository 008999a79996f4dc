"""What is published loses a task before the task stops; what does not answer ends the move."""

from collections.abc import Callable

import pytest

from swarm_operator.observed.json import JsonObject
from swarm_operator.plan.rebalance import strip, undo
from swarm_operator.plan.rebalance.intent import Step, intent_of
from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.plan.rebalance.steps import Outcome
from swarm_operator.runtime import withdrawal
from tests.rebalance.publisher import NEVER, Publisher
from tests.rebalance.stage import LIMITS, Stage, assert_as_before, spec_of

Hosts = dict[str, int]
WORLDS: list[Hosts] = [{"w1": 1, "w2": 0}, {"w1": 1, "w2": 1, "w3": 0}, {"w1": 3, "w2": 1, "w3": 0}]
SILENT_S = 90.0
"""Less than in earnest, so that the tests do not look that often."""
worlds = pytest.mark.parametrize("hosts", WORLDS)


def staged(hosts: Hosts, confirms_after_s: float = 0.0) -> tuple[Stage, Publisher, JsonObject]:
    """A move of a published service from w1 to the last host, taken on."""
    stage = Stage()
    original = stage.create(spec_of(), hosts)
    publisher = Publisher(stage, confirms_after_s)
    stage.new_mover(publisher)
    assert stage.begin("w1", list(hosts)[-1]) is None
    return stage, publisher, original


def another(stage: Stage, old: Publisher) -> Publisher:
    """The operator dies, and its publisher with it: the next one publishes all that runs."""
    old.is_dead = True
    publisher = Publisher(stage)
    stage.new_mover(publisher)
    return publisher


def step_of(stage: Stage) -> Step | None:
    intent = intent_of(stage.spec)
    return intent.step if intent is not None else None


# --- what stops was withdrawn ---------------------------------------------------------------------


@pytest.mark.parametrize("confirms_after_s", [0.0, 4.0, 29.0])
@worlds
def test_the_very_task_that_stops_was_withdrawn_before(
    hosts: Hosts, confirms_after_s: float
) -> None:
    stage, publisher, _ = staged(hosts, confirms_after_s)
    before = {task.id for task in stage.serving()}

    def marked_in_use() -> bool:
        return step_of(stage) is Step.MARK and not publisher.out

    assert stage.go(until=marked_in_use) is Outcome.MOVED, "withdrawn before the fence stands"
    (gone,) = before - {task.id for task in stage.serving()}
    assert gone in publisher.asked
    assert not publisher.stopped_in_use
    assert not publisher.unpublished()


def give_up(stage: Stage) -> None:
    stage.mover.give_up(stage.record.id, "its document changed")


def label(stage: Stage) -> None:
    stage.edit(lambda spec: spec["Labels"].update(theirs="too"))


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "left out"])
@pytest.mark.parametrize("end", [give_up, label])
@worlds
def test_the_extra_task_too_where_the_move_is_undone(
    hosts: Hosts, end: Callable[[Stage], None], guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ran, and people were sent to it."""
    if not guarded:
        monkeypatch.setattr(undo, "unpublished_first", lambda *_: None)
        monkeypatch.setattr(strip, "unpublished_first", lambda *_: None)
    stage, publisher, original = staged(hosts, 2.0)
    stage.go(until=lambda: len(stage.serving()) > sum(hosts.values()))
    end(stage)
    outcome = stage.go()
    stage.engine.advance(30)
    assert bool(publisher.stopped_in_use) is not guarded
    assert outcome is (Outcome.ABORTED if end is give_up else Outcome.YIELDED)
    assert not publisher.unpublished()
    assert stage.lowest == sum(hosts.values())
    if end is give_up:
        assert_as_before(stage, original)


@pytest.mark.parametrize("writes", [1, 2, 3])
@worlds
def test_whoever_ends_it_after_a_crash_withdraws_what_stops(hosts: Hosts, writes: int) -> None:
    stage, publisher, original = staged(hosts)
    stage.go(until=lambda: stage.writes == writes)
    stage.engine.advance(1.0)
    publisher = another(stage, publisher)
    publisher.confirms_after_s = 3.0
    stage.go()
    stage.engine.advance(30)
    assert not publisher.stopped_in_use
    assert not publisher.unpublished()
    assert stage.lowest == sum(hosts.values())
    assert_as_before(stage, original)


# --- what does not confirm ------------------------------------------------------------------------


@pytest.mark.parametrize("times_out_after_s", [30.0, NEVER], ids=["times out", "says nothing"])
@worlds
def test_a_publisher_that_does_not_confirm_ends_this_move_and_not_the_next(
    hosts: Hosts, times_out_after_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(withdrawal, "ANSWERS_WITHIN_S", SILENT_S)
    stage, publisher, original = staged(hosts, NEVER)
    publisher.times_out_after_s = times_out_after_s
    began = stage.time.monotonic()
    fenced = False

    def watch() -> bool:
        nonlocal fenced
        fenced = fenced or step_of(stage) in {Step.MARK, Step.ABORT}
        return False

    assert stage.go(until=watch, limit_s=900) is Outcome.ABORTED
    assert not fenced, "but for the surge's own"
    assert "did not confirm" in stage.reports[-1].why
    asked_s = min(times_out_after_s, SILENT_S)
    assert stage.time.monotonic() - began < 2 * asked_s + LIMITS.settle_s + 15
    assert not publisher.unpublished()
    assert stage.lowest == sum(hosts.values())
    assert_as_before(stage, original)

    publisher.confirms_after_s = 0.0
    source = max(stage.hosts(), key=lambda host: (stage.hosts()[host], host))
    free = next(host for host in ("w4", "w3", "w2", "w1") if host not in stage.hosts())
    assert stage.begin(source, free) is None
    assert stage.go() is Outcome.MOVED


def test_the_old_task_is_published_again_while_it_is_needed() -> None:
    """The new one's node dies while the old one is being withdrawn."""
    stage, publisher, original = staged({"w1": 1, "w2": 0}, 25.0)
    (old,) = stage.serving()
    stage.go(until=lambda: bool(publisher.asked))
    publisher.out.add(old.id)  # the first of its instances knows it
    stage.engine.kill_node("w2")
    stage.go(until=lambda: "is being withdrawn" not in stage.reports[-1].why)
    assert not publisher.unpublished()
    assert stage.go(limit_s=600) is Outcome.ABORTED
    assert stage.lowest == 1
    assert_as_before(stage, original)


# --- crashes and leases ---------------------------------------------------------------------------


@worlds
def test_a_crash_between_withdrawal_and_mark(hosts: Hosts) -> None:
    """The next process publishes all that runs, and ends the move."""
    stage, publisher, original = staged(hosts)
    stage.go(until=lambda: bool(publisher.out))
    assert stage.writes == 1
    publisher = another(stage, publisher)
    assert not publisher.unpublished()
    stage.go()
    assert not publisher.stopped_in_use
    assert not publisher.unpublished()
    assert stage.lowest == sum(hosts.values())
    assert_as_before(stage, original)


def test_a_person_takes_the_intent_out_of_both_specs() -> None:
    """Then nobody has anything to end, and nothing stays withdrawn."""
    stage, publisher, original = staged({"w1": 1, "w2": 0}, 10.0)
    stage.go(until=lambda: bool(publisher.asked))
    publisher = another(stage, publisher)
    publisher.confirms_after_s = 10.0
    stage.go(until=lambda: bool(publisher.asked))
    publisher.out.update(publisher.asked)
    for number in range(2):
        stage.edit(lambda spec, n=number: replace_all(spec, original, str(n)))  # type: ignore[misc]
    assert stage.mover.busy_with
    stage.step()
    assert not publisher.unpublished()
    assert not stage.mover.busy_with


def replace_all(spec: JsonObject, wished: JsonObject, label: str) -> None:
    """As `docker stack deploy` does."""
    spec.clear()
    spec.update({**wished, "Labels": {"theirs": label}})


@pytest.mark.parametrize("pending", [True, False], ids=["asked", "confirmed"])
@worlds
def test_a_lease_that_is_lost_between_withdrawal_and_mark(hosts: Hosts, pending: bool) -> None:
    """The same process may have it again later: nothing stays withdrawn by it."""
    stage, publisher, original = staged(hosts, 10.0 if pending else 0.0)
    stage.go(until=lambda: bool(publisher.asked))
    stage.mover.forget()
    assert not publisher.unpublished()
    stage.engine.advance(15)
    stage.go()
    assert not publisher.stopped_in_use
    assert not publisher.unpublished()
    assert stage.lowest == sum(hosts.values())
    assert_as_before(stage, original)


def test_it_is_published_again_where_the_move_fails_afterwards() -> None:
    stage, publisher, _ = staged({"w1": 1, "w2": 1, "w3": 0})
    stage.go(until=lambda: bool(publisher.out))
    stage.edit(lambda spec: spec["Labels"].update(theirs="too"))
    assert stage.go() is Outcome.YIELDED
    assert not publisher.unpublished()


# --- stop first -----------------------------------------------------------------------------------


def stop_first(confirms_after_s: float) -> tuple[Stage, Publisher, JsonObject]:
    stage = Stage()
    original = stage.create(spec_of(), {"w1": 1, "w2": 0})
    publisher = Publisher(stage, confirms_after_s)
    stage.new_mover(publisher)
    assert stage.begin("w1", "w2", How.STOP_FIRST) is None
    return stage, publisher, original


def test_stop_first_withdraws_before_its_first_write() -> None:
    stage, publisher, _ = stop_first(3.0)
    stage.go(until=lambda: stage.writes == 1)
    assert len(publisher.out) == 1
    assert stage.go() is Outcome.MOVED
    assert not publisher.stopped_in_use
    assert not publisher.unpublished()


def test_stop_first_is_not_begun_where_nothing_confirms() -> None:
    stage, publisher, original = stop_first(NEVER)
    assert stage.go() is Outcome.ABORTED
    assert stage.writes == 0
    assert not publisher.unpublished()
    assert stage.spec == original
