"""No secret is ever to be read: a whole life of a stack, and all that the operator said about it."""

import base64
import json
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from desired_state import archive
from tests.cluster.harness import Lab, eventually
from tests.cluster.scenarios import Stage, service

WAITS_FOR_SUBNETS = True
SOON_S = 20
_REGISTRY = "registry.test"
_KINDS = (
    "secretfile", "inline", "envfile", "command", "label", "tag", "basicauth", "entrypoint", "port",
)  # fmt: skip
"""Where a value stands; `port` only in a document that is refused for it."""


class Canaries:
    """Values that are found wherever they come to light: another one for each place and version."""

    def __init__(self) -> None:
        self.all: set[str] = set()
        self.of_files: set[str] = set()
        self.password = self._new("registry")

    def version(self) -> dict[str, str]:
        """New values, by kind."""
        made = {kind: self._new(kind) for kind in _KINDS}
        self.of_files.add(made["secretfile"])
        return made

    def found_in(self, text: str, *, only: set[str] | None = None) -> list[str]:
        """Those that the text holds, as they are or in base64."""
        return [
            canary
            for canary in sorted(self.all if only is None else only)
            if canary in text or base64.b64encode(canary.encode()).decode().rstrip("=") in text
        ]

    def _new(self, kind: str) -> str:
        canary = f"canary{kind}{secrets.token_hex(6)}"
        self.all.add(canary)
        return canary


@pytest.fixture(scope="module")
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture(scope="module")
def stage(shared_swarm: Lab, canaries: Canaries) -> Iterator[Stage]:
    credentials = shared_swarm.client.directory / "registry.json"
    entry = {"auth": base64.b64encode(f"somebody:{canaries.password}".encode()).decode()}
    credentials.write_text(json.dumps({"auths": {_REGISTRY: entry}}), encoding="utf-8")
    environment = {
        "SWARM_OPERATOR_REGISTRY_CONFIG": str(credentials),
        "SWARM_OPERATOR_LOG_LEVEL": "debug",
    }
    with Stage.of(shared_swarm, environment=environment) as made:
        yield made


def _files(values: dict[str, str], *, fails: bool = False, **web: Any) -> dict[str, str]:
    """A stack that has a secret in each place where people put one."""
    users = "traefik.http.middlewares.login.basicauth.users"
    used = service(
        entrypoint=["until-term", "sh", "-c", "sleep 100000; echo ${COMMAND}"],
        environment={"PASSWORD": values["inline"]},
        env_file=["web.env"],
        secrets=["key"],
        deploy={"labels": {"note": "with ${LABEL} in it", users: f"admin:{values['basicauth']}"}},
    )
    private = service(f"{_REGISTRY}/private:${{TAG}}", replicas=1 if fails else 0)
    broken = service(
        entrypoint=["${ENTRYPOINT}"], replicas=1 if fails else 0, environment={"A": "b"}
    )
    variables = {name.upper(): values[name] for name in ("command", "label", "tag", "entrypoint")}
    document = {
        "services": {"web": {**used, **web}, "private": private, "broken": broken},
        "secrets": {"key": {"file": "./key.txt"}},
    }
    return {
        "compose.yaml": json.dumps(document, indent=1),
        ".env": "".join(f"{k}={v}\n" for k, v in {**variables, "PORT": values["port"]}.items()),
        "web.env": f"TOKEN={values['envfile']}\n",
        "key.txt": f"{values['secretfile']}\n",
    }


class Said:
    """All that the operator and its command line say, by where they said it."""

    def __init__(self, stage: Stage, stack: str, folder: Path) -> None:
        self.stage = stage
        self.stack = stack
        self.folder = folder
        self.texts: dict[str, str] = {}

    def listen(self, when: str, *, ask: bool = True) -> None:
        """Read everything that can be read now; `ask` the command line, too."""
        operator, stack = self.stage.operator, self.stack
        for path in ("/metrics", "/readyz", "/livez"):
            self._note(when, path, operator.get(path).body)
        for key in self.stage.keys_below():
            if not key.startswith(("desired/", "history/")) or key.endswith("/index"):
                self._note(when, key, (self.stage.key(key) or b"").decode())
        if not ask:
            return
        services = [("why", f"{stack}_{name}") for name in ("web", "broken", "private")]
        verbs = [(verb, stack) for verb in ("status", "plan", "events", "history")]
        since = [("diff", stack, "--from", number) for number in self.revisions()[-1:]]
        asked = [*services, *verbs, *since, ("diff", f"{self.folder}/")]
        both = [(*one, *form) for one in asked for form in ((), ("-o", "json"))]
        with ThreadPoolExecutor(4) as pool:
            for name, text in zip(both, pool.map(self._printed, both), strict=True):
                self._note(when, " ".join(name), text)

    def _printed(self, arguments: tuple[str, ...]) -> str:
        """What a verb prints; whether it succeeds is no matter."""
        done = self.stage.operator.cli(*arguments, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    def act(self, *arguments: str | Path) -> None:
        done = self.stage.operator.cli(*arguments, check=False)
        self._note("", " ".join(map(str, arguments)), done.stdout + done.stderr)

    def revisions(self) -> list[str]:
        value = self.stage.key(f"history/{self.stack}/index")
        found = json.loads(value)["revisions"] if value else []
        return [str(revision["number"]) for revision in found]

    def _note(self, when: str, where: str, text: str) -> None:
        self.texts[f"{when}: {where} ({len(self.texts)})"] = text


def test_a_stack_lives_and_no_secret_of_it_is_told(
    stage: Stage, stack: str, canaries: Canaries, tmp_path: Path
) -> None:
    folder = tmp_path / stack
    folder.mkdir()
    said = Said(stage, stack, folder)

    def push(files: dict[str, str]) -> None:
        for path, content in files.items():
            (folder / path).write_text(content, encoding="utf-8")
        said.act("validate", folder)
        said.act("push", folder)

    first, second, third, fourth = (canaries.version() for _ in range(4))
    push(_files(first))
    stage.wait_until_ready(stack)
    eventually(lambda: said.revisions() == ["1"], SOON_S)
    assert first["basicauth"] in str(stage.spec(f"{stack}_web")), "the canaries are used"
    said.listen("created", ask=False)

    push(_files(second))
    eventually(lambda: second["basicauth"] in str(stage.spec(f"{stack}_web")), SOON_S)
    stage.wait_until_ready(stack)
    eventually(lambda: said.revisions() == ["1", "2"], SOON_S)
    said.listen("changed")

    push(_files(third, fails=True))
    stage.wait_for_condition(stack, "Degraded", says=f"{stack}_broken", within=20)
    eventually(lambda: "No such image" in str(stage.status(stack)["services"]), 20)
    eventually(lambda: third["entrypoint"] in str(stage.lab.tasks(f"{stack}_broken")), SOON_S)
    said.listen("failing")

    # New values, while the tasks still fail with the old ones; then in a document that is refused,
    # which is said with the value at fault.
    push(_files(fourth, fails=True))
    eventually(lambda: fourth["basicauth"] in str(stage.spec(f"{stack}_web")), SOON_S)
    said.listen("failing anew")
    refused = canaries.version()
    wrongs: tuple[dict[str, Any], ...] = (
        {"ports": ["${PORT}"]},
        {"stop_grace_period": "${PORT}", "imagee": "x"},
        {"ulimits": {"nofile": "${PORT}"}, "environment": {"PASSWORD": [refused["inline"]]}},
    )
    for number, wrong in enumerate(wrongs):
        stage.put(stack, _files(refused, fails=True, **wrong))
        stage.wait_for(stack, "Invalid", reason="DocumentRefused")
        said.listen(f"refused {number}", ask=wrong is wrongs[-1])

    # A new operator has never met the old values; nor has who looks ahead without one.
    stage.operator.stop()
    stage.operator.start(ready=True)
    stage.wait_until_leading()
    said.listen("after a restart")
    stage.operator.stop()
    stage.put(stack, _files(canaries.version(), fails=True))
    for arguments in (("plan", stack), ("diff", stack), ("why", f"{stack}_web")):
        said.act(*arguments)
    stage.operator.start(ready=True)
    stage.wait_until_leading()
    stage.wait_for_condition(stack, "Degraded", says=f"{stack}_broken", within=20)
    said.listen("after a restart, mended")

    said.act("rollback", stack, "--to", "1", "--yes")
    eventually(lambda: first["basicauth"] in str(stage.spec(f"{stack}_web")), SOON_S)
    said.listen("rolled back")
    kept = {
        f"{number}/{path}": data.decode()
        for number in said.revisions()
        for path, data in _kept(stage, stack, number).items()
    }
    assert f"1/{'.env'}" in kept
    for path, text in kept.items():
        assert not canaries.found_in(text, only=canaries.of_files), path

    said.act("remove", stack, "--yes")
    eventually(lambda: not stage.versions(stack), 15)
    said.listen("removed")

    told = {
        where: found for where, text in said.texts.items() if (found := canaries.found_in(text))
    }
    for number, line in enumerate(stage.operator.log.read_text(encoding="utf-8").splitlines()):
        if found := canaries.found_in(line):
            told[f"log, line {number}: {line[:200]}"] = found
    assert not told, json.dumps(told, indent=1)
    everything = "\n".join(said.texts.values())
    assert "(hidden)" in everything, "and it was said that something is"
    assert f"{stack}_web" in everything


def _kept(stage: Stage, stack: str, number: str) -> dict[str, bytes]:
    prefix = f"history/{stack}/{int(number):06d}/"
    return dict(archive.unpack([stage.key(key) or b"" for key in stage.keys_below(prefix)]))
