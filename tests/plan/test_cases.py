"""Scenarios as files: what was before, what is wished, and the plan in words.

Each file in `cases/` says in `title` what it shows. `before` is a list of what happened so far, each one
of the verbs of `_Story`; `document` (or `tombstone: true`) is what is wished now; `plan` is the text that
must come out. After a wanted change of wording, PLAN_CASES_WRITE=1 writes the texts anew: read the
difference before you believe it.
"""

import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from desired_state import keys
from desired_state.records import Request
from swarm_operator.plan.actions import Action, StackPlan
from swarm_operator.plan.decide import plan_gone
from swarm_operator.simulation.engine.images import Behaviour
from tests.laws.loop import Desk
from tests.laws.worlds import STACK, bare_service, deployed_by_docker, specs_of
from tests.simulated_swarm import FAILS, SimulatedSwarm

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
_MARK = "\nplan: |\n"
_ID = re.compile(r"\b[0-9a-z]{25}\b")
_SLOW = Behaviour(start_s=600.0)


class _Story:
    """What happened before, step by step. Each public method is a verb of the files."""

    def __init__(self) -> None:
        self.swarm = SimulatedSwarm()
        self.desk = Desk(self.swarm, specs_of({"services": {"none": {"image": "none"}}}))

    def tell(self, step: dict[str, Any]) -> None:
        ((verb, value),) = step.items()
        getattr(self, verb)(value)

    def operator(self, document: Any) -> None:
        """The operator carried out this document, until nothing was left to do."""
        self.desk = dataclasses.replace(self.desk, specs=specs_of(document)).until_still()

    def sent(self, document: Any) -> None:
        """The operator carried out this document once, and did not look again."""
        self.desk = dataclasses.replace(self.desk, specs=specs_of(document)).step()

    def docker(self, document: Any) -> None:
        """`docker stack deploy`, with the digests and platforms that a registry gave."""
        digest = "@sha256:" + "ab" * 32
        deployed_by_docker(self.swarm, specs_of(document), digest=digest, platforms=True)

    def scale(self, replicas: dict[str, int]) -> None:
        """`docker service scale`, by another hand."""
        for name, count in replicas.items():
            self.swarm.scale(name, count)
            self.swarm.settle()

    def set_image(self, images: dict[str, str]) -> None:
        """`docker service update --image`, by another hand."""
        for name, image in images.items():
            self.swarm.set_image(name, image)
            self.swarm.settle()

    def rolled_back(self, name: str) -> None:
        """`docker service rollback`."""
        self.swarm.roll_back(name)
        self.swarm.settle()

    def broken(self, image: str) -> None:
        """From now on the image's containers end at once."""
        self.swarm.engine.images.scripted[image] = FAILS

    def slow(self, image: str) -> None:
        """From now on the image's containers take long to start."""
        self.swarm.engine.images.scripted[image] = _SLOW

    def dead(self, hostname: str) -> None:
        """The node lost its power, and Swarm makes new tasks for those it had."""
        self.swarm.engine.kill_node(hostname)
        self.swarm.advance(30)

    def look(self, _nothing: None) -> None:
        """The operator looks, and does what it may."""
        self.desk = self.desk.step()

    def later(self, seconds: float) -> None:
        self.swarm.advance(seconds)

    def restart(self, _nothing: None) -> None:
        """Another process goes on, and knows of the times nothing."""
        memories = {
            name: dataclasses.replace(memory, corrected={}, contested_until=0.0)
            for name, memory in self.desk.memories.items()
        }
        self.desk = dataclasses.replace(self.desk, memories=memories)

    def service(self, body: dict[str, Any]) -> None:
        """Somebody's `docker service create`."""
        self.swarm.hand.create_service(bare_service(body["name"], body.get("labels", {})))
        self.swarm.settle()

    def network(self, body: dict[str, Any]) -> None:
        """Somebody's `docker network create`."""
        network = {"Name": body["name"], "Driver": "overlay", "Labels": {}}
        self.swarm.hand.create_network(network)

    def config(self, body: dict[str, Any]) -> None:
        """Somebody's `docker config create`."""
        self.swarm.hand.create_config({"Name": body["name"], "Data": "eA==", "Labels": {}})

    def cut_off(self, _nothing: None) -> None:
        """The manager that we ask hears no other, and noticed it."""
        self.swarm.cut_off()

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
    return _ID.sub("(id)", "\n".join(_text(desk.planned().plan)))


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
