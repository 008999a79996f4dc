"""The operator on a lab, between a counting proxy for Docker and one for Consul."""

import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import requests

from tests.cluster.harness import Lab, always, eventually
from tests.cluster.harness.faults import Request
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.scenarios.documents import JsonObject

ROOT = "swarm-operator/"
_TTL_S = 10
"""The shortest that Consul allows."""


class Stage:
    """A lab, its proxies and an operator that works through them; helpers that read like sentences.

    `kv` goes past the proxy, so that what a test itself writes is not counted.
    """

    def __init__(self, lab: Lab, *, name: str = "operator", **options: Any) -> None:
        self.lab = lab
        self.docker = lab.docker_proxy(keep_bodies=True)
        self.consul = lab.consul_proxy(keep_bodies=True)
        self.kv: Any = lab.consul.client().kv
        self._leaving: set[str] = set()
        environment = {
            "SWARM_OPERATOR_SESSION_TTL": f"{_TTL_S}s",
            "SWARM_OPERATOR_LOCK_DELAY": "0s",
            **options.pop("environment", {}),
        }
        self.operator = OperatorProcess(
            lab,
            name=name,
            docker_host=self.docker.socket,
            consul_addr=self.consul.url.removeprefix("http://"),
            environment=environment,
            **options,
        )

    @classmethod
    @contextmanager
    def of(cls, lab: Lab, *parts: Any, **options: Any) -> Iterator[Self]:
        """A stage whose operator runs and leads; it and the proxies end with the `with`.

        `parts` are what else a kind of stage is made of: a Traefik, a name server.
        """
        made = cls(lab, *parts, **options)
        try:
            made.operator.start(ready=True)
            made.wait_until_leading()
            yield made
        finally:
            made.close()

    def close(self) -> None:
        """End the operator at once, and the proxies."""
        self.operator.kill()
        self.docker.close()
        self.consul.close()

    def wait_until_leading(self, within: float = 15) -> None:
        """Wait until this operator holds the lease and has looked at everything once."""
        eventually(
            lambda: self.operator.metric("swarm_operator_leader") == 1,
            within,
            f"{self.operator.name} should lead",
        )

    # The KV -------------------------------------------------------------------------------------

    def put(self, stack: str, files: str | Mapping[str, str | bytes]) -> None:
        """Write a folder as people do, key by key; a mere text is the document."""
        contents = {"compose.yaml": files} if isinstance(files, str) else files
        for path, content in contents.items():
            assert self.kv.put(f"{ROOT}desired/stacks/{stack}/{path}", content)

    def push(self, stack: str, files: str | Mapping[str, str], directory: Path) -> str:
        """Push a folder by the command line; returns what it printed."""
        folder = directory / stack
        folder.mkdir(exist_ok=True)
        contents = {"compose.yaml": files} if isinstance(files, str) else files
        for path, content in contents.items():
            (folder / path).write_text(content, encoding="utf-8")
        return self.operator.cli("push", folder).stdout

    def delete_folder(self, stack: str) -> None:
        """Delete a folder as people do, without a tombstone."""
        assert self.kv.delete(f"{ROOT}desired/stacks/{stack}/", recurse=True)

    def remove(self, stack: str) -> None:
        """Ask for a stack's removal as `swarm-operator remove` does."""
        self.kv.put(f"{ROOT}desired/removed/{stack}", json.dumps({"who": "a test"}))
        self.delete_folder(stack)

    def leave(self, stack: str) -> None:
        """Ask for a stack's removal, and count nothing of it any more."""
        engine: Any = self.lab.manager.docker
        chosen = {"label": f"com.docker.stack.namespace={stack}"}
        for found in (engine.networks, engine.configs, engine.secrets, engine.services):
            for item in found(filters=chosen):
                self._leaving.add(item.get("Id") or item["ID"])
        self.remove(stack)

    def ask(self, verb: str, target: str, **fields: str) -> None:
        """Write a request, as the command line does."""
        self.kv.put(f"{ROOT}desired/requests/{verb}/{target}", json.dumps(fields))

    def key(self, key: str) -> bytes | None:
        """The value of a key below the root; None if there is none."""
        found = self.kv.get(ROOT + key)[1]
        value: bytes | None = (found["Value"] or b"") if found else None
        return value

    def keys_below(self, prefix: str = "") -> list[str]:
        """All keys below a prefix of the root, relative to the root."""
        found = self.kv.get(ROOT + prefix, keys=True)[1] or []
        return [key.removeprefix(ROOT) for key in found]

    # What the operator says ---------------------------------------------------------------------

    def status(self, stack: str) -> JsonObject:
        """The stack's status in the KV; empty if there is none."""
        value = self.key(f"status/stacks/{stack}")
        found: JsonObject = json.loads(value) if value else {}
        return found

    def wait_for(
        self,
        stack: str,
        state: str,
        *,
        reason: str | None = None,
        says: str = "",
        within: float = 15,
    ) -> JsonObject:
        """Wait until the headline of a stack's status is this; `says` is a part of its message."""

        def holds() -> JsonObject:
            found = self.status(stack)
            assert found.get("state") == state, found
            assert reason in (None, found["reason"]), found
            assert says in found["message"], found
            return found

        try:
            return eventually(holds, within, f"{stack} should be {state} {reason or ''} {says!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.operator.tail(3000)}") from None

    def wait_for_condition(
        self,
        stack: str,
        kind: str,
        *,
        reason: str | None = None,
        says: str = "",
        within: float = 15,
    ) -> JsonObject:
        """Wait until the status has this condition, whether as its headline or beside it."""

        def holds() -> JsonObject:
            found = self.status(stack)
            for condition in found.get("conditions", []):
                if condition["type"] == kind and reason in (None, condition["reason"]):
                    assert says in condition["message"], condition
                    return dict(condition)
            raise AssertionError(found)

        return eventually(holds, within, f"{stack} should have the condition {kind} {reason or ''}")

    def wait_until_ready(self, stack: str, within: float = 30) -> JsonObject:
        """Wait until the stack is Ready for the document that lies in the KV now."""
        return self.wait_for(stack, "Ready", within=within)

    def deploy(self, stack: str, files: str | Mapping[str, str | bytes]) -> None:
        """Write a folder and wait until the stack is Ready."""
        self.put(stack, files)
        self.wait_until_ready(stack)

    # What happened on the swarm -----------------------------------------------------------------

    def forget(self) -> None:
        """Count requests anew from here."""
        self.docker.reset()
        self.consul.reset()

    def writes(self) -> list[str]:
        """Writes to the swarm since `forget`, with the services' names in place of their ids."""
        return [
            self._named(request)
            for request in self.docker.writes()
            if request.path.split("/")[2] not in self._leaving
        ]

    def service_writes(self) -> list[str]:
        return [write for write in self.writes() if " /services/" in write]

    def wait_for_writes(self, count: int, within: float = 10) -> list[str]:
        """Wait until there were this many writes to services since `forget`; returns them.

        Raises AssertionError where there are more.
        """
        found = eventually(
            lambda: len(self.service_writes()) >= count and self.service_writes(),
            within,
            f"{count} writes to services",
        )
        assert len(found) == count, found
        return found

    def assert_no_writes(self, during: float, *, to_services_only: bool = False) -> None:
        """Raise AssertionError if anything is written to the swarm since `forget`, or now."""

        def none() -> bool:
            found = self.service_writes() if to_services_only else self.writes()
            assert not found, found
            return True

        always(none, during)

    def assert_no_writes_but_one(self, write: str, during: float = 0.7) -> None:
        """Raise AssertionError unless this is the only write since `forget`, and stays so."""
        self.assert_no_writes_but_these([write], during)

    def assert_no_writes_but_these(self, expected: list[str], during: float = 0.7) -> None:
        """Raise AssertionError unless these are all writes since `forget`, and it stays so."""

        def only() -> bool:
            found = self.writes()
            assert found == expected, found
            return True

        always(only, during)

    def kv_writes(self) -> list[str]:
        """Writes of the operator to Consul since `forget`, without renewals; keys of transactions."""
        found = []
        for request in self.consul.writes():
            if request.path == "/v1/txn":
                found += _written_keys(request)
            else:
                found.append(f"{request.method} {request.path}")
        return found

    def versions(self, stack: str = "") -> dict[str, int]:
        """The version index of every service (of a stack)."""
        return {
            name: found["Version"]["Index"]
            for name, found in self.lab.services().items()
            if not stack or name.startswith(f"{stack}_")
        }

    def updating(self, stack: str) -> list[str]:
        """Names of the stack's services whose update is under way."""
        return [
            name
            for name, found in self.lab.services().items()
            if name.startswith(f"{stack}_")
            and found.get("UpdateStatus", {}).get("State") in {"updating", "rollback_started"}
        ]

    def containers(self, *services: str) -> dict[str, set[str]]:
        """Ids of the containers of the running tasks, by service: equal means no restart."""
        return {
            name: {
                task["Status"]["ContainerStatus"]["ContainerID"]
                for task in self.lab.running_tasks(name)
            }
            for name in services
        }

    def spec(self, name: str) -> JsonObject:
        """A service's spec as it stands."""
        found: JsonObject = self.lab.service(name)["Spec"]
        return found

    def container_spec(self, name: str) -> JsonObject:
        found: JsonObject = self.spec(name)["TaskTemplate"]["ContainerSpec"]
        return found

    def update(self, *arguments: str) -> None:
        """`docker service update` by another hand, on the engine itself."""
        # The answer waits for nothing: a test watches what becomes of it.
        self.lab.docker_cli(
            self.lab.manager, "service", "update", "--detach", "--no-resolve-image", *arguments
        )

    def object_names(self, kind: str) -> set[str]:
        """Names of all configs or secrets of the swarm."""
        engine: Any = self.lab.manager.docker
        return {item["Spec"]["Name"] for item in getattr(engine, kind)()}

    def network_names(self) -> set[str]:
        engine: Any = self.lab.manager.docker
        return {item["Name"] for item in engine.networks(filters={"scope": "swarm"})}

    def _named(self, request: Request) -> str:
        parts = request.path.split("/")
        if parts[1] == "services" and len(parts) > 2:
            if parts[2] == "create":
                body: Any = request.json()
                return f"{request.method} /services/create {body['Name']}"
            names = {found["ID"]: name for name, found in self.lab.services().items()}
            parts[2] = names.get(parts[2], parts[2])
        return f"{request.method} {'/'.join(parts)}"


def first_at(requests: list[Request], method: str, path: str) -> float:
    """When the first such request passed (time.monotonic). Raises StopIteration without one."""
    return next(r.at for r in requests if r.method == method and r.path == path)


def _written_keys(request: Request) -> list[str]:
    operations: Any = request.json()
    return [
        f"{one['KV']['Verb']} {one['KV']['Key']}"
        for one in operations
        if "KV" in one and not one["KV"]["Verb"].startswith(("check", "get"))
    ]


def end_sessions(lab: Lab) -> None:
    """End the sessions of operators that were killed, as Consul does after their TTL."""
    url = f"{lab.consul.url}/v1/session"
    for session in requests.get(f"{url}/list", timeout=5).json():
        requests.put(f"{url}/destroy/{session['ID']}", timeout=5).raise_for_status()


_numbers = itertools.count(1)


@contextmanager
def a_stack(stage: Stage, *, wait: bool = False) -> Iterator[str]:
    """A stack's name for one test; what the test leaves of it is removed, by its tombstone.

    The tests of a module share one swarm and one operator: a new name is faster than a new swarm.
    Its containers take seconds to end; unless `wait`, the next test does not wait for that, and
    the collection of what they used is not counted.
    """
    name = f"stack{next(_numbers)}"
    yield name
    stage.leave(name)

    def gone() -> bool:
        left = [
            *stage.versions(name),
            *(stage.keys_below(f"desired/removed/{name}") if wait else []),
        ]
        assert not left, left
        return True

    try:
        eventually(gone, 20, f"{name} should be removed")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{stage.operator.tail(3000)}") from None
