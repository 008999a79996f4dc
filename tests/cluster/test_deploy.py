"""The operator as it is deployed: its image, and `deploy/stack.yml` on a real swarm."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.cluster import in_containers
from tests.cluster.harness import Lab, Node, eventually, paths
from tests.cluster.images import operator_image, stand_ins

DEPLOY = paths.CHECKOUT / "deploy"
STACK = "swarm-operator"
OPERATOR = f"{STACK}_operator"
CONSUL = f"{STACK}_consul"
SOCKET = "/var/run/docker.sock"
_LEADS = "swarm_operator_leader 1.0"


class Deployment:
    """`deploy/stack.yml` on a lab, as the steps of deploy/README.md bring it up."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        lab.load_images(stand_ins.nginx(), stand_ins.consul(), stand_ins.prometheus())
        operator_image.load(lab)
        self.socket_group, self.socket_mode = self._socket()
        self.operator_token = str(uuid.uuid4())
        self._docker("node", "update", "--label-add", "swarm-operator.consul=true", "node1")
        self._docker("secret", "create", "swarm-operator_token", "-", stdin=self.operator_token)
        self.deploy()
        lab.wait_until_running(CONSUL, 1, within=60)
        said = in_containers.run(lab, CONSUL, "sh", "/consul/bootstrap.sh")
        tokens = [line.rsplit(" ", 1)[-1] for line in said.splitlines() if "token" in line]
        self.management_token, self.people_token = tokens[:2]

    def deploy(self, **variables: str) -> None:
        self._docker(
            *("stack", "deploy", "--detach=true", "--resolve-image=never"),
            *("--compose-file", str(DEPLOY / "stack.yml"), STACK),
            environment={"DOCKER_GID": self.socket_group, **variables},
        )

    def cli(
        self, *arguments: str, token: str | None = None, check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Run the command line as a person does who has a tunnel to Consul's manager."""
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "DOCKER_HOST": f"unix://{self.lab.manager.socket}",
            "CONSUL_HTTP_ADDR": f"http://{self.consul_address()}",
            "CONSUL_HTTP_TOKEN": token or self.people_token,
        }
        enter = ["nsenter", f"--net={self.lab.manager.namespace}"]
        done = subprocess.run(
            [*enter, sys.executable, "-m", "swarm_operator", *arguments],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done

    def consul_address(self) -> str:
        """Consul's address on its own host's bridge, the only way in (deploy/README.md)."""
        docker = paths.docker_command()
        assert docker is not None
        environment = {
            "PATH": f"{docker.parent}:{os.environ['PATH']}",
            "DOCKER_HOST": f"unix://{self.lab.manager.socket}",
        }
        done = subprocess.run(
            ["sh", DEPLOY / "consul/address.sh"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def consul(self, *arguments: str, token: str | None = None) -> str:
        """Run Consul's command line in its container, with the management token by default."""
        node, found = next(in_containers.containers(self.lab, CONSUL))
        allowed = f"CONSUL_HTTP_TOKEN={self.management_token if token is None else token}"
        return self.lab.docker_cli(node, "exec", "-e", allowed, found, "consul", *arguments).stdout

    def may(self, token: str, *arguments: str) -> bool:
        """Whether Consul lets this token do that."""
        try:
            self.consul("kv", *arguments, token=token)
        except subprocess.CalledProcessError:
            return False
        return True

    def status(self, stack: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.cli("status", stack, "-o", "json").stdout)
        return found

    def operator_says(self, path: str) -> dict[str, str]:
        """Ask every instance that answers one of its pages; the answers by container."""
        ask = (
            "import urllib.error, urllib.request as u\n"
            f"try: answer = u.urlopen('http://127.0.0.1:9808' + {path!r})\n"
            "except urllib.error.HTTPError as error: answer = error\n"
            "print(answer.status, answer.read().decode())"
        )
        said = {}
        for node, found in in_containers.containers(self.lab, OPERATOR):
            done = self.lab.docker_cli(node, "exec", found, "python3", "-c", ask, check=False)
            if done.returncode == 0:
                said[found] = done.stdout
        return said

    def wait_until_led(self, *, other_than: str = "") -> str:
        """Wait until exactly one instance holds the lease; returns its container."""

        def led() -> str:
            metrics = self.operator_says("/metrics")
            leaders = [found for found, text in metrics.items() if _LEADS in text.splitlines()]
            assert len(leaders) == 1, leaders
            assert leaders != [other_than]
            return leaders[0]

        return eventually(led, 60, "one instance should lead", every=0.5)

    def wait_until_ready(self) -> None:
        """Wait until all instances say so themselves."""

        def ready() -> bool:
            said = self.operator_says("/readyz")
            assert len(said) == len(self.lab.managers)
            assert all(answer.startswith("200 ") for answer in said.values()), said
            return True

        eventually(ready, 60, "all instances should be ready", every=0.5)

    def _socket(self) -> tuple[str, str]:
        groups = set()
        for node in self.lab.managers:
            groups.add(node.exec(["stat", "-c", "%g %a", SOCKET]).stdout.strip())
        assert len(groups) == 1, groups
        group, mode = groups.pop().split()
        return group, mode

    def _docker(
        self, *arguments: str, stdin: str = "", environment: Mapping[str, str] | None = None
    ) -> str:
        return self.lab.docker_cli(
            1, *arguments, input=stdin, env={**os.environ, **(environment or {})}
        ).stdout


@pytest.fixture(scope="module")
def deployed(engine: str) -> Iterator[Deployment]:
    """The stack on a swarm of three managers, its tokens made."""
    with Lab.start(3, 3, engine) as lab:
        made = Deployment(lab)
        made.wait_until_led()
        made.wait_until_ready()
        yield made


def test_the_socket_is_one_that_only_its_group_may_use(deployed: Deployment) -> None:
    assert deployed.socket_mode == "660"
    spec = deployed.lab.service(OPERATOR)["Spec"]["TaskTemplate"]["ContainerSpec"]
    assert spec["User"] == f"65532:{deployed.socket_group}"


def test_an_instance_on_each_manager_one_leads(deployed: Deployment) -> None:
    deployed.lab.wait_until_running(OPERATOR, 3, within=60)
    assert deployed.lab.hosts_of(OPERATOR) == ["node1", "node2", "node3"]
    deployed.wait_until_ready()
    deployed.wait_until_led()


def test_nothing_is_published(deployed: Deployment) -> None:
    for name in (OPERATOR, CONSUL):
        assert not deployed.lab.service(name)["Endpoint"].get("Ports"), name


def test_a_pushed_stack_runs_and_prometheus_scrapes(deployed: Deployment) -> None:
    lab = deployed.lab
    deployed.cli("push", str(DEPLOY / "examples/site"), str(DEPLOY / "prometheus"))
    lab.wait_until_running("site_web", 2, within=60)
    lab.wait_until_running("prometheus_prometheus", 1, within=60)

    def ready() -> bool:
        for stack in ("site", "prometheus"):
            status = deployed.status(stack)
            assert status["state"] == "Ready", status
        return True

    eventually(ready, 60, every=0.5)
    eventually(lambda: scraped(lab) == ["up", "up", "up"], 90, "all three are scraped", every=0.5)
    assert query(lab, "sum(swarm_operator_leader)") == ["1"]
    stacks = 'count(swarm_operator_stack_condition{type="Ready",status="True"} == 1)'
    eventually(lambda: query(lab, stacks) == ["2"], 60, every=0.5)
    assert not firing(lab), "no alert of a healthy installation"


def scraped(lab: Lab) -> list[str]:
    """Return the health of each of the operator's targets."""
    targets = prometheus(lab, "targets")["activeTargets"]
    return [each["health"] for each in targets if each["labels"]["job"] == "swarm-operator"]


def query(lab: Lab, expression: str) -> list[str]:
    encoded = "".join(f"%{byte:02x}" for byte in expression.encode())
    return [each["value"][1] for each in prometheus(lab, f"query?query={encoded}")["result"]]


def firing(lab: Lab) -> list[dict[str, Any]]:
    return [each for each in prometheus(lab, "alerts")["alerts"] if each["state"] == "firing"]


def prometheus(lab: Lab, path: str) -> dict[str, Any]:
    answer = in_containers.page(lab, "prometheus_prometheus", 9090, f"/api/v1/{path}")
    data: dict[str, Any] = json.loads(answer)["data"]
    return data


def test_tokens_allow_what_their_policies_say_and_no_more(deployed: Deployment) -> None:
    people, operator = deployed.people_token, deployed.operator_token
    made = deployed.consul("acl", "token", "create", "-policy-name", "swarm-operator-viewer")
    viewer = next(line.split()[-1] for line in made.splitlines() if line.startswith("SecretID"))
    root = "swarm-operator/"
    sentinel, lock = f"{root}desired/.installation", f"{root}lock/leader"

    assert deployed.may(people, "get", sentinel)
    assert deployed.may(people, "get", lock)
    assert deployed.may(people, "get", "-recurse", f"{root}status/")
    assert not deployed.may(people, "put", f"{root}status/x", "1")
    assert not deployed.may(people, "put", lock, "1")

    assert deployed.may(operator, "get", "-recurse", f"{root}desired/")
    assert not deployed.may(operator, "put", f"{root}desired/stacks/evil/compose.yaml", "1")
    assert not deployed.may(operator, "put", "elsewhere", "1")

    assert deployed.may(viewer, "get", "-recurse", f"{root}status/")
    assert not deployed.may(viewer, "get", sentinel)
    assert not deployed.may(str(uuid.uuid4()), "get", sentinel)
    assert not deployed.may("", "get", sentinel), "the anonymous token may nothing"


def test_a_lost_kv_comes_back_from_its_snapshot(deployed: Deployment) -> None:
    lab = deployed.lab
    deployed.cli("push", str(DEPLOY / "examples/site"))
    lab.wait_until_running("site_web", 2, within=60)
    eventually(lambda: deployed.status("site")["state"] == "Ready", 60, every=0.5)
    before = {task["ID"] for task in lab.running_tasks("site_web")}

    deployed.consul("snapshot", "save", "/consul/data/backup.snap")
    deployed.consul("kv", "delete", "-recurse", "swarm-operator/")

    def said_so() -> bool:
        answers = deployed.operator_says("/readyz")
        return len(answers) == 3 and all("sentinel" in each for each in answers.values())

    eventually(said_so, 60, "every instance should say what it misses", every=0.5)
    deployed.consul("snapshot", "restore", "/consul/data/backup.snap")
    deployed.wait_until_ready()
    eventually(lambda: deployed.status("site")["state"] == "Ready", 60, every=0.5)
    assert {task["ID"] for task in lab.running_tasks("site_web")} == before


def test_another_takes_over_when_the_leader_dies(deployed: Deployment) -> None:
    lab = deployed.lab
    leader = deployed.wait_until_led()
    node = next(n for n, found in in_containers.containers(lab, OPERATOR) if found == leader)
    lab.docker_cli(node, "kill", leader)
    deployed.wait_until_led(other_than=leader)
    lab.wait_until_running(OPERATOR, 3, within=60)


@pytest.mark.slow
def test_an_update_starts_the_new_one_first(deployed: Deployment) -> None:
    """And it ends: global services take `start-first` as replicated ones do."""
    lab = deployed.lab
    deployed.deploy(SWARM_OPERATOR_MODE="observe")

    def completed() -> bool:
        status = lab.service(OPERATOR).get("UpdateStatus", {})
        assert status.get("State") == "completed", status
        return True

    try:
        eventually(completed, 150, "the update should end", every=0.5)
        deployed.wait_until_ready()
        deployed.wait_until_led()
    finally:
        deployed.deploy()


def test_a_missing_group_is_named(deployed: Deployment) -> None:
    other = str(int(deployed.socket_group) + 1)
    done = deployed.lab.docker_cli(
        *(1, "run", "--rm", "--network=none", f"--user=65532:{other}", f"-v={SOCKET}:{SOCKET}"),
        *(operator_image.NAME, "init"),
        check=False,
    )
    assert done.returncode == 1
    assert f"group {deployed.socket_group}" in done.stderr, done.stderr


def test_the_image(deployed: Deployment) -> None:
    engine: Any = deployed.lab.manager.docker
    image = engine.inspect_image(operator_image.NAME)
    config = image["Config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["swarm-operator"]
    assert config["Cmd"] == ["run"]
    assert {"PYTHONSAFEPATH=1", "SWARM_OPERATOR_LISTEN=0.0.0.0:9808"} <= set(config["Env"])
    assert config["WorkingDir"] == "/"
    assert image["Size"] < 200 * 1024**2
    assert in_image(deployed.lab.manager, deployed.lab, "-m", "pip").returncode != 0, "no pip in it"
    states = [
        node.docker.inspect_container(found)["State"]["Health"]["Status"]
        for node, found in in_containers.containers(deployed.lab, OPERATOR)
    ]
    assert set(states) <= {"healthy", "starting"}
    assert "healthy" in states


def in_image(node: Node, lab: Lab, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = ("run", "--rm", "--network=none", "--entrypoint=python3", operator_image.NAME)
    return lab.docker_cli(node, *command, *arguments, check=False)
