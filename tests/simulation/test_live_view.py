"""What `make run` shows, from values."""

import re
from datetime import UTC, datetime

import pytest
from rich.console import Console, RenderableType

from desired_state.records import Event, ServiceStatus, StackStatus
from swarm_operator.cli import live_lines, live_view
from swarm_operator.cli.live_view import Scene
from swarm_operator.cli.stacks_view import View
from swarm_operator.observed.swarm import Node, Service, Swarm, Task

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def node(number: int, *, role: str = "worker", state: str = "ready", **fields: object) -> Node:
    is_manager = role == "manager"
    return Node(
        id=f"n{number}",
        version=1,
        hostname=f"{role}-{number}",
        role=role,
        availability=str(fields.get("availability", "active")),
        state=state,
        address="10.0.0.1",
        labels={},
        is_leader=bool(fields.get("is_leader", False)),
        reachability="reachable" if is_manager else None,
    )


def task(number: int, node_id: str | None, state: str, **fields: str) -> Task:
    return Task(
        id=f"t{number}",
        service_id="s1",
        node_id=node_id,
        slot=number,
        desired_state=fields.get("desired", "running"),
        state=state,
        error=fields.get("error", ""),
    )


def swarm(*tasks: Task, nodes: tuple[Node, ...] | None = None) -> Swarm:
    return Swarm(
        cluster_id="c1",
        nodes=nodes or (node(2), node(1, role="manager", is_leader=True)),
        services=(Service("s1", 1, "site_web", {"Name": "site_web"}),),
        tasks=tasks,
    )


def status(state: str, running: int, message: str = "") -> StackStatus:
    service = ServiceStatus(state=state, running=running, wanted=2)
    return StackStatus(
        stack="site", state=state, message=message, since=NOW, services={"site_web": service}
    )


def view(*stacks: StackStatus, is_led: bool = True) -> View:
    return View(None, is_led, {each.stack: each for each in stacks}, (), ())


def event(number: int, **fields: str) -> Event:
    return Event(
        number=number,
        when=NOW,
        stack="site",
        verb="update",
        kind="service",
        name="site_web",
        reason="its replicas differ",
        changes=("Mode.Replicated.Replicas: 5 → 2",),
        result=fields.get("result", "done"),
    )


def text(renderable: RenderableType, width: int = 120) -> str:
    console = Console(width=width, force_terminal=False, highlight=False)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


def drawn(scene: Scene, *, height: int = 40, width: int = 120) -> str:
    return text(live_view.picture(scene, ["the header"], NOW, height), width)


def test_the_picture_has_nodes_with_their_tasks_stacks_and_actions() -> None:
    scene = Scene(
        swarm(task(1, "n2", "running"), task(2, "n1", "starting")),
        view(status("Reconciling", 1)),
        (event(1),),
    )
    shown = drawn(scene)
    assert "the header" in shown
    lines = shown.splitlines()
    leader = next(line for line in lines if line.startswith("manager-1"))
    worker = next(line for line in lines if line.startswith("worker-2"))
    assert "leader" in leader
    assert "site_web.2:starting" in leader
    assert worker.split() == ["worker-2", "worker", "ready", "1", "site_web.1"]
    assert "Reconciling" in shown
    assert "its replicas differ [Mode.Replicated.Replicas]" in shown
    assert lines.index(leader) < lines.index(worker)


def test_history_is_no_task_of_a_node() -> None:
    scene = Scene(
        swarm(
            task(1, "n2", "shutdown", desired="shutdown"),
            task(2, "n2", "failed", desired="shutdown"),
        )
    )
    assert "site_web" not in drawn(scene)


def test_tasks_without_a_node_have_a_line_of_their_own() -> None:
    shown = drawn(Scene(swarm(task(3, None, "pending"))))
    line = next(line for line in shown.splitlines() if line.startswith("(no node)"))
    assert "site_web.3:pending" in line


def test_drained_and_lost_nodes_are_told_apart() -> None:
    nodes = (node(1, availability="drain"), node(2, state="down"))
    shown = drawn(Scene(swarm(nodes=nodes)))
    assert "ready, drain" in shown
    assert "down" in shown


def test_nothing_read_yet_is_said() -> None:
    shown = drawn(Scene(problems=("the swarm cannot be read: nobody listens",)))
    assert "the swarm cannot be read: nobody listens" in shown
    assert shown.count("not read yet") == 2


def test_a_low_terminal_shows_fewer_actions_and_the_newest_of_them() -> None:
    events = tuple(event(number) for number in range(1, 100))
    scene = Scene(swarm(), view(), events)
    high, low = drawn(scene, height=60), drawn(scene, height=10)
    assert low.count("its replicas differ") == live_view.FEWEST_EVENTS
    assert len(low.splitlines()) == 10
    assert len(high.splitlines()) == 60
    assert high.count("its replicas differ") > 30


STACKS = ("registry", "site", "voting-app", "wordpress")
HEADER = (
    "A simulated swarm of five nodes with an embedded KV; nothing outside is touched (seed 123456)",
    "  export DOCKER_HOST=unix:///tmp/swarm-operator-demo-abcdefgh/docker.sock",
    "  export CONSUL_HTTP_ADDR=http://127.0.0.1:43210",
    "  metrics: http://127.0.0.1:43211/metrics",
    "  the operator's log: /tmp/swarm-operator-demo-abcdefgh/operator.log",
    "  in another terminal: swarm-operator demo --help (kill, scale, break, edit, freeze …)",
    "  Ctrl-C ends it all",
)


def busy(*, nodes: int = 5, problems: int = 1, stacks: tuple[str, ...] = STACKS) -> Scene:
    """What `make run` shows after a while."""
    made = [node(n, role="manager" if n <= 3 else "worker", is_leader=n == 1)
            for n in range(1, nodes)]  # fmt: skip
    tasks = [task(n, f"n{1 + n % nodes}", "running") for n in range(1, 12 * nodes)]
    said = "site_web: rolled back, for its tasks failed: task: non-zero exit (1); " * 3
    return Scene(
        swarm(*tasks, nodes=(*made, node(nodes, state="down"))),
        view(*(status("Degraded", 1, said).model_copy(update={"stack": name}) for name in stacks)),
        tuple(event(number) for number in range(1, 100)),
        tuple(
            f"worker-{number} is off (`demo return worker-{number}`)" for number in range(problems)
        ),
    )


@pytest.mark.parametrize("nodes", [5, 40])
@pytest.mark.parametrize("problems", [0, 1, 9])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 20), (120, 40), (140, 50)])
def test_every_part_is_seen_on_every_terminal(
    width: int, height: int, problems: int, nodes: int
) -> None:
    picture = live_view.picture(busy(nodes=nodes, problems=problems), HEADER, NOW, height)
    shown = text(picture, width).splitlines()
    assert len(shown) == height  # no line is wasted, none is below the edge
    assert shown[0].startswith("A simulated swarm of five nodes")
    head = [line.strip() for line in shown[: 6 if width == 60 else 4]]
    assert "export CONSUL_HTTP_ADDR=http://127.0.0.1:43210" in head  # whole, to be copied
    if width >= 80:
        assert "metrics: http://127.0.0.1:43211/metrics" in head
        assert "export DOCKER_HOST=unix:///tmp/swarm-operator-demo-abcdefgh/docker.sock" in head
    for stack in STACKS:
        assert any(re.match(rf"{stack} +Degraded", line) for line in shown)
    actions = sum("update service site_web" in line for line in shown)
    assert actions >= live_view.FEWEST_EVENTS
    assert sum("is off" in line for line in shown) >= min(problems, 1 if width == 60 else 2)
    assert any(re.match(rf"worker-{nodes} .*down", line) for line in shown)
    is_each_shown = any(line.startswith("manager-1") for line in shown)
    assert is_each_shown or any(f"{nodes - 1} nodes ready, with " in line for line in shown)
    assert is_each_shown or nodes == 40 or problems == 9 or width == 60


def test_more_stacks_than_lines_are_counted() -> None:
    stacks = tuple(f"stack-{number:02}" for number in range(60))
    shown = text(live_view.picture(busy(stacks=stacks), HEADER, NOW, 24), 80).splitlines()
    assert len(shown) == 24
    seen = sum(line.startswith("stack-") for line in shown)
    assert any(line.startswith(f"… and {60 - seen} more") for line in shown)
    assert sum("update service" in line for line in shown) == live_view.FEWEST_EVENTS


def test_a_narrow_terminal_does_not_lose_a_task() -> None:
    tasks = tuple(task(number, "n2", "running") for number in range(1, 20))
    shown = drawn(Scene(swarm(*tasks)), width=60)
    for number in range(1, 20):
        assert f"site_web.{number}" in shown


def test_lines_say_what_changed_and_nothing_twice() -> None:
    first = Scene(swarm(task(1, "n2", "starting")), view(status("Reconciling", 0)), ())
    assert live_lines.lines(Scene(), first) == [
        "node manager-1: ready",
        "node worker-2: ready",
        "stack site: Reconciling, 0 of 2 tasks run",
    ]
    second = Scene(
        swarm(task(1, "n2", "running"), nodes=(node(1, role="manager"), node(2, state="down"))),
        view(status("Ready", 2, "all of it runs")),
        (event(1),),
    )
    assert live_lines.lines(first, second) == [
        "node worker-2: ready → down",
        "task site_web.1 on worker-2: running",
        "#1 update service site_web: done; its replicas differ [Mode.Replicated.Replicas]",
        "stack site: Ready, 2 of 2 tasks run (all of it runs)",
    ]
    assert live_lines.lines(second, second) == []


def test_lines_name_a_failed_tasks_own_error() -> None:
    before = Scene(swarm(task(1, "n2", "running")))
    after = Scene(swarm(task(1, "n2", "failed", error="task: non-zero exit (1)")))
    assert live_lines.lines(before, after) == [
        "task site_web.1 on worker-2: failed: task: non-zero exit (1)"
    ]


def test_lines_go_on_after_the_kv_was_wiped() -> None:
    before, after = Scene(events=(event(7), event(8))), Scene(events=(event(1),))
    assert [line[:2] for line in live_lines.lines(before, after)] == ["#1"]


def test_a_stack_that_went_is_said_once() -> None:
    before, after = Scene(stacks=view(status("Ready", 2))), Scene(stacks=view())
    assert live_lines.lines(before, after) == ["stack site: gone"]


def test_nobody_leading_is_said() -> None:
    assert live_lines.lines(Scene(stacks=view()), Scene(stacks=view(is_led=False))) == [
        "! no operator holds the lease: nothing is acted on, and what follows is old"
    ]
