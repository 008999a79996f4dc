"""The real docker command against the simulated swarm: what people and scripts do with it."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from swarm_operator.simulation.faces.serve import Faces
from tests import needs
from tests.cluster.harness import paths
from tests.simulation.served import served

pytestmark = pytest.mark.cluster


class Docker:
    """The docker command with one engine, and a home of its own."""

    def __init__(self, binary: Path, faces: Faces, home: Path) -> None:
        self.faces = faces
        self._binary = binary
        self._home = home

    def __call__(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        done = subprocess.run(
            [self._binary, *arguments],
            input=stdin,
            env={"DOCKER_HOST": self.faces.docker_host, "HOME": str(self._home), "PATH": ""},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout if code == 0 else done.stderr

    def lines(self, *arguments: str) -> list[list[str]]:
        """The words of each line of a table, without its head."""
        return [line.split() for line in self(*arguments).splitlines()[1:]]

    def column(self, *arguments: str, of: str) -> list[str]:
        """One field of a list, sorted."""
        return sorted(self(*arguments, "--format", f"{{{{.{of}}}}}").splitlines())


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    binary = paths.docker_command()
    if binary is None:
        needs.skip_for("no docker command is installed here")
    assert binary is not None
    with served() as faces:
        yield Docker(binary, faces, tmp_path_factory.mktemp("home"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stack with one of everything."""
    (tmp_path / "site.conf").write_text("server {}\n")
    (tmp_path / "password").write_text("open-sesame")
    (tmp_path / "compose.yaml").write_text(
        """\
version: "3.8"
services:
  web:
    image: nginx:1
    ports: ["8081:80"]
    configs: [site]
    secrets: [password]
    networks: [front]
    deploy:
      replicas: 2
      update_config: {order: start-first, monitor: 1s}
  every:
    image: agent:1
    networks: [front]
    deploy: {mode: global}
networks: {front: {}}
configs: {site: {file: ./site.conf}}
secrets: {password: {file: ./password}}
"""
    )
    return tmp_path


def test_info_and_version(docker: Docker) -> None:
    info = json.loads(docker("info", "--format", "{{json .}}"))
    assert info["Swarm"]["LocalNodeState"] == "active"
    assert info["Swarm"]["ControlAvailable"] is True
    assert (info["Swarm"]["Managers"], info["Swarm"]["Nodes"]) == (3, 5)
    assert "Is Manager: true" in docker("info")
    assert "Server" in docker("version")


def test_nodes(docker: Docker) -> None:
    rows = docker.lines("node", "ls")
    assert len(rows) == 5
    assert sum(1 for row in rows if "*" in row) == 1
    assert sum(1 for row in rows if "Leader" in row) == 1
    pretty = docker("node", "inspect", "--pretty", "worker-1")
    assert "zone=a" in pretty
    assert "State:\t\t\tReady" in pretty
    assert json.loads(docker("node", "inspect", "self"))[0]["ManagerStatus"]["Leader"] is True
    docker("node", "update", "--label-add", "rack=7", "worker-1")
    assert "rack=7" in docker("node", "inspect", "--pretty", "worker-1")
    docker("node", "update", "--label-rm", "rack", "worker-1")
    assert "node nobody not found" in docker("node", "inspect", "nobody", code=1)


def test_the_life_of_a_service(docker: Docker) -> None:
    docker("service", "create", "--name", "web", "--replicas", "2", "--no-resolve-image", "nginx:1")
    assert docker.column("service", "ls", "--filter", "name=web", of="Replicas") == ["2/2"]
    docker("service", "scale", "web=3")
    assert docker.column("service", "ps", "web", of="CurrentState")[0].startswith("Running")
    assert docker.column("service", "ps", "web", of="Name") == ["web.1", "web.2", "web.3"]
    docker(
        "service", "update", "--update-parallelism", "0", "--update-monitor", "1s", "--env-add", "A=1",
        "--image", "nginx:2", "--no-resolve-image", "web",
    )  # fmt: skip
    pretty = docker("service", "inspect", "--pretty", "web")
    assert "nginx:2" in pretty
    assert "completed" in pretty
    assert "A=1" in pretty
    docker("service", "rollback", "web")
    assert "nginx:1" in docker("service", "inspect", "--pretty", "web")
    again = docker("service", "create", "--name", "web", "--detach", "nginx:1", code=1)
    assert "name conflicts with an existing object" in again
    docker("service", "rm", "web")
    assert "no such service: web" in docker("service", "inspect", "web", code=1)
    assert "nothing not found" in docker("service", "rm", "nothing", code=1)


def test_detached_and_global_and_jobs(docker: Docker) -> None:
    docker("service", "create", "-d", "--name", "all", "--mode", "global", "agent:1")
    docker("service", "create", "-d", "--name", "job", "--mode", "replicated-job", "job:1")
    _until(lambda: docker.column("service", "ls", "--filter", "name=all", of="Replicas") == ["5/5"])
    assert docker.column("service", "ls", "--filter", "name=job", of="Mode") == ["replicated job"]
    docker("service", "rm", "all", "job")


def test_what_cannot_be_is_told_in_the_engines_words(docker: Docker) -> None:
    taken = ("service", "create", "-d", "--name")
    docker(*taken, "first", "-p", "8090:80", "nginx:1")
    assert "port '8090' is already in use by service" in docker(
        *taken, "second", "-p", "8090:80", "nginx:1", code=1
    )
    docker(*taken, "second", "--constraint", "node.role == nothing", "nginx:1")
    _until(
        lambda: "no suitable node" in docker("service", "ps", "--no-trunc", "second"),
    )
    docker("service", "rm", "first", "second")


def test_the_life_of_a_stack(docker: Docker, folder: Path) -> None:
    document = str(folder / "compose.yaml")
    deploy = ("stack", "deploy", "--resolve-image", "never", "-c", document)
    docker(*deploy, "--detach=true", "shop")
    _until(lambda: _replicas(docker) == {"shop_web": "2/2", "shop_every": "5/5"})
    assert docker.column("stack", "ls", of="Name") == ["shop"]
    assert docker.column("stack", "services", "shop", of="Name") == ["shop_every", "shop_web"]
    assert len(docker.lines("stack", "ps", "shop")) == 7
    assert docker.column("config", "ls", of="Name") == ["shop_site"]
    assert docker.column("secret", "ls", of="Name") == ["shop_password"]
    assert "shop_front" in docker.column("network", "ls", of="Name")

    before = _versions(docker)
    docker(*deploy, "--detach=true", "shop")
    assert docker.column("stack", "ps", "--filter", "desired-state=running", "shop", of="ID")
    assert len(docker.lines("stack", "ps", "shop")) == 7
    assert _versions(docker).keys() == before.keys()

    assert "is in use by the following service" in docker("config", "rm", "shop_site", code=1)
    docker("stack", "rm", "shop")
    assert docker.column("stack", "ls", of="Name") == []
    _until(lambda: "shop_front" not in docker.column("network", "ls", of="Name"))
    assert docker.column("config", "ls", of="Name") == []


def test_configs_secrets_and_networks(docker: Docker) -> None:
    docker("config", "create", "--label", "a=b", "conf", "-", stdin="hello")
    assert json.loads(docker("config", "inspect", "conf"))[0]["Spec"]["Data"] == "aGVsbG8="
    assert "hello" in docker("config", "inspect", "--pretty", "conf")
    docker("secret", "create", "password", "-", stdin="open-sesame")
    assert "Data" not in json.loads(docker("secret", "inspect", "password"))[0]["Spec"]
    assert "already exists" in docker("secret", "create", "password", "-", stdin="x", code=1)
    docker("network", "create", "-d", "overlay", "--attachable", "back")
    assert json.loads(docker("network", "inspect", "back"))[0]["Attachable"] is True
    docker("network", "rm", "back")
    docker("config", "rm", "conf")
    docker("secret", "rm", "password")


def test_events_of_the_past(docker: Docker) -> None:
    docker("config", "create", "told", "-", stdin="hello")
    now = f"{time.time():.6f}"  # of "0s" the command makes a whole second
    listed = docker("events", "--since", "10m", "--until", now, "--format", "{{json .}}")
    told = [json.loads(line) for line in listed.splitlines()]
    assert any(
        (each["Type"], each["Action"]) == ("config", "create")
        and each["Actor"]["Attributes"]["name"] == "told"
        for each in told
    )
    docker("config", "rm", "told")


def test_draining_a_node_moves_its_tasks(docker: Docker) -> None:
    docker("service", "create", "--name", "web", "--replicas", "5", "--no-resolve-image", "nginx:1")
    docker("node", "update", "--availability", "drain", "worker-1")
    running = ("node", "ps", "worker-1", "--filter", "desired-state=running")
    _until(lambda: not docker.column(*running, of="Name"))
    _until(lambda: docker.column("service", "ls", of="Replicas") == ["5/5"])
    docker("node", "update", "--availability", "active", "worker-1")
    assert not docker.column(*running, of="Name")
    docker("service", "rm", "web")


def test_what_is_out_of_scope_says_so(docker: Docker) -> None:
    assert "is not simulated" in docker("run", "hello-world", code=125)
    docker("service", "create", "-d", "--name", "mute", "nginx:1")
    assert "is not simulated" in docker("service", "logs", "mute", code=1)
    docker("service", "rm", "mute")


def _replicas(docker: Docker) -> dict[str, str]:
    listed = docker("stack", "services", "shop", "--format", "{{.Name}} {{.Replicas}}")
    return dict(line.split(" ", 1) for line in listed.splitlines())


def _versions(docker: Docker) -> dict[str, str]:
    listed = docker("stack", "ps", "shop", "--format", "{{.ID}} {{.Name}}")
    return dict(line.split(" ", 1) for line in listed.splitlines())


def _until(check: Callable[[], object], within_s: float = 20) -> None:
    end = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < end, f"not within {within_s} s"
        time.sleep(0.1)
