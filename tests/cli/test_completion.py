"""Completion of stacks and services: what the KV knows, quickly, or nothing."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from socket import create_server

import pytest
from click.shell_completion import ShellComplete

from swarm_operator.cli.main import cli
from swarm_operator.observed.errors import Unavailable
from tests.cli.conftest import CommandLine
from tests.cli.test_process import environment
from tests.cli.test_status import put_status


def complete(run: CommandLine, *words: str) -> list[str]:
    *before, last = words
    shell = ShellComplete(cli, {"obj": run}, "swarm-operator", "_SWARM_OPERATOR_COMPLETE")
    return [item.value for item in shell.get_completions(before, last)]


@pytest.fixture
def known(run: CommandLine) -> CommandLine:
    put_status(run)
    put_status(run, "blog")
    run.fake_kv.put("status/stacks/broken", "no JSON")
    return run


@pytest.mark.parametrize(
    "verb",
    [
        *("status", "plan", "diff", "remove", "approve", "retry", "redeploy"),
        *("pause", "resume", "history", "rollback", "events"),
    ],
)
def test_stacks_are_completed(known: CommandLine, verb: str) -> None:
    assert complete(known, verb, "") == ["blog", "wiki"]
    assert complete(known, verb, "w") == ["wiki"]


def test_where_a_path_begins_the_shell_knows_the_folders(known: CommandLine) -> None:
    shell = ShellComplete(cli, {"obj": known}, "swarm-operator", "_SWARM_OPERATOR_COMPLETE")
    assert [item.type for item in shell.get_completions(["diff"], "./w")] == ["dir"]


def test_of_several_each_once(known: CommandLine) -> None:
    assert complete(known, "plan", "wiki", "") == ["blog"]


@pytest.mark.parametrize("verb", ["retry", "redeploy"])
def test_services_of_a_stack(known: CommandLine, verb: str) -> None:
    assert complete(known, verb, "wiki/") == ["wiki/db", "wiki/web"]
    assert complete(known, verb, "wiki/w") == ["wiki/web"]
    assert complete(known, verb, "nope/") == []


def test_full_names_of_services(known: CommandLine) -> None:
    assert complete(known, "why", "wiki_") == ["wiki_db", "wiki_web"]


def test_without_an_answer_there_is_nothing(
    known: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_prefix: str) -> None:
        raise Unavailable("Consul is down")

    monkeypatch.setattr(known.fake_kv, "read", away)
    assert complete(known, "status", "") == []


@contextmanager
def deaf_consul() -> Iterator[str]:
    with create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("is_deaf", [False, True])
def test_a_consul_that_does_not_answer_is_silence(is_deaf: bool) -> None:
    with deaf_consul() as address:
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "swarm_operator"],
            env=environment(
                _SWARM_OPERATOR_COMPLETE="bash_complete",
                COMP_WORDS="swarm-operator status ",
                COMP_CWORD="2",
                CONSUL_HTTP_ADDR=address if is_deaf else "127.0.0.1:1",
            ),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert (done.stdout.strip(), done.stderr) == ("", "")
    assert time.monotonic() - started < 8


def test_wrong_settings_are_silence(known: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSUL_HTTP_ADDR", "ftp://nowhere")
    assert complete(known, "status", "") == []
