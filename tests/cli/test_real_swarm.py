"""The command line against a real Consul and a real manager, with the daemon beside it."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Shell, eventually, running, services, state, tasks
from tests.cluster.harness import paths

pytestmark = pytest.mark.cluster

DOCUMENT = """\
services:
  web:
    image: {image}
    environment: {{COLOUR: "${{COLOUR}}"}}
    deploy: {{replicas: {replicas}}}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "compose.yaml").write_text(DOCUMENT.format(image="lab/sleep:1", replicas=2))
    (folder / ".env").write_text("COLOUR=deep-blue-secret\n")
    return folder


def test_init_push_plan_status_remove(shell: Shell, site: Path) -> None:
    assert "Initialised" in shell("init")
    assert "exists" in shell("init", code=1)
    assert shell("plan").strip() == "no stacks"
    assert shell("push", site).startswith("site: wrote .env, compose.yaml")
    assert shell("push", site) == "site: unchanged\n"
    planned = json.loads(shell("plan", "-o", "json", code=2))
    assert [each["verb"] for each in planned["stacks"][0]["actions"]] == ["create", "create"]
    assert "site" in shell("status")
    assert "no operator has looked at site yet" in shell("status", "site", code=1)

    daemon = shell.daemon()
    try:
        eventually(lambda: state(shell, "site") == "Ready", "site is ready")
        shown = shell("status", "site")
        assert "site_web" in shown
        assert "2/2" in shown
        assert shell("plan") == "site: nothing to do\n"

        (site / "compose.yaml").write_text(DOCUMENT.format(image="lab/sleep:1", replicas=3))
        shell("push", site)
        eventually(lambda: running(shell, "site") == 3, "three tasks run")

        assert "nothing of site waits for approval" in shell("approve", "site", code=1)
        assert "the operator took it" in shell("retry", "site", "--wait")
        shell("remove", "site", "--why", "done")
        eventually(lambda: not services(shell), "the service is gone")
        eventually(lambda: "no stacks" in shell("status"), "the tombstone is taken away")
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(10) == 0
    finally:
        daemon.kill()
        daemon.wait()
    assert "deep-blue-secret" not in shell.log.read_text()


def test_a_lost_kv_is_recovered_without_a_restart(shell: Shell, site: Path) -> None:
    shell("init")
    shell("push", site)
    daemon = shell.daemon()
    try:
        eventually(lambda: state(shell, "site") == "Ready", "site is ready")
        before = tasks(shell)
        shell.lab.consul.wipe()
        assert "init --recover" in shell("init", code=1)
        assert "Recovered" in shell("init", "--recover")
        shell("push", site)
        eventually(lambda: state(shell, "site") == "Ready", "site is ready again")
        assert shell("plan") == "site: nothing to do\n"
        assert tasks(shell) == before
    finally:
        daemon.kill()
        daemon.wait()


@pytest.mark.parametrize(("number", "size"), [(100, 10), (61, 6_100), (4, 385_000)])
def test_consul_takes_folders_of_any_size(shell: Shell, site: Path, number: int, size: int) -> None:
    shell("init")
    listed = "".join(f"  c{n}: {{file: c{n}.txt}}\n" for n in range(number))
    for n in range(number):
        (site / f"c{n}.txt").write_text("x" * size)
    names = ", ".join(f"c{n}" for n in range(number))
    (site / "compose.yaml").write_text(
        f"services: {{web: {{image: lab/sleep:1, configs: [{names}]}}}}\nconfigs:\n{listed}"
    )
    assert shell("push", site).startswith("site: wrote c0.txt")
    assert shell("push", site) == "site: unchanged\n"
    planned = json.loads(shell("plan", "-o", "json", code=2))
    assert len(planned["stacks"][0]["actions"]) == number + 2


def test_a_wrong_token_is_said_not_taken_for_an_empty_kv(shell: Shell, site: Path) -> None:
    shell("init")
    token = shell.log.parent / "token"
    token.write_text("00000000-0000-0000-0000-000000000000")
    said = shell("--consul-token-file", token, "push", site, code=1)
    assert "ACL not found" in said
    assert f"consul.token_file: {token} (flag --consul-token-file)" in said
    assert "00000000" not in said
    said = shell("--consul-token-file", token, "run", code=1)
    assert "cannot start" in said or "ACL not found" in said


OPERATOR_RULES = (paths.CHECKOUT / "deploy/consul/operator.hcl").read_text()


@pytest.mark.parametrize("lacking", ["desired/requests/", "desired/removed/", "history/"])
def test_a_token_that_may_not_write_all_is_refused_at_the_start(
    shell: Shell, tmp_path: Path, lacking: str
) -> None:
    prefix = f'key_prefix "swarm-operator/{lacking}"'
    assert prefix in OPERATOR_RULES
    rules = OPERATOR_RULES.replace(prefix, f'key_prefix "elsewhere/{lacking}"')
    token = tmp_path / "token"
    token.write_text(made_token(shell, lacking, rules))
    said = shell("--consul-token-file", token, "--log-format", "console", "run", code=1)
    assert f"the token may not write `swarm-operator/{lacking}`" in said


def test_the_rules_that_are_shipped_are_enough(shell: Shell, tmp_path: Path, site: Path) -> None:
    shell("init")
    shell("push", site)
    token = tmp_path / "token"
    token.write_text(made_token(shell, "enough", OPERATOR_RULES))
    with shell.running("--consul-token-file", token):
        eventually(lambda: state(shell, "site") == "Ready", "site is ready")
        eventually(lambda: "REVISION" in shell("history", "site"), "a revision is kept")
        shell("redeploy", "site", "--wait")
        shell("remove", "site", "--yes")
        eventually(lambda: "no stacks" in shell("status"), "the tombstone is taken away")


def made_token(shell: Shell, name: str, rules: str) -> str:
    """A token with these rules, made by the administrator."""
    client: Any = shell.lab.consul.client()
    name = name.strip("/").replace("/", "-") + f"-{time.monotonic_ns()}"

    def put(path: str, body: dict[str, Any]) -> Any:
        headers = client.prepare_headers()
        answer = client.http.put(lambda r: r, path, data=json.dumps(body), headers=headers)
        assert answer.code == 200, answer.body
        return json.loads(answer.body)

    put("/v1/acl/policy", {"Name": name, "Rules": rules})
    return str(put("/v1/acl/token", {"Policies": [{"Name": name}]})["SecretID"])
