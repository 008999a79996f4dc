"""`events` and `why`: what the operator did, and why a service is as it is."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from desired_state.records import Event, ServiceStatus, SpecMemory, SpecRecord, StackStatus
from swarm_operator.observed.errors import Unavailable
from swarm_operator.observed.kv import KvTree
from swarm_operator.observed.swarm import Node, Service, Swarm, Task
from tests.cli.conftest import CommandLine

NOW = datetime.now(UTC)


def put_event(run: CommandLine, number: int, stack: str = "wiki", **changes: object) -> None:
    values: dict[str, object] = {
        "number": number,
        "when": NOW - timedelta(minutes=3),
        "stack": stack,
        "verb": "update",
        "kind": "service",
        "name": f"{stack}_web",
        "reason": "differs from the document",
        "cause": f"desired/stacks/{stack}/compose.yaml at index 4{number}",
        "changes": ("TaskTemplate.ContainerSpec.Image: nginx:1 → nginx:2",),
        "effect": "restarts tasks",
        "result": "done",
    }
    event = Event.model_validate({**values, **changes})
    run.fake_kv.put(f"status/events/{number % 200:03d}", event.encode())


def numbers(lines: Sequence[str]) -> list[str]:
    return [line.split()[0] for line in lines]


def test_events_are_in_the_order_of_their_numbers(run: CommandLine) -> None:
    for number in (199, 200, 201):
        put_event(run, number)
    run.fake_kv.put("status/events/100", "no JSON")
    head, *rows = run("events").stdout.splitlines()
    assert head.split() == ["#", "WHEN", "STACK", "ACTION", "RESULT", "WHY", "CHANGES", "CAUSE"]
    assert numbers(rows) == ["199", "200", "201"]
    assert "update service wiki_web" in rows[0]
    assert rows[0].endswith("desired/stacks/wiki/compose.yaml at index 4199")
    assert "TaskTemplate.ContainerSpec.Image" in rows[0]


def test_of_one_stack_and_the_newest_only(run: CommandLine) -> None:
    for number in range(1, 9):
        put_event(run, number, "wiki" if number % 2 else "blog")
    _, *rows = run("events", "wiki", "--limit", "3").stdout.splitlines()
    assert numbers(rows) == ["3", "5", "7"]
    shown = json.loads(run("events", "blog", "-o", "json").stdout)
    assert [each["number"] for each in shown] == [2, 4, 6, 8]
    assert shown[0]["cause"] == "desired/stacks/blog/compose.yaml at index 42"


def test_a_stack_without_events(run: CommandLine, wiki: Path) -> None:
    run("push", wiki)
    assert run("events", "wiki").stdout == "no events\n"
    assert json.loads(run("events", "wiki", "-o", "json").stdout) == []
    result = run("events", "wikki")
    assert result.exit_code == 1
    assert "did you mean wiki?" in result.stderr


def test_follow_shows_each_new_event_once(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_event(run, 1)
    monkeypatch.setattr("swarm_operator.cli.waiting.after_an_outage", lambda: None)
    watch, reads = run.fake_kv.watch, 0

    def watched(prefix: str, index: int, wait_s: float) -> KvTree:
        nonlocal reads
        reads += 1
        if reads == 2:
            put_event(run, 2, result="refused", message="port 80 is\ntaken")
        if reads == 3:
            raise Unavailable("Consul is down")
        if reads == 4:
            put_event(run, 3, "blog")
            put_event(run, 4)
        if reads == 6:
            raise KeyboardInterrupt
        return watch(prefix, index, min(wait_s, 0.01))

    monkeypatch.setattr(run.fake_kv, "watch", watched)
    result = run("events", "wiki", "--follow", "-o", "json")
    assert result.exit_code == 0
    assert [json.loads(line)["number"] for line in result.stdout.splitlines()] == [1, 2, 4]
    assert "Consul is down" in result.stderr
    reads = 10
    monkeypatch.setattr(run.fake_kv, "watch", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    lines = run("events", "wiki", "--follow").stdout.splitlines()
    assert "#2 update service wiki_web: refused (port 80 is taken); differs from" in lines[1]


def test_follow_goes_on_after_the_kv_was_wiped(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_event(run, 7)
    watch, reads = run.fake_kv.watch, 0

    def watched(prefix: str, index: int, wait_s: float) -> KvTree:
        nonlocal reads
        reads += 1
        if reads == 2:
            run.fake_kv.delete("status/events/007")
            put_event(run, 1)
        if reads == 4:
            raise KeyboardInterrupt
        return watch(prefix, index, min(wait_s, 0.01))

    monkeypatch.setattr(run.fake_kv, "watch", watched)
    lines = run("events", "--follow", "-o", "json").stdout.splitlines()
    assert [json.loads(line)["number"] for line in lines] == [7, 1]


# --- why ----------------------------------------------------------------------------------------


def service(image: str) -> Service:
    """A service as somebody else's `docker stack deploy` left it."""
    labels = {"com.docker.stack.namespace": "wiki", "com.docker.stack.image": image}
    spec = {
        "Name": "wiki_web",
        "Labels": labels,
        "Mode": {"Replicated": {"Replicas": 2}},
        "TaskTemplate": {"ContainerSpec": {"Image": image}, "Placement": {}},
    }
    return Service("svc1", 7, "wiki_web", spec)


@pytest.fixture
def pushed(run: CommandLine, wiki: Path) -> CommandLine:
    run("init")
    run("push", wiki)
    run.fake_kv.hold("lock/leader")
    run.fake_swarm.swarm = Swarm(
        "swarm-1",
        nodes=(Node("n1", 1, "m1", "manager", "active", "ready", "10.0.0.1", {}),),
        services=(service("nginx:1.27"),),
        tasks=(
            Task("t1", "svc1", "n1", 1, "running", "running"),
            Task("t2", "svc1", "n1", 2, "shutdown", "rejected", error="No such image: open-sesame"),
        ),
    )
    record = StackStatus(
        stack="wiki",
        state="Degraded",
        reason="TaskErrors",
        message="wiki_web: No such image",
        since=datetime.now(UTC) - timedelta(minutes=7),
        services={"wiki_web": ServiceStatus(state="Degraded", message="gone", running=1, wanted=2)},
    )
    run.fake_kv.put("status/stacks/wiki", record.encode())
    put_event(run, 4)
    put_event(run, 5, name="wiki_db")
    return run


def test_why_tells_all_there_is(pushed: CommandLine) -> None:
    lines = pushed("why", "wiki_web").stdout.splitlines()
    assert lines[0] == ("wiki_web is Degraded: 1 of 2 tasks run; No such image: (hidden)."), (
        "the task's own error, without a secret"
    )
    assert "The stack wiki is Degraded (TaskErrors) for 7m: wiki_web: No such image." in lines
    assert any(line.startswith("The operator is about to update it [") for line in lines)
    assert not any("wiki_db" in line for line in lines)
    assert any(
        "#4 update service wiki_web: done" in line and "at index 44" in line for line in lines
    )
    assert lines[-1].startswith("The stack wiki was pushed last by ")


@pytest.mark.parametrize("names", [("wiki", "web"), ("wiki", "wiki_web"), ("wiki/web",)])
def test_a_service_has_several_names(pushed: CommandLine, names: tuple[str, ...]) -> None:
    assert pushed("why", *names).stdout == pushed("why", "wiki_web").stdout


def test_why_names_a_rejection_a_hold_and_a_foreign_change(pushed: CommandLine) -> None:
    kv = pushed.fake_kv
    record = SpecRecord(sent="a", version=3, rejected="a", reason="this spec was rolled back")
    kv.put("status/specs/wiki", SpecMemory(services={"wiki_web": record}).encode())
    pushed("pause", "wiki", "--reason", "backup runs")
    kv.put("desired/stacks/wiki/web.env", "COLOUR=crimson\n")
    result = pushed("why", "wiki_web")
    assert "Its spec is rejected and not sent again: this spec was rolled back." in result.stdout
    assert "To update it [restarts tasks] is held back (Paused): paused by" in result.stdout
    assert "backup runs." in result.stdout
    assert "changed by another hand since." in result.stdout
    assert "crimson" not in result.output


def test_why_without_docker_is_what_the_operator_wrote(
    pushed: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> Swarm:
        raise Unavailable("no answer")

    monkeypatch.setattr(pushed.fake_swarm, "read", away)
    result = pushed("why", "wiki_web")
    assert result.exit_code == 0
    first, second, *_ = result.stdout.splitlines()
    assert first == "wiki_web was Degraded: 1 of 2 tasks run; gone."
    assert second.startswith("Docker could not be asked (no answer)")
    assert json.loads(pushed("why", "wiki_web", "-o", "json").stdout)["live"] is None


def test_why_as_json(pushed: CommandLine) -> None:
    shown = json.loads(pushed("why", "wiki_web", "-o", "json").stdout)
    assert shown["live"]["state"] == "Degraded"
    assert shown["live"]["message"] == "No such image: (hidden)"
    assert shown["live"]["actions"][0]["name"] == "wiki_web"
    assert [event["number"] for event in shown["events"]] == [4]
    assert shown["pushed"]["is_current"] is True
    assert "hash" not in shown["pushed"]


def test_why_a_service_that_no_operator_has_seen(run: CommandLine, wiki: Path) -> None:
    run("init")
    run("push", wiki)
    lines = run("why", "wiki", "web").stdout.splitlines()
    assert lines[0] == "wiki_web is not on the swarm."
    assert "No operator holds the lease: nothing is acted on." in lines
    assert any(line.startswith("The operator is about to create it") for line in lines)


def test_why_with_a_document_that_is_refused(pushed: CommandLine) -> None:
    pushed.fake_kv.put("desired/stacks/wiki/compose.yaml", "services: {web: {imagee: x}}")
    shown = pushed("why", "wiki_web").stdout
    assert "The document in the KV is refused" in shown
    assert "imagee" in shown


@pytest.mark.parametrize(
    ("names", "code", "said"),
    [
        (("wiki",), 1, "wiki is a stack; its services are wiki_web"),
        (("wiki_wep",), 1, "no stack has a service wiki_wep; did you mean wiki_web?"),
        (("blog", "web"), 1, "no stack has a service blog_web"),
        (("a", "b", "c"), 2, "name one service"),
        ((), 2, "Missing argument"),
    ],
)
def test_why_of_nothing(pushed: CommandLine, names: tuple[str, ...], code: int, said: str) -> None:
    result = pushed("why", *names)
    assert result.exit_code == code
    assert said in result.stderr
