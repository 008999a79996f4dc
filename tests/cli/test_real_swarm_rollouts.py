"""Rollouts on a real swarm, as a person goes through them: followed, understood, gone back from."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Shell, eventually, state, tasks

pytestmark = pytest.mark.cluster

DOCUMENT = """\
services:
  web:
    image: {image}
    configs: [page]
    secrets: [password]
    deploy:
      replicas: {replicas}
      update_config: {{failure_action: rollback, monitor: 2s, parallelism: 0}}
configs:
  page: {{file: page.txt}}
secrets:
  password: {{file: password.txt}}
"""
SERVICE = "site_web"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    write(folder)
    (folder / "page.txt").write_text("first\n")
    (folder / "password.txt").write_text("open-sesame-secret")
    return folder


def write(folder: Path, image: str = "lab/web:1", replicas: int = 2) -> None:
    (folder / "compose.yaml").write_text(DOCUMENT.format(image=image, replicas=replicas))


def live(shell: Shell) -> dict[str, Any]:
    docker: Any = shell.lab.manager.docker
    (service,) = docker.services(filters={"name": SERVICE})
    found: dict[str, Any] = service
    return found


def image(shell: Shell) -> str:
    return str(live(shell)["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"])


def test_history_diff_and_rollback(shell: Shell, site: Path) -> None:
    shell("init")
    with shell.running():
        assert "site: Ready with revision" in shell("push", site, "--wait")
        write(site, "lab/web:2")
        (site / "page.txt").write_text("second\n")
        shown = shell("diff", f"{site}/", code=2)
        assert "-    image: lab/web:1\n+    image: lab/web:2" in shown
        assert "-first\n+second" in shown
        assert "~ update service site_web" in shown
        shell("push", site, "--wait", "--timeout", "60s")
        eventually(lambda: len(kept(shell)) == 2, "both revisions are kept")
        assert image(shell) == "lab/web:2"

        shown = shell("diff", "site", "--from", "1", code=2)
        assert "ContainerSpec.Image: lab/web:1 → lab/web:2" in shown
        assert "update config site_page" in shown
        said = shell("rollback", "site", "--yes", "--wait", "--timeout", "60s")
        assert "site: back to revision 1 of" in said
        assert "wrote compose.yaml, page.txt" in said
        assert image(shell) == "lab/web:1"
        assert shell("diff", "site") == "site: nothing to do\n"
        assert "a push would change" not in shell("diff", f"{site}/", code=2)
        assert "nothing differs" in shell("diff", "site", "--from", "1")
        shell("rollback", "site", "--to", "2", "--yes", "--wait", "--timeout", "60s")
        assert image(shell) == "lab/web:2"
        listed = shell("history", "site")
        assert "open-sesame-secret" not in listed
        assert "password.txt" not in listed
    assert "open-sesame-secret" not in shell.log.read_text()


def kept(shell: Shell) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shell("history", "site", "-o", "json"))["revisions"]
    return found


def test_a_bad_image_is_exit_code_1_and_why_names_the_error(shell: Shell, site: Path) -> None:
    shell("init")
    with shell.running():
        shell("push", site, "--wait", "--timeout", "60s")
        before = tasks(shell)
        write(site, "lab/nosuchimage:9")
        said = shell("push", site, "--wait", "--timeout", "90s", code=1)
        assert "site: Degraded (RolledBack)" in said
        eventually(lambda: image(shell) == "lab/web:1", "Swarm went back")
        told = shell("why", SERVICE)
        assert "No such image: lab/nosuchimage:9" in told
        assert "rejected and not sent again" in told
        assert "lab/web:1 → lab/nosuchimage:9" in told
        assert "update service site_web: done" in told
        assert "was pushed last by" in told
        assert "No such image: lab/nosuchimage:9" in shell("why", "site", "web")
        assert "is held back (Rejected)" in told
        eventually(lambda: len(tasks(shell)) == len(before), "the last good tasks run")
        events = json.loads(shell("events", "site", "-o", "json"))
        assert [each["verb"] for each in events][-1] == "update"
        assert all(each["cause"].startswith("desired/stacks/site/") for each in events)
        assert [each["number"] for each in kept(shell)] == [1], "only what was good is kept"
        # The document is still the bad one: back to what was good, and forward with a good one.
        assert "back to revision 1" in shell("rollback", "site", "--yes", "--wait")
        assert shell("plan") == "site: nothing to do\n"


def test_an_image_that_is_nowhere_is_not_decided(shell: Shell, site: Path) -> None:
    shell("init")
    with shell.running():
        write(site, "lab/nosuchimage:9")
        shell("push", site, "--wait", "--timeout", "8s", code=3)
        assert "No such image" in shell("why", SERVICE)


def test_pause_holds_and_resume_lets_go(shell: Shell, site: Path) -> None:
    shell("init")
    with shell.running():
        shell("push", site, "--wait", "--timeout", "60s")
        shell("pause", "site", "--reason", "backup runs", "--until", "2h")
        write(site, replicas=3)
        shell("push", site, "--wait", "--timeout", "5s", code=3)
        assert state(shell, "site") == "Paused"
        assert "backup runs" in shell("status", "site")
        assert "backup runs" in shell("why", SERVICE)
        assert live(shell)["Spec"]["Mode"]["Replicated"]["Replicas"] == 2
        assert "resumed" in shell("resume", "site")
        shell("push", site, "--wait", "--timeout", "60s")
        assert live(shell)["Spec"]["Mode"]["Replicated"]["Replicas"] == 3
        assert "was not paused" in shell("resume", "site")


def test_redeploy_restarts_exactly_once(shell: Shell, site: Path) -> None:
    shell("init")
    with shell.running():
        shell("push", site, "--wait", "--timeout", "60s")
        before = set(tasks(shell))
        assert "gave the order" in shell("redeploy", "site/web", "--wait")
        eventually(lambda: not before & set(tasks(shell)), "all tasks are new")
        eventually(lambda: state(shell, "site") == "Ready", "site is ready again")
        after = tasks(shell)
        assert live(shell)["Spec"]["TaskTemplate"]["ForceUpdate"] == 1
        with shell.running():
            assert shell("plan") == "site: nothing to do\n"
        assert tasks(shell) == after
        docker: Any = shell.lab.manager.docker
        assert len(docker.tasks(filters={"service": SERVICE})) == 2 * len(after)
