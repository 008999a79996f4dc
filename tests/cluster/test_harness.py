"""The harness itself: what it starts is real, and nothing of it stays."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.cluster.harness import Lab, eventually, paths, teardown
from tests.cluster.traces import traces_of

_OWNER = """
import sys, time
from tests.cluster.harness import Lab
lab = Lab.start(1, 1, sys.argv[1], sys.argv[2])
lab.load_images()
lab.consul.start(dev=True)
lab.docker_cli(1, "run", "-d", "lab/sleep:1")
print("guarded by", lab._guardian.process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def quick(engine: str) -> Iterator[Lab]:
    """A lab where a silent node is Down after 3 s, to wait less."""
    with Lab.start(3, 1, engine, heartbeat_s=1) as made:
        made.load_images()
        yield made


@pytest.fixture
def owner(engine: str) -> Iterator[Callable[[str], "subprocess.Popen[str]"]]:
    """Return a function that starts a process which owns a lab of this name."""
    started: list[subprocess.Popen[str]] = []

    def start(name: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", _OWNER, engine, name],
            cwd=paths.CHECKOUT,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_lab_leaves_nothing_behind(lab: Callable[..., Lab]) -> None:
    made = lab(nodes=2)
    made.load_images()
    made.consul.start(dev=True)
    with made.consul_proxy() as proxy:
        made.client.run(["curl", "-sf", f"{proxy.url}/v1/status/leader"])
    made.docker_cli(2, "run", "-d", "lab/sleep:1")
    assert len(traces_of(made.name)) > 10, "what is looked for must be findable"
    made.down()
    assert traces_of(made.name) == []


def test_a_lab_whose_owner_is_killed_leaves_nothing_behind(
    owner: Callable[[str], "subprocess.Popen[str]"],
) -> None:
    process = owner("killed-owner")
    assert process.stdout is not None
    assert "guarded" in process.stdout.readline()
    assert traces_of("killed-owner")
    process.kill()
    eventually(lambda: not traces_of("killed-owner"), 20, "the guardian should take it down")


def test_a_lab_without_a_guardian_is_garbage_and_others_are_not(
    quick: Lab, owner: Callable[[str], "subprocess.Popen[str]"]
) -> None:
    process = owner("killed-both")
    assert process.stdout is not None
    guardian = int(process.stdout.readline().split()[-1])
    assert "killed-both" not in teardown.collect_garbage(), "it has an owner"
    os.kill(guardian, signal.SIGKILL)
    process.kill()
    process.wait()
    assert traces_of("killed-both")
    eventually(lambda: "killed-both" in teardown.collect_garbage(), 10, "it has no owner any more")
    assert traces_of("killed-both") == []
    assert quick.engine_version
    quick.wait_until_ready()


def test_labs_run_side_by_side(lab: Callable[..., Lab]) -> None:
    with ThreadPoolExecutor() as pool:
        one, two = pool.map(lambda _: lab(nodes=2), range(2))
    for made in (one, two):
        made.wait_until_ready()
        made.consul.start(dev=True)
        made.consul.client().kv.put("who", made.name)
    assert one.manager.address != two.manager.address
    assert one.manager.docker.info()["Swarm"]["NodeID"] not in [n["ID"] for n in two.node_objects()]
    for made in (one, two):
        assert made.consul.client().kv.get("who")[1]["Value"].decode() == made.name


def test_a_node_loses_power_and_returns(quick: Lab) -> None:
    node = quick.node(3)
    quick.docker_cli(1, *_service("web", "lab/web:1", replicas=3))
    quick.wait_until_running("web", 3)
    node.power_off()
    assert not node.is_on
    quick.wait_until_node_is(node, "down", within=15)
    eventually(lambda: node.hostname not in quick.hosts_of("web"), 15, "its task goes elsewhere")
    node.power_on()
    quick.wait_until_node_is(node, "ready", within=15)
    assert node.containers() == [], "what ran when the power failed is dead"
    assert node.exec(["hostname"]).stdout.strip() == node.hostname
    quick.docker_cli(1, "service", "update", "-d", "--force", "--no-resolve-image", "web")
    eventually(lambda: node.hostname in quick.hosts_of("web"), 30, "it can run tasks again")
    quick.reset()
    assert quick.service_containers() == []


def test_a_cable_is_cut_and_healed(quick: Lab) -> None:
    node = quick.node(2)

    def reachable() -> bool:
        ping = ["busybox", "ping", "-c", "1", "-W", "1", node.address]
        return quick.client.run(ping, check=False).returncode == 0

    assert reachable()
    node.cut()
    quick.wait_until_node_is(node, "down", within=15)
    assert node.is_on
    node.power_off()
    node.boot()  # without waiting: the engine looks 20 s for the swarm before it answers
    assert not reachable(), "a cut cable stays cut over a power cycle"
    node.heal()
    assert eventually(reachable)
    node.wait_until_answering()
    quick.wait_until_node_is(node, "ready", within=15)


def test_several_managers(lab: Callable[..., Lab]) -> None:
    made = lab(nodes=3, managers=3)

    def reachable() -> bool:
        states = [n["ManagerStatus"]["Reachability"] for n in made.node_objects()]
        return states == ["reachable"] * 3

    eventually(reachable, 10, "all managers should be reachable")


def test_consul_dies_freezes_forgets(swarm: Lab) -> None:
    consul = swarm.consul
    keys = consul.client().kv
    keys.put("kept", "x")
    consul.kill()
    assert not consul.is_running
    with pytest.raises(requests.RequestException):
        requests.get(f"{consul.url}/v1/kv/kept", timeout=1)
    consul.restart()
    assert keys.get("kept")[1]["Value"] == b"x", "its data is on disk"
    consul.freeze()
    with pytest.raises(requests.Timeout):
        requests.get(f"{consul.url}/v1/kv/kept", timeout=0.5)
    consul.thaw()
    assert keys.get("kept")[1]["Value"] == b"x"
    consul.wipe()
    assert keys.get("", recurse=True)[1] is None
    keys.put("lost", "x")
    consul.lose_data()
    consul.restart()
    assert keys.get("", recurse=True)[1] is None


def test_consul_with_access_control(lab: Callable[..., Lab]) -> None:
    made = lab(nodes=1)
    made.consul.start(acl=True)
    assert made.consul.client().kv.put("a", "b")
    url = f"{made.consul.url}/v1/kv/a"
    assert requests.put(url, data="c", timeout=5).status_code == 403
    inside = made.client.run(["curl", "-s", "-H", f"X-Consul-Token: {made.consul.token}",
                              f"{made.consul.url_in_lab}/v1/kv/a?raw"])  # fmt: skip
    assert inside.stdout == "b"


def test_the_standard_images_do_what_they_say(swarm: Lab) -> None:
    published = "mode=host,target=80,published=8080"
    swarm.docker_cli(1, *_service("web", "lab/web:2", f"--publish={published}"))
    for image in ("sleep", "crash", "stubborn", "slow"):
        swarm.docker_cli(2, "create", "--name", image, f"lab/{image}:1")
        swarm.docker_cli(2, "start", image)
    engine = swarm.node(2).docker
    assert engine.wait("crash")["StatusCode"] == 1
    stopped_at = time.monotonic()
    engine.stop("sleep", timeout=10)
    assert time.monotonic() - stopped_at < 3, "it ends at once"
    engine.stop("stubborn", timeout=1)
    assert engine.inspect_container("stubborn")["State"]["ExitCode"] == 137

    def health() -> str:
        return str(engine.inspect_container("slow")["State"]["Health"]["Status"])

    assert health() == "starting"
    eventually(lambda: health() == "healthy", 15, "it should serve after 3 s")

    (task,) = swarm.wait_until_running("web", 1)
    (host,) = [node for node in swarm.nodes if node.hostname in swarm.hosts_of("web")]
    address, port = swarm.forward(host.address, 8080)
    assert requests.get(f"http://{address}:{port}/", timeout=5).text == "v2\n"
    name = requests.get(f"http://{address}:{port}/cgi-bin/hostname", timeout=5).text.strip()
    assert task["Status"]["ContainerStatus"]["ContainerID"].startswith(name)


def test_reset_removes_what_a_test_left(swarm: Lab) -> None:
    manager: Any = swarm.manager.docker
    manager.create_config("conf", b"x")
    manager.create_secret("key", b"x")
    swarm.docker_cli(1, "network", "create", "-d", "overlay", "net")
    more = ["--network", "net", "--config", "conf", "--secret", "key"]
    volume = ["--mount", "type=volume,source=data,target=/data"]
    swarm.docker_cli(1, *_service("st", "lab/stubborn:1", *more, *volume, replicas=3))
    swarm.docker_cli(1, "node", "update", "--label-add", "a=b", "--availability", "pause", "node2")
    swarm.wait_until_running("st", 3)
    swarm.consul.client().kv.put("a/b", "c")
    swarm.node(3).power_off()
    swarm.reset()
    assert swarm.services() == {}
    assert swarm.tasks() == swarm.service_containers() == []
    assert manager.configs() == manager.secrets() == []
    assert [n["Name"] for n in manager.networks(filters={"scope": "swarm"})] == ["ingress"]
    assert swarm.consul.client().kv.get("", recurse=True)[1] is None
    assert all(node.is_on for node in swarm.nodes)
    assert all(node["Spec"]["Availability"] == "active" for node in swarm.node_objects())
    assert all(not node["Spec"]["Labels"] for node in swarm.node_objects())


def test_the_command_keeps_a_lab_until_it_is_taken_down(engine: str) -> None:
    def harness(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "tests.cluster.harness", *arguments]
        return subprocess.run(
            command, cwd=paths.CHECKOUT, text=True, capture_output=True, check=False
        )

    name = f"command-{os.getpid()}"
    try:
        started = harness("up", name, "--nodes", "1", "--engine", engine, "--consul")
        assert started.returncode == 0, started.stderr
        assert name in harness("ls").stdout
        assert name not in harness("gc").stdout, "it is kept"
        assert "node1" in harness("docker", name, "node1", "node", "ls").stdout
        url = f"http://{Lab.attach(name).client.address}:8500/v1/status/leader"
        assert ":8300" in harness("in", name, "curl", "-s", url).stdout
    finally:
        ended = harness("down", name)
    assert ended.returncode == 0, ended.stderr
    assert traces_of(name) == []
    assert "no lab named" in harness("down", name).stderr


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_what_is_missing_is_said_and_fails_in_ci(
    ci: str, outcome: str, tmp_path: os.PathLike[str]
) -> None:
    environment = {**os.environ, "SWARM_OPERATOR_CLUSTER_HOME": str(tmp_path), "CI": ci}
    test = f"{__file__}::test_consul_with_access_control"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test],
        cwd=paths.CHECKOUT,
        env={**environment, "SWARM_OPERATOR_TEST_ENGINES": "26"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert outcome in run.stdout, run.stdout
    assert "engine root 26" in run.stdout
    assert paths.INSTALLER in run.stdout


def _service(name: str, image: str, *options: str, replicas: int = 1) -> list[str]:
    create = ["service", "create", "-d", "--no-resolve-image", "--name", name]
    return [*create, "--replicas", str(replicas), *options, image]
