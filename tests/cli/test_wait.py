"""`push --wait`: which status ends it, with which exit code, and what is shown meanwhile."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from desired_state.records import Condition, ServiceStatus, SpecMemory, SpecRecord, StackStatus
from swarm_operator.cli import kv_folder, progress, rollout
from swarm_operator.cli.rollout import Goal, Verdict, judge
from swarm_operator.observed.errors import Unavailable
from swarm_operator.observed.kv import KvEntry, KvTree
from tests.cli.conftest import CommandLine
from tests.cli.fake_kv import FakeKv

STATUS = "status/stacks/wiki"


def status(state: str, revision: str = "new", reason: str = "", message: str = "") -> StackStatus:
    return StackStatus(
        stack="wiki",
        state=state,
        reason=reason,
        message=message,
        revision=revision,
        since=datetime.now(UTC),
        services={"wiki_web": ServiceStatus(state=state, running=1, wanted=2)},
    )


@pytest.mark.parametrize(
    ("state", "reason", "verdict"),
    [
        ("Ready", "Converged", Verdict.READY),
        ("Degraded", "RolledBack", Verdict.FAILED),
        ("Degraded", "UpdatePaused", Verdict.FAILED),
        ("Degraded", "TaskErrors", Verdict.UNDECIDED),
        ("Invalid", "DocumentRefused", Verdict.FAILED),
        ("Blocked", "NetworkChanged", Verdict.FAILED),
        ("Failed", "ActionFailed", Verdict.FAILED),
        ("Reconciling", "Converging", Verdict.UNDECIDED),
        ("Paused", "Paused", Verdict.UNDECIDED),
        ("Held", "NeedsApproval", Verdict.UNDECIDED),
    ],
)
def test_the_verdict_of_a_status(state: str, reason: str, verdict: Verdict) -> None:
    entry = KvEntry(status(state, reason=reason).encode(), 7)
    assert judge(Goal("wiki", "new", index=5), entry, is_rejected=True) is verdict


def test_a_service_that_still_rolls_back_from_an_older_spec_decides_nothing() -> None:
    entry = KvEntry(status("Degraded", reason="RolledBack").encode(), 7)
    assert judge(Goal("wiki", "new", index=5), entry, is_rejected=False) is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("state", "index", "verdict"),
    [
        ("Ready", 9, Verdict.UNDECIDED),
        ("Degraded", 9, Verdict.UNDECIDED),
        ("Invalid", 9, Verdict.FAILED),
        ("Invalid", 3, Verdict.UNDECIDED),
    ],
)
def test_a_status_of_another_revision(state: str, index: int, verdict: Verdict) -> None:
    entry = KvEntry(status(state, "old", "RolledBack").encode(), index)
    assert judge(Goal("wiki", "new", index=5), entry, is_rejected=True) is verdict


def test_no_status_and_an_unreadable_one_decide_nothing() -> None:
    for entry in (None, KvEntry(b"no JSON", 7)):
        assert judge(Goal("wiki", "new"), entry, is_rejected=True) is Verdict.UNDECIDED


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "SETTLE_S", 0.2)
    monkeypatch.setattr("swarm_operator.cli.waiting.after_an_outage", lambda: None)


@contextmanager
def operator(kv: FakeKv, act: Callable[[str], None]) -> Iterator[None]:
    """Calls `act` with the revision once something was pushed."""
    kv.hold("lock/leader")
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.01):
            if revision := kv_folder.read(kv, "wiki").revision:
                act(revision)
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_ready_is_exit_code_0(run: CommandLine, wiki: Path) -> None:
    run("init")
    kv = run.fake_kv
    kv.put(STATUS, status("Ready", "an old one").encode())

    def act(revision: str) -> None:
        kv.put(STATUS, status("Reconciling", revision, message="wiki_web: 1 of 2").encode())
        threading.Event().wait(0.1)
        kv.put(STATUS, status("Ready", revision).encode())

    with operator(kv, act):
        result = run("push", wiki, "--wait", "--timeout", "20s")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == "wiki: Reconciling: wiki_web: 1 of 2\nwiki: Ready\n"
    assert "wiki: Ready with revision" in result.stdout
    unchanged = run("push", wiki, "--wait")
    assert unchanged.exit_code == 0
    assert unchanged.stdout.startswith("wiki: unchanged\nwiki: Ready")


def test_ready_with_routes_that_are_refused_is_exit_code_0_and_a_warning(
    run: CommandLine, wiki: Path
) -> None:
    run("init")
    kv = run.fake_kv
    said = "http/wiki is rejected:\nservice wiki_web, label x: is unknown"

    def act(revision: str) -> None:
        now = datetime.now(UTC)
        ready = Condition(type="Ready", status="True", reason="Converged", since=now)
        routed = Condition(
            type="Routed", status="False", reason="RouteRejected", message=said, since=now
        )
        found = status("Ready", revision, message=said)
        kv.put(STATUS, found.model_copy(update={"conditions": (ready, routed)}).encode())

    with operator(kv, act):
        result = run("push", wiki, "--wait", "--timeout", "20s")
    assert result.exit_code == 0, result.stderr
    assert "wiki: Ready with revision" in result.stdout
    warning = "Warning: wiki: not Routed (RouteRejected): http/wiki is rejected: service wiki_web"
    assert warning in result.stderr


def test_a_first_moment_that_looks_like_before_is_no_verdict(run: CommandLine, wiki: Path) -> None:
    run("init")
    kv = run.fake_kv

    def act(revision: str) -> None:
        kv.put(STATUS, status("Ready", revision).encode())
        threading.Event().wait(0.05)
        kv.put(STATUS, status("Degraded", revision, "RolledBack", "web: exit 1").encode())
        threading.Event().wait(0.05)
        rejected = SpecRecord(sent="a", rejected="a", reason="rolled back")
        kv.put("status/specs/wiki", SpecMemory(services={"wiki_web": rejected}).encode())

    with operator(kv, act):
        result = run("push", wiki, "--wait", "--timeout", "20s")
    assert result.exit_code == 1
    assert "Error: wiki: Degraded (RolledBack): web: exit 1" in result.stderr


def test_what_is_not_decided_in_time_is_exit_code_3(run: CommandLine, wiki: Path) -> None:
    run("init")
    kv = run.fake_kv

    def act(revision: str) -> None:
        text = "wiki_web: No such image: nginx:9"
        kv.put(STATUS, status("Degraded", revision, "TaskErrors", text).encode())

    with operator(kv, act):
        result = run("push", wiki, "--wait", "--timeout", "500ms")
    assert result.exit_code == 3
    assert "not decided within 0.5 s: Degraded (TaskErrors): wiki_web: No such" in result.stderr


def test_without_an_operator_that_is_said(run: CommandLine, wiki: Path) -> None:
    run("init")
    result = run("push", wiki, "--wait", "--timeout", "100ms")
    assert result.exit_code == 3
    assert "no operator holds the lease" in result.stderr
    assert progress.UNSEEN in result.stderr


def test_an_outage_meanwhile_is_waited_out(
    run: CommandLine, wiki: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("init")
    kv = run.fake_kv
    watch, calls = kv.watch, 0

    def watched(prefix: str, index: int, wait_s: float) -> KvTree:
        nonlocal calls
        calls += 1
        if calls in {2, 3}:
            raise Unavailable("Consul is down")
        return watch(prefix, index, wait_s)

    monkeypatch.setattr(kv, "watch", watched)

    def act(revision: str) -> None:
        threading.Event().wait(0.1)
        kv.put(STATUS, status("Ready", revision).encode())

    with operator(kv, act):
        result = run("push", wiki, "--wait", "--timeout", "20s")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("Consul is down") == 1


def test_of_several_stacks_the_worst_counts(run: CommandLine, wiki: Path, tmp_path: Path) -> None:
    blog = tmp_path / "blog"
    blog.mkdir()
    (blog / "compose.yaml").write_text("services: {web: {image: busybox}}\n")
    run("init")
    kv = run.fake_kv

    def act(revision: str) -> None:
        kv.put(STATUS, status("Failed", revision, "ActionFailed").encode())

    with operator(kv, act):
        result = run("push", blog, wiki, "--wait", "--timeout", "1s")
    assert result.exit_code == 1
    assert "Error: wiki: Failed (ActionFailed)" in result.stderr
    assert "Error: blog: not decided within 1 s" in result.stderr


def test_the_revision_is_that_of_the_folder_in_the_kv(run: CommandLine, wiki: Path) -> None:
    """A `.env` that changes nothing stays at home: the revision of the disk is another one."""
    (wiki / "compose.yaml").write_text("services: {web: {image: busybox}}\n")
    run("init")
    kv = run.fake_kv

    def act(revision: str) -> None:
        kv.put(STATUS, status("Ready", revision).encode())

    with operator(kv, act):
        assert run("push", wiki, "--wait", "--timeout", "20s").exit_code == 0


def test_nothing_is_waited_for_after_a_dry_run(run: CommandLine, wiki: Path) -> None:
    assert run("push", wiki, "--dry-run", "--wait").exit_code == 2


def test_a_terminal_gets_a_table_with_bars() -> None:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(progress._table({"wiki": status("Reconciling"), "blog": None}))
    shown = captured.get()
    assert "█████░░░░░ 1/2" in shown
    assert progress.UNSEEN in shown
