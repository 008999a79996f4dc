"""`status`, `approve` and `retry`: what the operator wrote, and what it is asked for."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from desired_state.records import (
    Condition,
    OperatorStatus,
    Request,
    ServiceStatus,
    StackStatus,
)
from swarm_operator.observed.errors import Unavailable
from swarm_operator.observed.kv import KvTree
from tests.cli.conftest import CommandLine

APPROVAL = "desired/requests/approve/wiki"


def put_status(run: CommandLine, stack: str = "wiki", **changes: object) -> None:
    since = datetime.now(UTC) - timedelta(minutes=3, seconds=5)
    values: dict[str, object] = {
        "stack": stack,
        "state": "Degraded",
        "reason": "TaskErrors",
        "message": "wiki_web: No such image: nginx:9",
        "since": since,
        "conditions": (Condition(type="Ready", status="False", reason="TaskErrors", since=since),),
        "services": {
            f"{stack}_web": ServiceStatus(state="Degraded", running=1, wanted=2),
            f"{stack}_db": ServiceStatus(state="Ready", running=1, wanted=1),
        },
    }
    record = StackStatus.model_validate({**values, **changes})
    run.fake_kv.put(f"status/stacks/{stack}", record.encode())


def lead(run: CommandLine, mode: str = "act", **changes: str) -> None:
    operator = OperatorStatus.model_validate(
        {
            "state": "Acting",
            "version": "1",
            "mode": mode,
            "leader": "m1",
            "since": datetime.now(UTC),
            **changes,
        }
    )
    run.fake_kv.put("status/operator", operator.encode())
    run.fake_kv.hold("lock/leader")


def test_all_stacks_are_a_table(run: CommandLine) -> None:
    lead(run)
    put_status(run)
    put_status(run, "blog", state="Ready", message="", reason="Converged")
    run.fake_kv.put("desired/stacks/new/compose.yaml", "x")
    result = run("status")
    assert (result.exit_code, result.stderr) == (0, "")
    head, *rows = (line.split() for line in result.stdout.splitlines())
    assert head == ["STACK", "STATE", "SERVICES", "TASKS", "SINCE", "MESSAGE"]
    assert rows[0] == ["blog", "Ready", "2", "2/3", "3m", "Converged"]
    assert rows[1][:5] == ["wiki", "Degraded", "2", "2/3", "3m"]
    assert "No such image: nginx:9" in result.stdout
    assert rows[2][:2] == ["new", "Unseen"]


def test_one_stack_is_shown_whole(run: CommandLine) -> None:
    lead(run)
    put_status(run, plan="abc123", warnings=("container_name is ignored",))
    shown = run("status", "wiki").stdout
    for part in ("Degraded (TaskErrors) for 3m", "swarm-operator approve wiki", "wiki_db", "1/2"):
        assert part in shown
    assert "warning: container_name is ignored" in shown


def test_json_is_for_programs(run: CommandLine) -> None:
    lead(run)
    put_status(run)
    everything = json.loads(run("status", "-o", "json").stdout)
    assert everything["leader"] == "m1"
    assert [each["stack"] for each in everything["stacks"]] == ["wiki"]
    one = json.loads(run("status", "wiki", "-o", "json").stdout)
    assert one == everything["stacks"][0]
    assert one["services"]["wiki_web"]["wanted"] == 2


def test_without_a_leader_that_is_said(run: CommandLine) -> None:
    put_status(run)
    result = run("status")
    assert result.exit_code == 0
    assert "no operator holds the lease" in result.stderr
    assert json.loads(run("status", "-o", "json").stdout)["leader"] is None


def test_a_waiting_or_observing_operator_says_so(run: CommandLine) -> None:
    lead(run, "observe", state="Waiting", reason="Incomplete", message="the sentinel is gone")
    said = run("status").stderr
    assert "operator: Waiting (Incomplete): the sentinel is gone" in said
    assert "the operator observes" in said


def test_an_empty_kv_has_no_stacks(run: CommandLine) -> None:
    assert run("status").stdout == "no stacks\n"


def test_an_unknown_stack_is_an_error_with_a_suggestion(run: CommandLine) -> None:
    lead(run)
    put_status(run)
    result = run("status", "wikki")
    assert result.exit_code == 1
    assert result.stderr == "Error: there is no stack wikki; did you mean wiki?\n"


def test_an_unreadable_status_does_not_hide_the_others(run: CommandLine) -> None:
    lead(run)
    put_status(run)
    run.fake_kv.put("status/stacks/broken", "no JSON")
    assert "wiki" in run("status").stdout


def test_approve_names_the_plan_that_the_person_saw(run: CommandLine) -> None:
    put_status(run, plan="abc123")
    result = run("approve", "wiki")
    assert (result.exit_code, result.stdout) == (0, "wiki: approved plan abc123\n")
    request = Request.parse(run.fake_kv.entries[APPROVAL].value)
    assert request is not None
    assert request.digest == "abc123"
    assert request.who
    assert request.when is not None


def test_approve_where_nothing_waits_is_refused(run: CommandLine) -> None:
    put_status(run)
    result = run("approve", "wiki")
    assert result.exit_code == 1
    assert "nothing of wiki waits for approval" in result.stderr
    assert APPROVAL not in run.fake_kv.entries


def test_wait_ends_when_the_operator_took_the_request(run: CommandLine) -> None:
    put_status(run, plan="abc123")

    def take() -> None:
        run.fake_kv.delete(APPROVAL)

    timer = threading.Timer(0.2, take)
    timer.start()
    result = run("approve", "wiki", "--wait", "--timeout", "20s")
    timer.join()
    assert result.exit_code == 0
    assert "the operator took it" in result.stdout


def test_wait_ends_with_an_error_when_nobody_takes_it(run: CommandLine) -> None:
    put_status(run, plan="abc123")
    result = run("approve", "wiki", "--wait", "--timeout", "200ms")
    assert result.exit_code == 1
    assert "did not take the request within 0.2 s" in result.stderr
    assert APPROVAL in run.fake_kv.entries


@pytest.mark.parametrize("target", ["wiki", "wiki/web", "wiki/wiki_web"])
def test_retry_of_a_stack_or_a_service(run: CommandLine, target: str) -> None:
    put_status(run)
    assert run("retry", target).exit_code == 0
    assert f"desired/requests/retry/{target}" in run.fake_kv.entries


@pytest.mark.parametrize(
    ("target", "code", "said"),
    [
        ("wiki/nope", 1, "it has: db, web"),
        ("nope", 1, "knows no stack nope"),
        ("wiki/", 2, "STACK/SERVICE"),
        ("a/b/c", 2, "STACK/SERVICE"),
    ],
)
def test_retry_of_what_is_not_there(run: CommandLine, target: str, code: int, said: str) -> None:
    put_status(run)
    result = run("retry", target)
    assert result.exit_code == code
    assert said in result.stderr


def test_watch_shows_each_change_until_it_is_interrupted(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead(run)
    put_status(run, state="Reconciling")
    reads = 0
    watch = run.fake_kv.watch

    def watched(prefix: str, index: int, wait_s: float) -> KvTree:
        nonlocal reads
        reads += 1
        if reads == 2:
            put_status(run, state="Ready")
        if reads == 3:
            raise Unavailable("Consul is down")
        if reads == 5:
            raise KeyboardInterrupt
        return watch(prefix, index, min(wait_s, 0.01))

    monkeypatch.setattr(run.fake_kv, "watch", watched)
    result = run("status", "--watch")
    assert result.exit_code == 0
    states = [line.split()[1] for line in result.stdout.splitlines() if line.startswith("wiki")]
    assert states == ["Reconciling", "Ready", "Ready"]
    assert "Consul is down" in result.stderr
