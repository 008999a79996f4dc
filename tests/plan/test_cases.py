"""Scenarios as files: what was before, what is wished, and the plan in words.

Each file in `cases/` says in `title` what it shows. `before` is a list of what happened so far, each one
of the verbs of `_Story`; `document` (or `tombstone: true`) is what is wished now; `plan` is the text that
must come out. After a wanted change of wording, PLAN_CASES_WRITE=1 writes the texts anew: read the
difference before you believe it.
"""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from desired_state import keys
from desired_state.records import Request
from swarm_operator.observed.swarm import Task
from swarm_operator.plan.actions import Action, StackPlan
from swarm_operator.plan.decide import plan_gone
from tests.laws.engine import Engine
from tests.laws.loop import Desk
from tests.laws.worlds import STACK, bare_service, deployed_by_docker, specs_of

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
_MARK = "\nplan: |\n"


class _Story:
    """What happened before, step by step. Each public method is a verb of the files."""

    def __init__(self) -> None:
        self.desk = Desk(Engine(), specs_of({"services": {"none": {"image": "none"}}}))

    def tell(self, step: dict[str, Any]) -> None:
        ((verb, value),) = step.items()
        getattr(self, verb)(value)

    def _engine(self, engine: Engine) -> None:
        self.desk = dataclasses.replace(self.desk, engine=engine)

    def operator(self, document: Any) -> None:
        """The operator carried out this document, until nothing was left to do."""
        self.desk = dataclasses.replace(self.desk, specs=specs_of(document)).until_still()

    def sent(self, document: Any) -> None:
        """The operator carried out this document once, and did not look again."""
        self.desk = dataclasses.replace(self.desk, specs=specs_of(document)).step()

    def docker(self, document: Any) -> None:
        """`docker stack deploy`, with the digests and platforms that a registry gave."""
        digest = "@sha256:" + "ab" * 32
        specs = specs_of(document)
        self._engine(deployed_by_docker(self.desk.engine, specs, digest=digest, platforms=True))

    def scale(self, replicas: dict[str, int]) -> None:
        """`docker service scale`, by another hand."""
        for name, count in replicas.items():
            self._engine(self.desk.engine.scaled(name, count).settled())

    def set_image(self, images: dict[str, str]) -> None:
        """`docker service update --image`, by another hand."""
        for name, image in images.items():
            template = dict(self.desk.engine.swarm.services_by_name[name].spec["TaskTemplate"])
            template["ContainerSpec"] = {**template["ContainerSpec"], "Image": image}
            self._engine(self.desk.engine.edited(name, TaskTemplate=template).settled())

    def rolled_back(self, name: str) -> None:
        """Swarm, or `docker service rollback`, went back to the spec before."""
        self._engine(self.desk.engine.rolled_back(name).settled())

    def update_paused(self, name: str) -> None:
        """An update failed, and its failure action is pause."""
        self._changed(name, update_state="paused", update_message="update paused due to failure")

    def _changed(self, name: str, **members: Any) -> None:
        swarm = self.desk.engine.swarm
        services = tuple(
            dataclasses.replace(s, **members) if s.name == name else s for s in swarm.services
        )
        swarm = dataclasses.replace(swarm, services=services)
        self._engine(dataclasses.replace(self.desk.engine, swarm=swarm))

    def task_starting(self, name: str) -> None:
        """One more task of the service is on its way."""
        swarm = self.desk.engine.swarm
        service = swarm.services_by_name[name]
        task = Task("new", service.id, "node1", 9, "running", "preparing")
        swarm = dataclasses.replace(swarm, tasks=(*swarm.tasks, task))
        self._engine(dataclasses.replace(self.desk.engine, swarm=swarm))

    def look(self, _nothing: None) -> None:
        """The operator looks, and does what it may."""
        self.desk = self.desk.step()

    def later(self, seconds: float) -> None:
        self.desk = dataclasses.replace(self.desk, now=self.desk.now + seconds)

    def restart(self, _nothing: None) -> None:
        """Another process goes on, and knows of the times nothing."""
        memories = {
            name: dataclasses.replace(memory, corrected={}, contested_until=0.0)
            for name, memory in self.desk.memories.items()
        }
        self.desk = dataclasses.replace(self.desk, memories=memories)

    def service(self, body: dict[str, Any]) -> None:
        """Somebody's `docker service create`."""
        spec = bare_service(body["name"], body.get("labels", {}))
        self._engine(self.desk.engine.service_created(spec).settled())

    def network(self, body: dict[str, Any]) -> None:
        """Somebody's `docker network create`."""
        self._engine(self.desk.engine.network_created({"Name": body["name"], "Labels": {}}))

    def config(self, body: dict[str, Any]) -> None:
        """Somebody's `docker config create`."""
        spec = {"Name": body["name"], "Data": "eA==", "Labels": {}}
        self._engine(self.desk.engine.config_created(spec))

    def incomplete(self, reason: str) -> None:
        """The managers answer, and not for all."""
        swarm = dataclasses.replace(self.desk.engine.swarm, incomplete=(reason,))
        self._engine(dataclasses.replace(self.desk.engine, swarm=swarm))

    def mode(self, mode: Any) -> None:
        self.desk = dataclasses.replace(self.desk, mode=mode)


def planned_text(case: dict[str, Any]) -> str:
    """The plan of a case as it should stand in its file."""
    story = _Story()
    for step in case.get("before", []):
        story.tell(step)
    desk = story.desk
    if case.get("tombstone"):
        return "\n".join(_text(plan_gone(STACK, desk.world(), "removed by ann").plan))
    files = {name: text.encode() for name, text in case.get("files", {}).items()}
    desk = dataclasses.replace(desk, specs=specs_of(case["document"], files=files))
    if case.get("approved"):
        request = Request(who="ann", digest=desk.planned().approval.digest)
        requests = {keys.RequestKey("approve", STACK): (request, 9)}
        desk = dataclasses.replace(
            desk, desired=dataclasses.replace(desk.desired, requests=requests)
        )
    return "\n".join(_text(desk.planned().plan))


def _text(plan: StackPlan) -> Iterator[str]:
    if plan.is_empty and not plan.findings:
        yield "nothing to do"
    for finding in plan.findings:
        yield f"{finding.type} ({finding.reason}): {finding.message}"
    for action in plan.actions:
        yield from _action(action)
    for held in plan.held:
        yield f"held ({held.hold}): {held.message}"
        yield from (f"  {line}" for line in _action(held.action))


def _action(action: Action) -> Iterator[str]:
    effect = f" [{action.effect}]" if action.changes else ""
    yield f"{action.verb} {action.kind} {action.name}{effect}: {action.reason}"
    for change in action.changes:
        yield f"  {change} [{change.effect}]"


def _wrong(path: Path) -> str | None:
    """What a case expects and does not get; None where it is right."""
    source = path.read_text()
    case = yaml.safe_load(source)
    found = planned_text(case)
    if os.environ.get("PLAN_CASES_WRITE"):
        body = "".join(f"  {line}\n" for line in found.splitlines())
        path.write_text(source.partition(_MARK)[0] + _MARK + body)
        return None
    expected = case["plan"].rstrip("\n")
    return None if expected == found else f"expected:\n{expected}\n\nfound:\n{found}"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    """The plan of the file's world is the plan that stands in the file."""
    wrong = _wrong(path)
    assert wrong is None, f"{path.name}: {wrong}"


def test_a_wrong_expectation_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner compares the whole text: one word more, and the case fails."""
    monkeypatch.delenv("PLAN_CASES_WRITE", raising=False)
    document = "document: {services: {web: {image: nginx}}}"
    case = tmp_path / "wrong.yaml"
    case.write_text(f"title: wrong\n{document}\nplan: |\n  nothing to do\n")
    wrong = _wrong(case)
    assert wrong is not None
    assert "create service shop_web" in wrong


def test_every_case_has_a_title_of_its_own() -> None:
    """The files double as documentation."""
    titles = [yaml.safe_load(path.read_text())["title"] for path in CASES]
    assert len(titles) >= 25
    assert len(set(titles)) == len(titles)
