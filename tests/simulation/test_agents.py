"""What a node does with a task: the steps, the words, and the times of moby's container controller."""

import random
from dataclasses import replace
from typing import Any

import pytest

from swarm_operator.simulation.engine.component import Tempo
from swarm_operator.simulation.engine.images import Behaviour, ImageLibrary
from swarm_operator.simulation.engine.records import TaskRecord, TaskState, TaskStatus
from swarm_operator.simulation.engine.task_run import DISPATCH_S, Machine, TaskRun, health_check
from swarm_operator.simulation.timeline import Timeline

SECOND = 10**9
CHECKED = {"Test": ["CMD", "true"], "Interval": 2 * SECOND, "Retries": 3}


class Node:
    """One task, and everything that it ever reported."""

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        desired: TaskState = TaskState.RUNNING,
        networks: bool = False,
        endpoint: dict[str, Any] | None = None,
        **container: Any,
    ) -> None:
        self.timeline = Timeline()
        self.reported: list[TaskStatus] = []
        images = ImageLibrary({"web:1": behaviour or Behaviour()})
        machine = Machine(self.timeline, random.Random(0), Tempo(), images, self._report)
        self.task = TaskRecord(
            id="task",
            service_id="web",
            spec={"ContainerSpec": {"Image": "web:1", **container}},
            node_id="node",
            desired_state=desired,
            status=TaskStatus(TaskState.ASSIGNED),
            endpoint=endpoint,
            networks=({"Network": {}},) if networks else (),
        )
        self.run = TaskRun(self.task, machine)

    def wish(self, state: TaskState) -> None:
        self.run.update(replace(self.task, desired_state=state))

    def advance(self, seconds: float) -> "Node":
        self.timeline.advance(self.timeline.now + seconds)
        return self

    @property
    def last(self) -> TaskStatus:
        return self.run.status

    @property
    def states(self) -> list[str]:
        return [status.state.name for status in self.reported]

    def _report(self, _task_id: str, status: TaskStatus) -> None:
        self.reported.append(status)


def _ended(node: Node) -> tuple[TaskState, str, str, int | None]:
    last = node.last
    return last.state, last.message, last.error, last.exit_code


# --- coming up ---


def test_the_steps_up_to_running() -> None:
    node = Node().advance(5)
    said = [(status.state.name, status.message) for status in node.reported]
    assert said == [
        ("PREPARING", "preparing"),
        ("READY", "prepared"),
        ("STARTING", "starting"),
        ("RUNNING", "started"),
    ]
    assert len(node.last.container_id) == 64
    assert node.last.pid > 0
    assert node.last.at == pytest.approx(Tempo().prepare_s + Tempo().start_s)


def test_a_task_that_is_wished_ready_waits_there() -> None:
    node = Node(desired=TaskState.READY).advance(60)
    assert node.last.state is TaskState.READY
    node.wish(TaskState.RUNNING)
    assert node.advance(1).last.state is TaskState.RUNNING


def test_a_wish_in_the_middle_of_preparing_does_not_begin_it_again() -> None:
    node = Node(desired=TaskState.READY).advance(0.04)
    node.wish(TaskState.RUNNING)
    assert node.advance(0.02).last.state is TaskState.STARTING


def test_a_slow_start() -> None:
    node = Node(Behaviour(start_s=20)).advance(19)
    assert node.last.state is TaskState.STARTING
    assert node.advance(2).last.state is TaskState.RUNNING


def test_running_means_healthy() -> None:
    """The first check is an interval after the start."""
    node = Node(Healthcheck=CHECKED).advance(2)
    assert node.last.state is TaskState.STARTING
    assert node.advance(1).last.state is TaskState.RUNNING


@pytest.mark.parametrize(
    ("check", "seconds"),
    [
        ({}, 30),
        ({"Interval": 7 * SECOND}, 7),
        ({"Interval": 7 * SECOND, "StartPeriod": 60 * SECOND}, 5),
        ({"StartPeriod": 60 * SECOND, "StartInterval": 2 * SECOND}, 2),
        ({"StartInterval": 2 * SECOND}, 30),
    ],
)
def test_when_the_first_check_is_made(check: dict[str, int], seconds: float) -> None:
    node = Node(Healthcheck={"Test": ["CMD", "true"], **check}).advance(60)
    assert node.last.at == pytest.approx(0.45 + seconds)


def test_an_image_that_is_nowhere() -> None:
    node = Node(Behaviour(missing=True)).advance(1)
    assert _ended(node) == (TaskState.REJECTED, "preparing", "No such image: web:1", None)
    assert node.last.container_id == ""


def test_host_ports_are_told_while_it_runs() -> None:
    ports = [
        {"PublishMode": "host", "TargetPort": 80, "PublishedPort": 8080, "Protocol": "tcp"},
        {"PublishMode": "host", "TargetPort": 81, "Protocol": "tcp"},
        {"PublishMode": "ingress", "TargetPort": 82, "PublishedPort": 82, "Protocol": "tcp"},
    ]
    node = Node(endpoint={"Ports": ports}).advance(5)
    fixed, chosen = node.last.host_ports
    assert fixed == ports[0]
    assert chosen["TargetPort"] == 81
    assert chosen["PublishedPort"] >= 32768
    node.wish(TaskState.SHUTDOWN)
    assert node.advance(5).last.host_ports == ()


# --- ending by itself ---


def test_a_crash() -> None:
    node = Node(Behaviour(exit_after_s=3, exit_code=7)).advance(10)
    assert _ended(node) == (TaskState.FAILED, "started", "task: non-zero exit (7)", 7)
    assert node.last.at == pytest.approx(3.45)
    assert node.last.pid == 0


def test_the_end_of_a_job() -> None:
    node = Node(Behaviour(exit_after_s=3), desired=TaskState.COMPLETE).advance(10)
    assert _ended(node) == (TaskState.COMPLETE, "finished", "", 0)


def test_a_crash_before_it_was_ever_healthy() -> None:
    node = Node(Behaviour(exit_after_s=1, exit_code=1), Healthcheck=CHECKED).advance(10)
    assert _ended(node) == (TaskState.FAILED, "starting", "task: non-zero exit (1)", 1)
    assert "RUNNING" not in node.states


# --- health ---


def test_never_healthy() -> None:
    """Three failures two seconds apart, then it is stopped."""
    behaviour = Behaviour(healthy=False, ignores_sigterm=True)
    node = Node(behaviour, Healthcheck=CHECKED).advance(6)
    assert node.last.state is TaskState.STARTING
    node.advance(13)
    error = "task: non-zero exit (137): dockerexec: unhealthy container"
    assert _ended(node) == (TaskState.FAILED, "starting", error, 137)
    assert "RUNNING" not in node.states


def test_never_healthy_and_heeding_the_signal_is_an_end_without_error() -> None:
    """It is said to have run, for a moment in which it has no process any more."""
    node = Node(Behaviour(healthy=False), Healthcheck=CHECKED).advance(9)
    assert _ended(node) == (TaskState.COMPLETE, "finished", "", 0)
    assert node.states[-2:] == ["RUNNING", "COMPLETE"]
    assert node.last.pid == 0


def test_without_a_check_nobody_notices() -> None:
    assert Node(Behaviour(healthy=False)).advance(99).last.state is TaskState.RUNNING


@pytest.mark.parametrize("healthcheck", [{"Test": ["NONE"]}, {}, {"Test": []}])
def test_a_check_that_is_none(healthcheck: dict[str, Any]) -> None:
    assert health_check(healthcheck) is None


def test_becoming_unhealthy_and_heeding_the_signal_is_an_end_without_error() -> None:
    node = Node(Behaviour(becomes_unhealthy_after_s=10), Healthcheck=CHECKED).advance(20)
    assert _ended(node) == (TaskState.COMPLETE, "finished", "", 0)


def test_becoming_unhealthy_and_being_killed() -> None:
    behaviour = Behaviour(becomes_unhealthy_after_s=10, ignores_sigterm=True)
    node = Node(behaviour, Healthcheck=CHECKED).advance(30)
    error = "task: non-zero exit (137): dockerexec: unhealthy container"
    assert _ended(node) == (TaskState.FAILED, "started", error, 137)


# --- stopping ---


@pytest.mark.parametrize(
    ("networks", "behaviour", "container", "seconds", "code"),
    [
        (False, Behaviour(), {}, 1.2 - 2 * DISPATCH_S, 0),
        (True, Behaviour(), {}, 3.2 - 2 * DISPATCH_S, 0),
        (False, Behaviour(ignores_sigterm=True), {}, 10, 137),
        (True, Behaviour(ignores_sigterm=True), {"StopGracePeriod": 30 * SECOND}, 32, 137),
        (False, Behaviour(ignores_sigterm=True), {"StopGracePeriod": 0}, 0, 137),
    ],
)
def test_how_long_a_stop_takes(
    networks: bool, behaviour: Behaviour, container: dict[str, Any], seconds: float, code: int
) -> None:
    """The managers' two batches come on top: 1.2 s in all, 3.2 s on an overlay."""
    node = Node(behaviour, networks=networks, **container).advance(5)
    node.wish(TaskState.SHUTDOWN)
    assert node.last.state is TaskState.RUNNING  # the process is still there
    node.advance(60)
    assert _ended(node) == (TaskState.SHUTDOWN, "shutdown", "", code)
    assert node.last.at == pytest.approx(5 + seconds)


def test_a_task_that_never_started_stops_at_once() -> None:
    node = Node(desired=TaskState.READY).advance(5)
    node.wish(TaskState.SHUTDOWN)
    assert node.last.state is TaskState.SHUTDOWN
    assert node.last.exit_code is None


def test_a_removal_is_a_stop() -> None:
    node = Node().advance(5)
    node.wish(TaskState.REMOVE)
    assert node.advance(5).last.state is TaskState.SHUTDOWN


def test_a_second_wish_does_not_begin_the_stop_again() -> None:
    node = Node(Behaviour(ignores_sigterm=True)).advance(5)
    node.wish(TaskState.SHUTDOWN)
    node.advance(9)
    node.wish(TaskState.REMOVE)
    assert node.advance(2).last.state is TaskState.SHUTDOWN


def test_a_desired_state_never_goes_back() -> None:
    node = Node().advance(5)
    node.wish(TaskState.SHUTDOWN)
    node.wish(TaskState.RUNNING)
    assert node.advance(5).last.state is TaskState.SHUTDOWN


def test_a_wish_for_what_has_ended_changes_nothing() -> None:
    node = Node(Behaviour(exit_after_s=1, exit_code=1)).advance(5)
    node.wish(TaskState.SHUTDOWN)
    assert node.advance(5).last.state is TaskState.FAILED


# --- power ---


def test_power_loss_is_found_out_at_the_next_start() -> None:
    node = Node().advance(5)
    node.run.lose_power()
    reports = len(node.reported)
    node.advance(100)
    assert len(node.reported) == reports
    node.run.regain_power()
    assert _ended(node) == (TaskState.FAILED, "started", "task: non-zero exit (255)", 255)


def test_power_loss_in_the_middle_of_a_stop() -> None:
    node = Node(Behaviour(ignores_sigterm=True)).advance(5)
    node.wish(TaskState.SHUTDOWN)
    node.advance(1).run.lose_power()
    node.advance(100).run.regain_power()
    assert node.last.state is TaskState.SHUTDOWN


def test_power_loss_before_it_started() -> None:
    node = Node()
    node.run.lose_power()
    node.advance(100).run.regain_power()
    assert node.advance(1).last.state is TaskState.RUNNING
