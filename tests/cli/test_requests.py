"""`pause`, `resume`, `redeploy`, and the `schema`: small wishes and one big answer."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from desired_state.records import Request
from desired_state.schema import json_schema
from tests.cli.conftest import CommandLine
from tests.cli.test_status import put_status

PAUSE = "desired/requests/pause/wiki"


@pytest.fixture
def pushed(run: CommandLine, wiki: Path) -> CommandLine:
    run("init")
    run("push", wiki)
    return run


def request(run: CommandLine, key: str) -> Request:
    found = Request.parse(run.fake_kv.entries[key].value)
    assert found is not None
    return found


def test_pause_writes_who_why_and_until(pushed: CommandLine) -> None:
    result = pushed("pause", "wiki", "--reason", "backup runs", "--until", "2h")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("wiki: paused until 2")
    written = request(pushed, PAUSE)
    assert written.reason == "backup runs"
    assert written.who
    assert written.until is not None
    left = written.until - datetime.now(UTC)
    assert timedelta(hours=1, minutes=59) < left <= timedelta(hours=2)


def test_the_plan_honours_it(pushed: CommandLine) -> None:
    pushed("pause", "wiki", "--reason", "backup runs")
    shown = pushed("plan", "wiki").stdout
    assert "held (Paused): paused by" in shown
    assert "backup runs" in shown
    pushed("resume", "wiki")
    assert "held" not in pushed("plan", "wiki").stdout


@pytest.mark.parametrize("text", ["2100-01-31T18:00:00Z", "2100-01-31T19:00:00+01:00"])
def test_a_moment_is_taken_with_its_zone(pushed: CommandLine, text: str) -> None:
    pushed("pause", "wiki", "--reason", "x", "--until", text)
    assert request(pushed, PAUSE).until == datetime(2100, 1, 31, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--reason", "x", "--until", "2100-01-31T18:00:00"), "no time zone"),
        (("--reason", "x", "--until", "2000-01-31T18:00:00Z"), "over already"),
        (("--reason", "x", "--until", "0s"), "over already"),
        (("--reason", "x", "--until", "soon"), "neither a moment"),
        (("--reason", "x", "--until", "99999999999999d"), "too long"),
        (("--reason", " "), "--reason is empty"),
        ((), "--reason"),
    ],
)
def test_a_pause_that_makes_no_sense(
    pushed: CommandLine, arguments: tuple[str, ...], said: str
) -> None:
    result = pushed("pause", "wiki", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert PAUSE not in pushed.fake_kv.entries


def test_a_second_pause_says_what_it_replaces(pushed: CommandLine) -> None:
    pushed("pause", "wiki", "--reason", "backup runs")
    result = pushed("pause", "wiki", "--reason", "disk is full")
    assert "in place of the pause by" in result.stdout
    assert "backup runs" in result.stdout
    assert request(pushed, PAUSE).reason == "disk is full"


@pytest.mark.parametrize("arguments", [("pause", "wikki", "--reason", "x"), ("resume", "wikki")])
def test_an_unknown_stack_is_a_slip(pushed: CommandLine, arguments: tuple[str, ...]) -> None:
    result = pushed(*arguments)
    assert result.exit_code == 1
    assert "there is no stack wikki in the KV; did you mean wiki?" in result.stderr


def test_resume_ends_it_and_says_whose_it_was(pushed: CommandLine) -> None:
    pushed("pause", "wiki", "--reason", "backup runs")
    result = pushed("resume", "wiki")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("wiki: resumed; it was paused by ")
    assert PAUSE not in pushed.fake_kv.entries
    assert pushed("resume", "wiki").stdout == "wiki: was not paused\n"


def test_resume_of_a_document_that_pauses_says_so(pushed: CommandLine) -> None:
    kv = pushed.fake_kv
    text = kv.entries["desired/stacks/wiki/compose.yaml"].value.decode()
    text += "x-operator: {sync: {paused: {reason: holidays}}}\n"
    kv.put("desired/stacks/wiki/compose.yaml", text)
    result = pushed("resume", "wiki")
    assert result.exit_code == 1
    assert "wiki is paused by its own document (holidays)" in result.stderr
    pushed("pause", "wiki", "--reason", "backup runs")
    both = pushed("resume", "wiki")
    assert both.exit_code == 0
    assert "Warning: wiki is paused by its own document (holidays)" in both.stderr


@pytest.mark.parametrize("target", ["wiki", "wiki/web"])
def test_redeploy_asks_the_operator(run: CommandLine, target: str) -> None:
    put_status(run)
    result = run("redeploy", target)
    assert (result.exit_code, result.stdout) == (0, f"{target}: to be restarted\n")
    assert request(run, f"desired/requests/redeploy/{target}").who


def test_redeploy_of_what_is_not_there(run: CommandLine) -> None:
    put_status(run)
    assert "it has: db, web" in run("redeploy", "wiki/nope").stderr
    assert run("redeploy", "wiki/").exit_code == 2
    result = run("redeploy", "wiki", "--wait", "--timeout", "50ms")
    assert result.exit_code == 1
    assert "did not take the request" in result.stderr


def test_the_schema_is_json(run: CommandLine) -> None:
    result = run("schema")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == json_schema()
    assert "x-operator" in json.loads(result.stdout)["properties"]
