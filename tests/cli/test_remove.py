"""`remove`: the tombstone and the folder's end are one transaction."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from desired_state.records import StackStatus, Tombstone
from tests.cli.conftest import CommandLine

TOMBSTONE = "desired/removed/wiki"


@pytest.fixture
def with_wiki(run: CommandLine, wiki: Path) -> CommandLine:
    assert run("push", wiki).exit_code == 0
    run.fake_kv.put("desired/stacks/wikipedia/compose.yaml", "services: {}")
    run.fake_kv.commits.clear()
    return run


def test_the_folder_goes_and_a_tombstone_comes_at_once(with_wiki: CommandLine) -> None:
    result = with_wiki("remove", "wiki", "--why", "moved")
    assert (result.exit_code, result.stderr) == (0, "")
    kv = with_wiki.fake_kv
    assert len(kv.commits) == 1
    assert kv.read("desired/stacks/wiki/").entries == {}
    tombstone = Tombstone.parse(kv.entries[TOMBSTONE].value)
    assert tombstone is not None
    assert (tombstone.why, bool(tombstone.who)) == ("moved", True)
    assert tombstone.when is not None
    assert "desired/stacks/wikipedia/compose.yaml" in kv.entries


def test_a_name_that_is_no_stack_is_refused(with_wiki: CommandLine) -> None:
    result = with_wiki("remove", "wikki")
    assert result.exit_code == 1
    assert result.stderr == "Error: there is no stack wikki in the KV; did you mean wiki?\n"
    assert with_wiki.fake_kv.commits == []


def test_a_stack_whose_folder_vanished_can_still_be_removed(run: CommandLine) -> None:
    status = StackStatus(stack="wiki", state="Missing", since=datetime.now(UTC))
    run.fake_kv.put("status/stacks/wiki", status.encode())
    result = run("remove", "wiki")
    assert result.exit_code == 0
    assert "no folder was left" in result.stdout
    assert TOMBSTONE in run.fake_kv.entries


def test_on_a_terminal_a_person_is_asked(
    with_wiki: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swarm_operator.cli.remove.is_terminal", lambda: True)
    assert with_wiki("remove", "wiki", stdin="n\n").exit_code == 1
    assert with_wiki.fake_kv.commits == []
    assert with_wiki("remove", "wiki", "--yes").exit_code == 0
    assert not sys.stdin.isatty()


def test_a_push_after_the_removal_brings_the_folder_back(
    with_wiki: CommandLine, wiki: Path
) -> None:
    with_wiki("remove", "wiki")
    assert with_wiki("push", wiki).exit_code == 0
    kv = with_wiki.fake_kv
    document = kv.entries["desired/stacks/wiki/compose.yaml"]
    assert document.modify_index > kv.entries[TOMBSTONE].modify_index, "the younger wins"
