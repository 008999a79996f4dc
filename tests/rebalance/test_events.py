"""What may happen in the middle of a move, at either stage: nothing is lost by it."""

from collections.abc import Callable

import pytest

from swarm_operator.observed.json import JsonObject
from swarm_operator.plan.rebalance.intent import LABEL
from swarm_operator.plan.rebalance.steps import Outcome
from swarm_operator.simulation.engine.images import Behaviour
from tests.rebalance.stage import NEW_TASKS, Stage, assert_as_before, spec_of

WORLDS = [
    {"w1": 1, "w2": 0},
    {"w1": 1, "w2": 1, "w3": 0},
    {"w1": 2, "w2": 1, "w3": 0},
    {"w1": 2, "w2": 1, "w3": 1, "w4": 0},
    {"w1": 3, "w2": 1, "w3": 1},
]
WRITES = [1, 2, 3]
"""After so many writes of the move: surged, marked (where it is), restored."""
START_FIRST: JsonObject = {
    "Parallelism": 2,
    "FailureAction": "pause",
    "MaxFailureRatio": 0,
    "Order": "start-first",
}
HEALTHY_FROM_S = 2.0


def under_way(hosts: dict[str, int], writes: int, **more: object) -> tuple[Stage, JsonObject]:
    """A move from w1 to the last host, after so many of its writes."""
    stage = Stage(managers=3, seed=int(more.pop("seed", 0)))  # type: ignore[call-overload]
    original = stage.create(spec_of(**more), hosts)  # type: ignore[arg-type]
    stage.images.scripted["web:1"] = Behaviour(start_s=HEALTHY_FROM_S)
    assert stage.begin("w1", list(hosts)[-1]) is None
    stage.go(until=lambda: stage.writes == writes)
    return stage, original


@pytest.mark.parametrize("pause_s", [0.0, 0.3, 2.5])
@pytest.mark.parametrize("writes", WRITES)
@pytest.mark.parametrize("hosts", WORLDS)
def test_the_leader_changes(hosts: dict[str, int], writes: int, pause_s: float) -> None:
    stage, original = under_way(hosts, writes)
    stage.engine.advance(pause_s)
    stage.engine.change_leader("m2")
    outcome = stage.go()
    assert outcome is Outcome.MOVED, stage.described()
    stage.engine.advance(30)
    assert stage.lowest == sum(hosts.values()), stage.described()
    assert len(stage.started) == 1
    assert_as_before(stage, original)


@pytest.mark.parametrize("writes", WRITES)
@pytest.mark.parametrize("hosts", WORLDS)
def test_the_source_nodes_labels_change(hosts: dict[str, int], writes: int) -> None:
    """While marked, Swarm rejects the task there: with one copy on the source nothing is lost."""
    stage, original = under_way(hosts, writes)
    stage.engine.advance(0.2)
    stage.availability("w1", "active", rack="b")
    assert stage.go() is Outcome.MOVED, stage.described()
    stage.engine.advance(30)
    assert stage.lowest == sum(hosts.values()), stage.described()
    assert_as_before(stage, original)


@pytest.mark.parametrize("pause_s", [0.0, 1.0, 3.5])
@pytest.mark.parametrize("writes", WRITES)
@pytest.mark.parametrize("hosts", WORLDS)
def test_the_target_dies(hosts: dict[str, int], writes: int, pause_s: float) -> None:
    stage, original = under_way(hosts, writes)
    wished, target = sum(hosts.values()), list(hosts)[-1]
    stage.engine.advance(pause_s)
    lost = stage.hosts().get(target, 0)  # for 10 s nobody knows that these do not run any more
    stage.engine.kill_node(target)
    outcome = stage.go(limit_s=900)
    stage.engine.advance(60)
    assert outcome is not Outcome.YIELDED
    assert stage.lowest >= wished - lost, stage.described()
    assert len(stage.serving()) == wished, stage.described()
    assert_as_before(stage, original)


@pytest.mark.parametrize("writes", WRITES)
@pytest.mark.parametrize("hosts", WORLDS[1:])
def test_the_source_dies(hosts: dict[str, int], writes: int) -> None:
    stage, original = under_way(hosts, writes)
    stage.engine.kill_node("w1")
    stage.go(limit_s=900)
    stage.engine.advance(60)
    assert len(stage.serving()) == sum(hosts.values()), stage.described()
    assert_as_before(stage, original)


@pytest.mark.parametrize("new", NEW_TASKS)
@pytest.mark.parametrize("hosts", [*WORLDS, {"w1": 5, "w2": 4, "w3": 4, "w4": 1}])
def test_a_target_that_cannot_run_it(hosts: dict[str, int], new: str) -> None:
    stage = Stage()
    original = stage.create(spec_of(), hosts)
    stage.images.scripted["web:1"] = NEW_TASKS[new]
    assert stage.begin("w1", list(hosts)[-1]) is None
    outcome = stage.go(limit_s=900)
    assert outcome is (Outcome.MOVED if new in {"good", "slow"} else Outcome.ABORTED)
    stage.engine.advance(30)
    assert stage.lowest == sum(hosts.values())
    if outcome is Outcome.ABORTED:
        assert stage.hosts() == {host: count for host, count in hosts.items() if count}
    assert_as_before(stage, original)


def test_a_failure_is_told_without_secrets() -> None:
    """Its error repeats words of the image, the command and the environment."""
    stage = Stage()
    stage.create(spec_of("web:hunter2-tag"), {"w1": 1, "w2": 1, "w3": 0})
    stage.images.scripted["web:hunter2-tag"] = NEW_TASKS["absent"]
    assert stage.begin("w1", "w3") is None
    assert stage.go() is Outcome.ABORTED
    told = [report.why for report in stage.reports]
    assert any("No such image" in why for why in told)
    assert not any("hunter2" in why for why in told)


def test_a_task_that_ends_with_zero_is_not_waited_for() -> None:
    """A server that stops in good order because its health check fails, or that ends at once."""
    stage = Stage()
    stage.create(spec_of(), {"w1": 2, "w2": 1, "w3": 0})
    stage.images.scripted["web:1"] = Behaviour(exit_after_s=0.001, exit_code=0)
    began = stage.engine.timeline.now
    assert stage.begin("w1", "w3") is None
    assert stage.go() is Outcome.ABORTED
    assert any("ended (exit code 0)" in report.why for report in stage.reports)
    assert stage.engine.timeline.now - began < 60, "the deadline to start is five minutes"
    assert stage.lowest == 3


# --- other hands ----------------------------------------------------------------------------------------


def new_image(spec: JsonObject) -> None:
    spec["TaskTemplate"]["ContainerSpec"]["Image"] = "web:2"


def new_label(spec: JsonObject) -> None:
    spec["Labels"]["theirs"] = "too"


def new_constraint(spec: JsonObject) -> None:
    constraints = spec["TaskTemplate"]["Placement"].setdefault("Constraints", [])
    constraints.append("node.role==worker")


def new_update_config(spec: JsonObject) -> None:
    spec["UpdateConfig"] = {**spec["UpdateConfig"], "Parallelism": 7}


def more_replicas(spec: JsonObject) -> None:
    spec["Mode"]["Replicated"]["Replicas"] = 6


EDITS: list[Callable[[JsonObject], None]] = [
    new_image,
    new_label,
    new_constraint,
    new_update_config,
    more_replicas,
]


@pytest.mark.parametrize("pause_s", [0.0, 0.3, 1.7, 2.6])
@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize(
    ("hosts", "writes"), [(WORLDS[0], 1), (WORLDS[0], 2), (WORLDS[1], 2), (WORLDS[3], 1)]
)
@pytest.mark.parametrize("update", [START_FIRST, None], ids=["start-first", "none"])
def test_a_person_edits_the_service(
    hosts: dict[str, int],
    writes: int,
    edit: Callable[[JsonObject], None],
    pause_s: float,
    update: JsonObject | None,
) -> None:
    """Theirs stays, ours is taken out of it, leaf by leaf; and it is sealed."""
    stage, original = under_way(hosts, writes, update=update)
    assert LABEL in stage.spec["Labels"]
    stage.engine.advance(pause_s)
    stage.edit(edit)
    stage.images.scripted["web:2"] = Behaviour(start_s=HEALTHY_FROM_S)
    assert stage.go() is Outcome.YIELDED, stage.described()
    stage.engine.advance(120)
    wished = {**original, "TaskTemplate": {**original["TaskTemplate"]}}
    wished["TaskTemplate"]["ContainerSpec"] = dict(wished["TaskTemplate"]["ContainerSpec"])
    wished["TaskTemplate"]["Placement"] = dict(wished["TaskTemplate"]["Placement"])
    wished["Mode"] = {"Replicated": dict(original["Mode"]["Replicated"])}
    wished["Labels"] = dict(original["Labels"])
    if edit is new_update_config and update is None:
        wished["UpdateConfig"] = {**START_FIRST, "Order": "stop-first"}
    edit(wished)
    assert stage.spec == wished
    assert stage.service.previous_spec == stage.spec
    assert len(stage.serving()) == wished["Mode"]["Replicated"]["Replicas"], stage.described()
    stops_first = edit is new_image and update is None
    assert stage.lowest >= sum(hosts.values()) - stops_first, stage.described()


@pytest.mark.parametrize("writes", [1, 2])
@pytest.mark.parametrize("hosts", WORLDS[:4])
def test_a_deployed_stack_overwrites_all(hosts: dict[str, int], writes: int) -> None:
    stage, original = under_way(hosts, writes, update=START_FIRST)
    stage.engine.advance(2.5)
    is_over = LABEL not in stage.spec["Labels"]
    theirs = {**original, "Labels": {"mine": "yes", "theirs": "too"}}

    def overwrite(spec: JsonObject) -> None:
        spec.clear()
        spec.update(theirs)

    stage.edit(overwrite)
    stage.go()
    stage.engine.advance(60)
    assert stage.spec == theirs
    assert stage.service.previous_spec == (original if is_over else theirs)
    assert len(stage.serving()) == sum(hosts.values())
    assert stage.lowest == sum(hosts.values())


@pytest.mark.parametrize("writes", [1, 2])
def test_a_person_rolls_back_in_the_middle(writes: int) -> None:
    stage, original = under_way({"w1": 1, "w2": 1, "w3": 0}, writes)
    stage.engine.advance(2.5)
    record = stage.record
    stage.engine.control.update_service(
        "web", record.meta.version, None, rollback=True, api_version=(1, 45)
    )
    stage.go()
    stage.engine.advance(60)
    assert stage.lowest == 2
    assert_as_before(stage, original)


@pytest.mark.parametrize("hosts", WORLDS[:4])
def test_a_paused_update_of_theirs_is_not_touched(hosts: dict[str, int]) -> None:
    """Any write would resume it: nothing is written until a person acts, and it is said."""
    stage, original = under_way(hosts, 1)
    stage.images.scripted["web:2"] = NEW_TASKS["absent"]
    stage.edit(new_image)
    stage.go(until=lambda: "paused" in stage.reports[-1].why)
    assert stage.record.update_status.state == "paused"
    version, writes = stage.record.meta.version, stage.writes
    for _ in range(50):
        stage.step()
        stage.engine.advance(5)
    assert stage.record.meta.version == version
    assert stage.writes == writes
    assert "paused" in stage.reports[-1].why
    assert stage.lowest >= sum(hosts.values()) - 1, "their own update stops first"
    stage.images.scripted["web:2"] = Behaviour()
    stage.edit(new_label)
    assert stage.go() is Outcome.YIELDED
    stage.engine.advance(60)
    assert stage.spec["TaskTemplate"]["Placement"] == original["TaskTemplate"]["Placement"]
    assert "UpdateConfig" not in stage.spec
    assert len(stage.serving()) == sum(hosts.values())


@pytest.mark.parametrize("hosts", WORLDS)
def test_renewed_credentials(hosts: dict[str, int]) -> None:
    """They make every task dirty together with a change of placement."""
    for seed in range(6):
        stage = Stage(seed=seed)
        original = stage.create(spec_of(), hosts)
        stage.images.scripted["web:1"] = Behaviour(start_s=HEALTHY_FROM_S)
        stage.edit(lambda _: None, auth="renewed")
        stage.edit(lambda _: None)
        stage.engine.advance(5)
        assert stage.begin("w1", list(hosts)[-1]) is None
        outcome = stage.go(limit_s=900)
        assert outcome is not Outcome.YIELDED
        stage.engine.advance(60)
        assert stage.lowest == sum(hosts.values()), stage.described()
        assert_as_before(stage, original)
        assert len(stage.started) <= 3
