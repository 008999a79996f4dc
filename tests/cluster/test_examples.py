"""The stacks in `deploy/examples`, pushed byte for byte, on a real swarm.

Most of what happens there is waiting for Swarm. So the stories of the four stacks run beside each
other, on one swarm that has other people's objects too; each is told in a function of its own.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import in_containers
from tests.cluster.harness import Lab, eventually, paths
from tests.cluster.images import stand_ins
from tests.cluster.operator_process import OperatorProcess

EXAMPLES = paths.CHECKOUT / "deploy/examples"


class Example:
    """One example: pushed as it lies in the checkout, then as a copy that is edited."""

    def __init__(self, operator: OperatorProcess, name: str, copies: Path) -> None:
        self.operator = operator
        self.lab = operator.lab
        self.name = name
        self.copy = copies / name
        shutil.copytree(EXAMPLES / name, self.copy)

    def push_as_it_stands(self) -> None:
        self.operator.cli("push", EXAMPLES / self.name)

    def edit(self, file: str, before: str, after: str) -> "Example":
        path = self.copy / file
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{before!r} is {text.count(before)} times in {file}"
        path.write_text(text.replace(before, after), encoding="utf-8")
        return self

    def push(self) -> None:
        self.operator.cli("push", self.copy)

    def remove(self) -> None:
        self.operator.cli("remove", self.name, "--yes")

    def service(self, name: str) -> dict[str, Any]:
        return self.lab.service(f"{self.name}_{name}")

    def wait_until_running(self, name: str, replicas: int | None = None) -> set[str]:
        """Returns the ids of the service's running tasks."""
        return ids(self.lab.wait_until_running(f"{self.name}_{name}", replicas, within=60))

    def wait_until_ready(self) -> None:
        def ready() -> bool:
            status = self.operator.status(self.name)
            assert status["state"] == "Ready", status
            return True

        eventually(ready, 60, f"{self.name} should be ready", every=0.3)

    def wait_until_image(self, name: str, image: str, replicas: int) -> set[str]:
        """Wait until the service's tasks all run this image, and no others run beside them."""

        def replaced() -> set[str]:
            tasks = self.lab.running_tasks(f"{self.name}_{name}")
            images = [task["Spec"]["ContainerSpec"]["Image"] for task in tasks]
            assert images == [image] * replicas, images
            return ids(tasks)

        return eventually(replaced, 60, f"{replicas} tasks should run {image}")

    def wait_until_gone(self) -> None:
        def gone() -> bool:
            services = [name for name in self.lab.services() if name.startswith(f"{self.name}_")]
            assert not services, services
            key = f"swarm-operator/desired/removed/{self.name}"
            _, tombstone = self.lab.consul.client().kv.get(key)
            assert tombstone is None, "the tombstone is still there"
            return True

        eventually(gone, 60, f"{self.name} should be gone")

    def page(self, service: str, port: int, path: str = "/") -> str:
        return in_containers.page(self.lab, f"{self.name}_{service}", port, path)


def ids(tasks: list[dict[str, Any]]) -> set[str]:
    return {task["ID"] for task in tasks}


def volumes(lab: Lab, prefix: str) -> set[str]:
    """Return the names of all volumes, on all nodes, that begin so."""
    found: set[str] = set()
    for node in lab.nodes:
        found |= {volume["Name"] for volume in node.docker.volumes()["Volumes"] or []}
    return {name for name in found if name.startswith(prefix)}


def wordpress_keeps_its_data(blog: Example) -> None:
    blog.push_as_it_stands()
    apache = blog.wait_until_running("apache", 2)
    database = blog.wait_until_running("mysql", 1)
    blog.wait_until_ready()
    assert "connected to" in blog.page("apache", 80), "the password of the secret is the right one"
    assert blog.page("mysql", 3306, "/cgi-bin/starts") == "1"
    lab = blog.lab
    in_containers.run(lab, "wordpress_mysql", "sh", "-c", "echo hello >/var/lib/mysql/post")

    # The image of one service changes: the other has no part in it.
    blog.edit("compose.yaml", "wordpress:6-apache", "wordpress:6.8-apache").push()
    newer = blog.wait_until_image("apache", "wordpress:6.8-apache", 2)
    assert not newer & apache
    assert blog.wait_until_running("mysql", 1) == database
    new = "WordPress 6.8-apache: connected to"
    eventually(lambda: blog.page("apache", 80).startswith(new), 20, "the new one answers")

    # The database starts anew on the same volume.
    blog.edit("compose.yaml", "stop_grace_period: 1m", "stop_grace_period: 2m").push()
    eventually(lambda: blog.page("mysql", 3306, "/cgi-bin/starts") == "2", 60)
    blog.wait_until_ready()
    assert blog.wait_until_running("apache", 2) == newer

    # The stack goes, its volumes stay; the stack returns, its data is there.
    blog.remove()
    blog.wait_until_gone()
    assert volumes(lab, "wordpress_") == {"wordpress_html", "wordpress_mysql"}
    blog.push()
    blog.wait_until_running("mysql", 1)
    assert in_containers.run(lab, "wordpress_mysql", "cat", "/var/lib/mysql/post") == "hello\n"
    assert blog.page("mysql", 3306, "/cgi-bin/starts") == "3"
    said = blog.operator.tail(10**7) + blog.operator.cli("status", "wordpress", "-o", "json").stdout
    assert "change-me" not in said


def voting_app_scales_and_moves_to_another_port(app: Example) -> None:
    app.push_as_it_stands()
    services = ("vote", "result", "worker", "redis", "db", "visualizer")
    before = {name: app.wait_until_running(name) for name in services}
    app.wait_until_ready()
    assert len(before["vote"]) == 2
    assert app.page("vote", 80, "/?vote=a") == "OK"
    eventually(lambda: app.page("result", 80) == "1 vote=a", 20, "the vote should be counted")
    others = {name: app.service(name)["Version"]["Index"] for name in services[1:]}

    # 2 → 6 → 3: nobody who need not go goes.
    replicas = "replicas: 2\n      # Without start-first"
    app.edit("compose.yaml", replicas, replicas.replace("2", "6", 1)).push()
    six = app.wait_until_running("vote", 6)
    assert before["vote"] < six
    app.edit("compose.yaml", replicas.replace("2", "6", 1), replicas.replace("2", "3", 1)).push()
    three = app.wait_until_running("vote", 3)
    assert three < six

    # 5000 → 6000, by the stack's own variables.
    assert published(app.service("vote")) == [5000]
    app.edit(".env", "VOTE_PORT=5000", "VOTE_PORT=6000").push()
    eventually(lambda: published(app.service("vote")) == [6000], 20, "the port should change")
    app.wait_until_ready()
    app.wait_until_running("vote", 3)

    # Another image, one task after the other.
    app.edit("compose.yaml", "examplevotingapp_vote:before", "examplevotingapp_vote:after").push()
    app.wait_until_image("vote", "dockersamples/examplevotingapp_vote:after", 3)
    # The last of the old containers may still answer while it stops.
    eventually(lambda: app.page("vote", 80).startswith(".NET or Java"), 20, "the new one answers")
    assert app.page("vote", 80, "/?vote=b") == "OK"
    eventually(lambda: app.page("result", 80).splitlines() == ["1 vote=a", "1 vote=b"], 20)

    # All this while, the neighbours got no write and kept their tasks.
    assert {name: app.service(name)["Version"]["Index"] for name in services[1:]} == others
    assert {name: app.wait_until_running(name) for name in services[1:]} == {
        name: before[name] for name in services[1:]
    }


def published(service: dict[str, Any]) -> list[int]:
    """Return the published ports that the swarm has really given to the service."""
    return [port["PublishedPort"] for port in service["Endpoint"].get("Ports", [])]


def registry_keeps_its_images(registry: Example) -> None:
    registry.push_as_it_stands()
    registry.wait_until_running("registry", 1)
    registry.wait_until_ready()
    assert registry.page("registry", 5000, "/v2/") == "{}"
    assert published(registry.service("registry")) == [5050]

    registry.edit("compose.yaml", "memory: 256M", "memory: 384M").push()
    eventually(lambda: registry.page("registry", 5000, "/cgi-bin/starts") == "2", 60)
    registry.wait_until_ready()

    registry.remove()
    registry.wait_until_gone()
    assert volumes(registry.lab, "registry_") == {"registry_images"}
    registry.push()
    registry.wait_until_running("registry", 1)
    assert registry.page("registry", 5000, "/cgi-bin/starts") == "3"


def site_serves_the_pages_of_its_folder(site: Example) -> None:
    site.push_as_it_stands()
    first = site.wait_until_running("web", 2)
    site.wait_until_ready()
    page = (EXAMPLES / "site/index.html").read_text(encoding="utf-8").strip()
    eventually(lambda: site.page("web", 80) == page, 20, "the new page is served")
    rule = "traefik.http.routers.site.rule"
    assert site.service("web")["Spec"]["Labels"][rule] == "Host(`site.example.org`)"

    # Another host name is another label of the service: no task notices.
    site.edit(".env", "site.example.org", "www.example.org").push()
    wanted = "Host(`www.example.org`)"
    eventually(lambda: site.service("web")["Spec"]["Labels"][rule] == wanted, 10)
    site.wait_until_ready()
    assert site.wait_until_running("web", 2) == first

    site.edit("compose.yaml", "nginx:1.28-alpine", "nginx:1.29-alpine")
    site.edit("compose.yaml", "replicas: 2", "replicas: 3").push()
    site.wait_until_image("web", "nginx:1.29-alpine", 3)
    site.wait_until_ready()

    site.remove()
    site.wait_until_gone()


STORIES = {
    "wordpress": wordpress_keeps_its_data,
    "voting-app": voting_app_scales_and_moves_to_another_port,
    "registry": registry_keeps_its_images,
    "site": site_serves_the_pages_of_its_folder,
}


@dataclass(frozen=True)
class Stage:
    """A swarm with an operator and foreign objects, on which the stories have begun."""

    operator: OperatorProcess
    foreign: dict[str, Any]
    stories: "dict[str, Future[None]]"


@pytest.fixture(scope="module")
def stage(shared_swarm: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    shared_swarm.load_images(*stand_ins.examples())
    folder = tmp_path_factory.mktemp("stacks")
    foreign_objects(shared_swarm, folder)
    foreign = foreign_state(shared_swarm)
    with OperatorProcess(shared_swarm) as operator, ThreadPoolExecutor(len(STORIES)) as pool:
        operator.wait_until_ready()
        yield Stage(
            operator,
            foreign,
            {n: pool.submit(story, Example(operator, n, folder)) for n, story in STORIES.items()},
        )


@pytest.mark.parametrize("name", STORIES)
def test_the_example_lives_and_changes(stage: Stage, name: str) -> None:
    stage.stories[name].result()


def test_what_is_not_ours_stayed_as_it_was(stage: Stage) -> None:
    """After all those stories, and after all that is left of ours was removed."""
    lab, operator = stage.operator.lab, stage.operator
    wait(stage.stories.values())
    assert foreign_state(lab) == stage.foreign

    ours = {name.split("_")[0] for name in lab.services() if not name.startswith("foreign")}
    for name in ours:
        operator.cli("remove", name, "--yes")

    def only_foreign() -> bool:
        left = {name for name in lab.services() if not name.startswith("foreign")}
        networks = {each["Name"] for each in lab.manager.docker.networks()}
        left |= {name for name in networks if name.split("_")[0] in STORIES}
        assert not left, left
        return True

    eventually(only_foreign, 60)
    assert foreign_state(lab) == stage.foreign


def foreign_objects(lab: Lab, folder: Path) -> None:
    """A service, a stack, a network, a config, a secret and a volume made by other hands."""
    stack = folder / "foreign.yaml"
    stack.write_text('version: "3.8"\nservices:\n  web: {image: "lab/web:1"}\n', encoding="utf-8")
    command = ("stack", "deploy", "--resolve-image=never", "-c", stack, "foreign")
    lab.docker_cli(1, *command)
    quiet = ("--detach", "--no-resolve-image")
    lab.docker_cli(1, "service", "create", *quiet, "--name", "foreign-one", "lab/sleep:1")
    lab.docker_cli(1, "network", "create", "-d", "overlay", "foreign-net")
    for kind in ("config", "secret"):
        lab.docker_cli(1, kind, "create", f"foreign-{kind}", "-", input="foreign")
    lab.docker_cli(1, "volume", "create", "foreign-volume")
    lab.wait_until_running("foreign_web")
    lab.wait_until_running("foreign-one")


def foreign_state(lab: Lab) -> dict[str, Any]:
    """Everything foreign, as the engine shows it, versions and running tasks included."""
    engine: Any = lab.manager.docker
    objects = [*engine.services(), *engine.configs(), *engine.secrets()]
    foreign = {o["Spec"]["Name"]: o for o in objects if o["Spec"]["Name"].startswith("foreign")}
    networks = {n["Name"]: n["Id"] for n in engine.networks() if n["Name"].startswith("foreign")}
    tasks = {name: ids(lab.running_tasks(name)) for name in ("foreign_web", "foreign-one")}
    return {**foreign, **networks, "tasks": tasks, "volumes": volumes(lab, "foreign")}


@pytest.mark.parametrize("name", STORIES)
def test_docker_itself_accepts_the_example(name: str) -> None:
    command = paths.docker_command()
    assert command is not None
    folder = EXAMPLES / name
    # With the folder's variables and without: every one has a default.
    for given in (os.environ | variables(folder), os.environ):
        done = subprocess.run(
            [command, "stack", "config", "-c", folder / "compose.yaml"],
            env=given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def variables(folder: Path) -> dict[str, str]:
    lines = (folder / ".env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
