"""Run the real Docker CLI over the corpus and keep what it sends.

`python -m tests.parity.capture [--engine unix://SOCKET] [--check] [CASE …]`

Without `--engine` a swarm of one node is started by the cluster harness (engine 28, needs root).
The node is drained first, so that no task of the corpus ever runs. With `--check` nothing is
written: the exit code says whether the stored files still agree with the CLI.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.harness import Lab
from tests.parity.cases import NOT_CONTENT, Case, cases
from tests.parity.recorder import KINDS, Created, Recording, RecordingProxy, UnixConnection

GROUPS = ("valid", "invalid", "differences")
_IGNORED_OUTPUT = ("Since --detach=false", "Creating ", "Updating ")


@dataclass(frozen=True, slots=True)
class Engine:
    """The few calls of the Engine API that the capture makes itself."""

    socket: Path

    def call(self, method: str, path: str, body: object = None) -> Any:
        connection = UnixConnection(str(self.socket))
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            raise RuntimeError(f"{method} {path}: {response.status} {text.decode()}")
        return json.loads(text) if text.strip() else None

    def drain(self) -> None:
        """Let the node accept everything and run nothing."""
        (node,) = self.call("GET", "/nodes")
        spec = {**node["Spec"], "Availability": "drain"}
        self.call("POST", f"/nodes/{node['ID']}/update?version={node['Version']['Index']}", spec)

    def names(self, kind: str) -> dict[str, str]:
        """Names of all configs or secrets by their id."""
        return {item["ID"]: item["Spec"]["Name"] for item in self.call("GET", f"/{kind}")}

    def clean(self) -> None:
        """Remove everything that a deployment left behind; a network goes after its tasks."""
        for kind in ("services", "configs", "secrets"):
            for item in self.call("GET", f"/{kind}"):
                self.call("DELETE", f"/{kind}/{item['ID']}")
        deadline = time.monotonic() + 30
        while networks := self._own_networks():
            for network in networks:
                with contextlib.suppress(RuntimeError):
                    self.call("DELETE", f"/networks/{network}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"networks {networks} cannot be removed")
            time.sleep(0.02)

    def _own_networks(self) -> list[str]:
        predefined = {"bridge", "host", "none", "ingress", "docker_gwbridge"}
        return [n["Id"] for n in self.call("GET", "/networks") if n["Name"] not in predefined]

    def create_externals(self, externals: dict[str, list[str]]) -> None:
        """Make the objects that a document expects to be there."""
        for name in externals.get("networks", []):
            self.call("POST", "/networks/create", {"Name": name, "Driver": "overlay"})
        for kind in ("configs", "secrets"):
            for name in externals.get(kind, []):
                self.call("POST", f"/{kind}/create", {"Name": name, "Data": "ZXh0ZXJuYWw="})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case: the content of its captured files, by file name."""

    files: dict[str, str]


def capture(case: Case, engine: Engine, proxy: RecordingProxy, docker: str) -> Outcome:
    """Deploy one case with the Docker CLI and take the engine back to where it was."""
    engine.create_externals(case.externals)
    proxy.take()
    with tempfile.TemporaryDirectory(prefix="parity-") as scratch:
        result = deploy(case, Path(scratch), proxy.host, docker)
        recording = proxy.take()
        ids = {kind: engine.names(kind) for kind in ("configs", "secrets")}
        engine.clean()
        return outcome(result, recording, ids, scratch)


def deploy(case: Case, scratch: Path, host: str, docker: str) -> subprocess.CompletedProcess[str]:
    """Run `docker stack deploy` in a copy of the case's folder, with its variables alone."""
    directory = scratch / case.project_directory.lstrip("/")
    shutil.copytree(
        case.folder, directory, ignore=shutil.ignore_patterns(".env", *NOT_CONTENT), symlinks=True
    )
    arguments = [part for document in case.documents for part in ("-c", document)]
    options = ["--resolve-image", "never", "--detach=true"]
    return subprocess.run(
        [docker, "stack", "deploy", *options, *arguments, case.stack],
        check=False,
        cwd=directory,
        env={**case.environment, "DOCKER_HOST": host, "HOME": str(scratch / "root")},
        capture_output=True,
        text=True,
        timeout=120,
    )


def outcome(
    result: subprocess.CompletedProcess[str],
    recording: Recording,
    ids: dict[str, dict[str, str]],
    scratch: str,
) -> Outcome:
    """What to store: the bodies where the CLI succeeded, else who refused and why."""
    text = lasting(result.stderr.replace(scratch, "").strip())
    if result.returncode == 0:
        files = {"expected.json": pretty(bodies(recording.created, ids, scratch))}
        if warnings := cli_warnings(text):
            files["warnings.txt"] = warnings + "\n"
        return Outcome(files)
    by_engine = any(created.status >= 400 for created in recording.created)
    who = "engine" if by_engine else "cli"
    return Outcome({"error.json": pretty({"stage": who, "text": text})})


def lasting(text: str) -> str:
    """The CLI's words without what another run would say otherwise: times and ids."""
    return re.sub(r'time="[^"]*" ', "", re.sub(r" \([0-9a-z]{25}\)", "", text))


def cli_warnings(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith(_IGNORED_OUTPUT))


def bodies(
    created: list[Created], ids: dict[str, dict[str, str]], scratch: str
) -> dict[str, dict[str, Any]]:
    """The bodies by kind and name; ids by names, and paths as in the project's directory."""
    result: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    for item in created:
        body = without_prefix(item.body, scratch)
        if item.kind == "services":
            name_references(body["TaskTemplate"]["ContainerSpec"], ids)
        result[item.kind][body["Name"]] = body
    return result


def without_prefix(value: Any, prefix: str) -> Any:
    """Paths below the scratch folder become the paths that they stand for."""
    if isinstance(value, dict):
        return {key: without_prefix(item, prefix) for key, item in value.items()}
    if isinstance(value, list):
        return [without_prefix(item, prefix) for item in value]
    return value.removeprefix(prefix) if isinstance(value, str) else value


def name_references(container: dict[str, Any], ids: dict[str, dict[str, str]]) -> None:
    """Put the name of a config or secret where the CLI put its id (changes `container`)."""
    for reference in container.get("Configs") or []:
        reference["ConfigID"] = ids["configs"][reference["ConfigID"]]
    for reference in container.get("Secrets") or []:
        reference["SecretID"] = ids["secrets"][reference["SecretID"]]
    credential = (container.get("Privileges") or {}).get("CredentialSpec") or {}
    if credential.get("Config"):
        credential["Config"] = ids["configs"][credential["Config"]]


def pretty(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def store(case: Case, captured: Outcome) -> None:
    """Write the captured files of a case and take away those of an earlier capture."""
    for name in ("expected.json", "error.json", "warnings.txt"):
        (case.folder / name).unlink(missing_ok=True)
    for name, text in captured.files.items():
        (case.folder / name).write_text(text)


def stored(case: Case) -> Outcome:
    names = ("expected.json", "error.json", "warnings.txt")
    paths = [case.folder / name for name in names]
    return Outcome({path.name: path.read_text() for path in paths if path.exists()})


def agree(captured: Outcome, kept: Outcome) -> bool:
    """Equal; of a refusal its stage alone: which of two services is named first is chance."""
    if {"error.json"} == captured.files.keys() == kept.files.keys():
        return stage(captured) == stage(kept)
    return captured == kept


def stage(refused: Outcome) -> str:
    return str(json.loads(refused.files["error.json"])["stage"])


@contextlib.contextmanager
def harness_engine() -> Iterator[Path]:
    """The socket of a manager that the cluster harness starts for this capture alone."""
    with Lab.start(nodes=1, managers=1, engine="28") as lab:
        yield lab.node(1).socket


def misplaced(case: Case, captured: Outcome) -> str | None:
    """Why the outcome contradicts the group that the case lies in, None where it does not."""
    refused = "error.json" in captured.files
    group = case.folder.parent.name
    if group == "valid" and refused:
        return "refused by the CLI or the engine: " + captured.files["error.json"]
    if group == "invalid" and not refused:
        return "accepted by the CLI and the engine"
    return None


def run(chosen: list[Case], socket: Path, docker: str, check: bool) -> int:
    """Capture the chosen cases; the number of those that disagree or are misplaced."""
    engine = Engine(socket)
    engine.drain()
    engine.clean()
    wrong = 0
    with (
        tempfile.TemporaryDirectory(prefix="parity-proxy-") as folder,
        RecordingProxy(Path(folder) / "docker.sock", socket) as proxy,
    ):
        for case in chosen:
            captured = capture(case, engine, proxy, docker)
            problem = misplaced(case, captured)
            if problem is None and check and not agree(captured, stored(case)):
                problem = "the stored files differ from what the CLI does now"
            if problem is not None:
                wrong += 1
                print(f"{case.folder.parent.name}/{case.name}: {problem}", file=sys.stderr)
            if not check:
                store(case, captured)
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help="group, group/name or name")
    parser.add_argument("--engine", metavar="unix://SOCKET", help="a manager to use instead")
    parser.add_argument("--docker", default=shutil.which("docker"), help="the CLI to capture")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    if options.docker is None:
        parser.error("no docker CLI is installed here")
    chosen = [
        case
        for group in GROUPS
        for case in cases(group)
        if not options.cases or {group, case.name, f"{group}/{case.name}"} & set(options.cases)
    ]
    with contextlib.ExitStack() as stack:
        if options.engine:
            socket = Path(options.engine.removeprefix("unix://"))
        else:
            socket = stack.enter_context(harness_engine())
        wrong = run(chosen, socket, str(Path(options.docker).resolve()), options.check)
    print(f"{len(chosen)} cases captured, {wrong} of them wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
