"""`make run` as a new user has it: no root needed, no Docker on the PATH, nothing left behind."""

import json
import os
import re
import shutil
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from swarm_operator.cli.demo import found
from swarm_operator.clients.name_servers import Server, ZoneServers
from swarm_operator.simulation.faces.serve import Faces
from tests.simulation.demo import Demo, call, running, short_folder
from tests.simulation.served import ask, served

EXAMPLES = ("registry", "site", "voting-app", "wordpress")


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running("--plain", "--seed", "1") as made:
        for stack in EXAMPLES:
            made.wait_for(f"stack {stack}: Ready")
        yield made


def variable(demo: Demo, name: str) -> str:
    found = re.search(rf"{name}=(\S+)", demo.text)
    assert found
    return found[1]


def test_the_first_line_says_that_it_is_simulated(demo: Demo) -> None:
    first = demo.text.splitlines()[0]
    assert first.startswith("A simulated swarm of five nodes with an embedded KV")
    assert "nothing outside is touched" in first


def test_the_examples_run_and_the_lines_say_who_did_what(demo: Demo) -> None:
    assert "create service site_web: done; in the document, not on the swarm" in demo.text
    assert "task site_web.1 on " in demo.text
    stacks = demo.call(
        "status",
        DOCKER_HOST=variable(demo, "DOCKER_HOST"),
        CONSUL_HTTP_ADDR=variable(demo, "CONSUL_HTTP_ADDR"),
    )
    assert stacks.returncode == 0
    for stack in EXAMPLES:
        assert re.search(rf"^{stack} +Ready", stacks.stdout, re.MULTILINE)


def test_the_metrics_are_where_it_says(demo: Demo) -> None:
    found = re.search(r"metrics: http://127\.0\.0\.1:(\d+)/metrics", demo.text)
    assert found
    with socket.create_connection(("127.0.0.1", int(found[1])), timeout=5) as made:
        made.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: made.recv(65536), b""))
    assert b"200 OK" in answer
    assert b"reconcile_total" in answer


def test_a_route_is_live_in_the_worlds_traefik(demo: Demo) -> None:
    def state() -> str | None:
        told = {name: variable(demo, name) for name in ("DOCKER_HOST", "CONSUL_HTTP_ADDR")}
        stacks = json.loads(demo.call("routes", "-o", "json", **told).stdout)["stacks"]
        return next((s["routes"]["http/site"]["state"] for s in stacks if s["stack"] == "site"), "")

    demo.until(lambda: state() == "live", 20)
    address = re.search(r"Traefik's API: (http://\S+)", demo.text)
    assert address
    with urllib.request.urlopen(address[1], timeout=5) as answer:
        assert "site@consul" in {each["name"] for each in json.load(answer)}


def test_the_worlds_name_server_is_where_it_says(demo: Demo) -> None:
    found = re.search(r"names .*: dig @(\S+) -p (\d+) git\.(\S+)$", demo.text, re.MULTILINE)
    assert found
    (answer,) = ZoneServers({found[3]: [Server(found[1], int(found[2]))]}).ask(
        found[3], found[3], "SOA"
    )
    assert not answer.error


def test_the_header_says_how_to_see_routes_and_is_not_wrapped(demo: Demo) -> None:
    shown = demo.text.partition("Ctrl-C ends it all")[0].splitlines()[1:]
    found = re.search(r"routes, with the variables above: (\S+) routes$", demo.text, re.MULTILINE)
    assert found
    temporary = demo.environment["TMPDIR"]
    usual = [
        line.replace(found[1], ".venv/bin/swarm-operator").replace(temporary, "/tmp")
        for line in shown
    ]
    assert [line for line in usual if len(line) > 79] == []


def test_verbs_find_the_world_by_themselves(demo: Demo) -> None:
    nodes = demo.json("demo", "nodes")
    assert [node["hostname"] for node in nodes] == [
        "manager-1", "manager-2", "manager-3", "worker-1", "worker-2",
    ]  # fmt: skip


def test_a_foreign_hand_is_put_back(demo: Demo) -> None:
    done = demo.call("demo", "scale", "site_web=5")
    assert done.stdout == "site_web: 2 → 5 replicas\n"
    demo.wait_for("update service site_web: done; changed by another hand")


def test_a_node_dies_and_returns(demo: Demo) -> None:
    assert demo.call("demo", "kill", "worker-2").returncode == 0
    demo.wait_for("! worker-2 is off")
    demo.wait_for("node worker-2: ready → down")
    assert demo.call("demo", "return", "worker-2").returncode == 0
    demo.wait_for("node worker-2: down → ready")


def test_a_broken_image_is_rolled_back_and_mended(demo: Demo) -> None:
    assert demo.call("demo", "break", "nginx:9", "--how", "crash").returncode == 0
    edited = demo.call("demo", "edit", "site", "--image", "nginx:9")
    assert edited.stdout.endswith("image: nginx:1.28-alpine → nginx:9\n")
    demo.wait_for("stack site: Degraded, 2 of 2 tasks run (site_web: rolled back")
    assert demo.call("demo", "mend", "nginx:9").returncode == 0
    demo.call("demo", "edit", "site", "--image", "nginx:10")
    demo.until(lambda: demo.text.rindex("site: Ready") > demo.text.rindex("site: Degraded"))


def test_a_frozen_kv_is_said_and_thaws_by_itself(demo: Demo) -> None:
    assert demo.call("demo", "freeze", "kv", "--for", "2s").returncode == 0
    demo.wait_for("! the KV is frozen")
    demo.until(lambda: "frozen" not in demo.call("demo", "nodes").stderr, 10)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("kill", "wroker-1"), "there is no node wroker-1; did you mean worker-1?"),
        (("return", "worker-1"), "worker-1 is on"),
        (("kill", "manager-1"), "manager-1 is the manager that DOCKER_HOST leads to"),
        (("scale", "site_wbe=2"), "there is no service site_wbe; did you mean site_web?"),
        (("mend", "never-broken"), "never-broken is not broken"),
        (("thaw", "kv"), "kv is not frozen"),
        (("edit", "voting-app", "--image", "x"), "say which --service: vote, result"),
        (("edit", "no-such", "--image", "x"), "the KV holds no document of it"),
        (("return", "worker-1"), "worker-1 is on already"),
    ],
)
def test_what_cannot_be_is_said(demo: Demo, arguments: tuple[str, ...], text: str) -> None:
    done = demo.call("demo", *arguments)
    assert done.returncode == 1
    assert text in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("scale", "site_web=1001"), "1001 replicas are too many"),
        (("scale", f"site_web={'9' * 5000}"), "replicas are too many"),
        (("edit", "site", "--image", ""), "--image is empty"),
        (("break", ""), "IMAGE is empty"),
    ],
)
def test_what_makes_no_sense_is_refused(demo: Demo, arguments: tuple[str, ...], text: str) -> None:
    done = demo.call("demo", *arguments)
    assert done.returncode == 2
    assert text in done.stderr


def test_breaking_an_image_that_nothing_uses_is_said(demo: Demo) -> None:
    done = demo.call("demo", "break", "no-such:1")
    assert done.returncode == 0
    assert "no service uses no-such:1 now; there are: " in done.stderr
    assert demo.call("demo", "mend", "no-such:1").returncode == 0
    assert demo.call("demo", "break", "redis", "--how", "slow").stderr == ""  # any tag of it
    assert demo.call("demo", "mend", "redis").returncode == 0


def test_a_real_address_is_refused(demo: Demo) -> None:
    done = demo.call("demo", "kill", "worker-1", DOCKER_HOST="tcp://127.0.0.1:1")
    assert done.returncode == 1
    assert "is no simulated world, and `demo` does nothing to a real one" in done.stderr
    done = demo.call("demo", "nodes", DOCKER_HOST="unix:///nonexistent/docker.sock")
    assert done.returncode == 1
    assert "nothing answers" in done.stderr
    assert "There is a simulated world at" in done.stderr


def test_no_world_is_said() -> None:
    with running("--help") as demo:
        demo.process.wait(timeout=20)
        done = demo.call("demo", "nodes")
        assert done.returncode == 1
        assert "no simulated world runs here" in done.stderr


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=["SIGINT", "SIGTERM", "SIGHUP"]
)
def test_it_ends_within_seconds_and_leaves_nothing(number: int) -> None:
    with running("--plain", "--no-examples") as demo:
        demo.wait_for("node worker-2: ready")
        folder = Path(variable(demo, "DOCKER_HOST").removeprefix("unix://")).parent
        children = _children(demo.process.pid)
        assert len(children) == 1
        code, took_s = demo.end(number)
        assert (code, demo.text.splitlines()[-1]) == (0, "ended; nothing is left behind")
        assert took_s < 5
        assert not folder.exists()
        assert list(folder.parent.iterdir()) == []
        assert not [pid for pid in children if _is_alive(pid)]


def test_where_it_is_killed_the_operator_ends_too() -> None:
    with running("--plain", "--no-examples") as demo:
        demo.wait_for("node worker-2: ready")
        children = _children(demo.process.pid)
        demo.process.kill()
        demo.process.wait()
        end = time.monotonic() + 10
        while any(map(_is_alive, children)) and time.monotonic() < end:
            time.sleep(0.1)
        assert children
        assert not any(map(_is_alive, children))
        left = list(Path(demo.environment["TMPDIR"]).glob(f"{found.PREFIX}*"))
        assert len(left) == 1
        # The next world to come sweeps it away.
        new = found.new_folder({"XDG_RUNTIME_DIR": demo.environment["TMPDIR"]})
        assert not left[0].exists()
        shutil.rmtree(new)


def test_on_a_swarm_that_is_there_it_observes_and_writes_nothing() -> None:
    with served() as faces:
        real = {"DOCKER_HOST": faces.docker_host, "CONSUL_HTTP_ADDR": faces.consul_addr}
        with running("--plain", **real) as demo:
            demo.wait_for("node worker-2: ready")
            time.sleep(2)
            first = demo.text.splitlines()[0]
            assert first.startswith(f"A real swarm at {faces.docker_host}")
            assert "it is observed" in first
            assert "nothing is written to either" in first
            assert "pushed" not in demo.text
            assert _children(demo.process.pid) == []
            refused = demo.call("demo", "nodes")
            assert refused.returncode == 0  # these are simulated, as it happens
            assert demo.end(signal.SIGINT)[0] == 0
            assert demo.text.splitlines()[-1] == "ended; nothing is left behind"
        assert faces.call(faces.engine_requests.written) == []
        assert faces.call(faces.consul_requests.written) == []
        assert list(faces.call(faces.world.kv.store.keys)) == []


def test_with_a_mode_an_operator_runs_there_and_what_it_leaves_is_said() -> None:
    with served() as faces:
        real = {"DOCKER_HOST": faces.docker_host, "CONSUL_HTTP_ADDR": faces.consul_addr}
        with running("--plain", SWARM_OPERATOR_MODE="observe", **real) as demo:
            demo.wait_for("node worker-2: ready")
            demo.until(lambda: any("status/" in key for key in _keys(faces)))
            assert "writes nothing to the swarm, and takes the lease" in demo.text.splitlines()[0]
            assert demo.end(signal.SIGINT)[0] == 0
            last = demo.text.splitlines()[-1]
        assert faces.call(faces.engine_requests.written) == []
        left = [key.partition("/")[2] for key in _keys(faces)]
        assert left
        said = ("desired/.installation", "lock/leader", "status/")
        assert all(key.startswith(said) for key in left)
        assert all(each in last for each in said)


def test_with_examples_it_pushes_them_and_still_observes() -> None:
    with served() as faces:
        real = {"DOCKER_HOST": faces.docker_host, "CONSUL_HTTP_ADDR": faces.consul_addr}
        with running("--plain", EXAMPLES="1", **real) as demo:
            demo.wait_for("stack wordpress: Planned (an operator would create ")
            assert demo.end(signal.SIGINT)[0] == 0
            assert "the example stacks are pushed to Consul" in demo.text.splitlines()[0]
            assert "the example stacks below desired/" in demo.text.splitlines()[-1]
        assert faces.call(faces.engine_requests.written) == []
        keys = faces.call(faces.world.kv.store.keys)
        assert any(key.endswith("desired/stacks/site/compose.yaml") for key in keys)


def test_beside_an_operator_that_leads_none_is_started(demo: Demo) -> None:
    real = {name: variable(demo, name) for name in ("DOCKER_HOST", "CONSUL_HTTP_ADDR")}
    with running("--plain", **real) as second:
        second.wait_for("an operator leads there already")
        second.wait_for("node worker-1: ready")
        assert _children(second.process.pid) == []
        assert second.end(signal.SIGINT)[0] == 0


def test_half_an_address_is_not_used_and_said() -> None:
    with running("--plain", "--no-examples", DOCKER_HOST="unix:///nonexistent.sock") as demo:
        demo.wait_for("environment variable DOCKER_HOST is not used")
        assert demo.text.startswith("A simulated swarm")
        demo.wait_for("Ctrl-C ends it all")
        assert demo.end(signal.SIGINT)[0] == 0


def test_without_aiohttp_it_says_what_to_install() -> None:
    with short_folder() as folder, short_folder() as modules:
        (modules / "aiohttp.py").write_text("raise ModuleNotFoundError('aiohttp', name='aiohttp')")
        environment = {
            "PATH": "/nonexistent", "TMPDIR": str(folder), "HOME": str(folder),
            "PYTHONPATH": os.pathsep.join([str(modules), os.environ.get("PYTHONPATH", "")]),
        }  # fmt: skip
        for verb in ("run", "story"):
            done = call("demo", verb, environment=environment)
            assert done.returncode == 1
            assert "pip install 'swarm-operator[simulation]'" in done.stderr
            assert "Traceback" not in done.stderr


def test_the_control_path_is_no_part_of_a_real_engine() -> None:
    """A real engine answers 404 to it; so does this face to what is no verb."""
    with served() as faces:
        assert ask(faces, "GET", "/simulation/nothing")[0] == 404


def _keys(faces: Faces) -> list[str]:
    return list(faces.call(faces.world.kv.store.keys))


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(each) for each in found]


def _is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
