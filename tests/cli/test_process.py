"""The command as a process of its own: exit codes, streams, signals."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-m", "swarm_operator")
NOWHERE = {"CONSUL_HTTP_ADDR": "127.0.0.1:1", "DOCKER_HOST": "unix:///nonexistent/docker.sock"}


def environment(**variables: str) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SWARM_OPERATOR_", "CONSUL_", "DOCKER_"))
    }
    return {**inherited, **NOWHERE, **variables}


def call(*arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(**variables),
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("version",), 0),
        (("--help",), 0),
        (("settings",), 0),
        (("nonsense",), 2),
        (("render",), 2),
        (("render", "-"), 2),
        (("validate", "/nonexistent"), 1),
        (("status",), 1),
        (("plan",), 1),
        (("init",), 1),
        (("--root", "a//b", "status"), 1),
    ],
)
def test_exit_codes_without_a_traceback(arguments: tuple[str, ...], code: int) -> None:
    done = call(*arguments)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    if code:
        assert done.stdout == ""
        assert "Error: " in done.stderr


def test_an_outage_says_what_does_not_answer_and_where() -> None:
    assert call("status").stderr.splitlines()[1:] == [
        "  consul.address: http://127.0.0.1:1 (environment variable CONSUL_HTTP_ADDR)"
    ]
    assert "/nonexistent/docker.sock" in call("init").stderr


def test_a_document_from_a_pipe() -> None:
    done = call("render", "-", "--stack", "s", stdin="services: {web: {image: busybox}}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "s_web" in json.loads(done.stdout)["services"]


def test_a_reader_that_hangs_up_is_no_traceback() -> None:
    with subprocess.Popen(
        [*COMMAND, "settings"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_there_for_each_shell(shell: str) -> None:
    if shell == "bash" and not Path("/bin/bash").exists():
        pytest.skip("bash is not installed: click asks it for its version")
    done = call(_SWARM_OPERATOR_COMPLETE=f"{shell}_source")
    assert done.returncode == 0
    assert "swarm-operator" in done.stdout


def test_verbs_are_completed() -> None:
    done = call(
        _SWARM_OPERATOR_COMPLETE="bash_complete", COMP_WORDS="swarm-operator re", COMP_CWORD="1"
    )
    assert done.stdout.split() == [
        f"plain,{verb}" for verb in ("render", "retry", "redeploy", "resume", "rebalance", "remove")
    ]


class Daemon:
    """`swarm-operator run` with nothing to talk to."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self._log = log

    def events(self) -> list[Mapping[str, str]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def wait_for(self, event: str) -> Mapping[str, str]:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            for found in self.events():
                if found["event"] == event:
                    return found
            assert self.process.poll() is None, self._log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"no event {event}: {self._log.read_text()}")

    def get(self, path: str) -> tuple[int, str]:
        host, _, port = self.wait_for("started")["listen"].rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        return response.status, body

    def wait_until(self, path: str, status: int, said: str) -> None:
        end = time.monotonic() + 60
        while (answer := self.get(path))[0] != status or said not in answer[1]:
            assert time.monotonic() < end, answer
            time.sleep(0.1)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    log = tmp_path / "log"
    with (
        log.open("w") as stream,
        subprocess.Popen(
            [*COMMAND, "run", "--listen", "127.0.0.1:0"],
            stderr=stream,
            text=True,
            env=environment(),
        ) as process,
    ):
        yield Daemon(process, log)
        process.kill()


def test_the_daemon_waits_for_the_world_says_so_and_ends_on_sigterm(daemon: Daemon) -> None:
    started = daemon.wait_for("started")
    assert started["mode"] == "act"
    assert "127.0.0.1:1" in daemon.wait_for("Consul does not answer yet")["why"]
    assert "docker.sock" in daemon.wait_for("Docker does not answer yet")["why"]
    daemon.wait_for("the KV cannot be read")
    daemon.wait_until("/readyz", 503, "127.0.0.1:1")
    daemon.wait_until("/livez", 200, "ok")
    metrics = daemon.get("/metrics")[1]
    assert "\nswarm_operator_leader 0.0\n" in metrics
    assert 'swarm_operator_watch_connected{source="consul"} 0.0' in metrics
    begin = time.monotonic()
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(10) == 0
    assert time.monotonic() - begin < 5
    events = [event["event"] for event in daemon.events()]
    assert events[-1] == "stopped"
    assert "stopping" in events


def test_a_taken_port_ends_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = call("run", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == 1
    assert "another process has this port" in done.stderr
    assert "Traceback" not in done.stderr
