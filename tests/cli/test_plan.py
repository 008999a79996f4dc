"""`plan`: its exit codes, its text and its JSON."""

import json
from dataclasses import replace
from pathlib import Path

import click
import pytest

from swarm_operator.cli import plan_view
from swarm_operator.cli.plan import exit_code
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.actions import (
    Change,
    Create,
    Effect,
    Finding,
    Held,
    Hold,
    Kind,
    Remove,
    StackPlan,
    UpdateService,
)
from swarm_operator.runtime.planner import PlanReport
from tests.cli.conftest import CommandLine

CREATE = Create(Kind.NETWORK, "wiki_default", "wiki", "new", {"Name": "wiki_default"})
UPDATE = UpdateService(
    name="wiki_web",
    stack="wiki",
    reason="the document changed",
    service_id="id",
    version=7,
    spec={"Env": "body-secret"},
    wished="digest",
    changes=(
        Change("TaskTemplate.ContainerSpec.Image", "nginx:1", "nginx:2", Effect.RESTARTS),
        Change("Labels.colour", None, "red", Effect.NONE),
    ),
)
REMOVE = Remove(Kind.SERVICE, "wiki_old", "wiki", "not in the document any more", "id2")
PLAN = StackPlan(
    "wiki",
    "abc",
    actions=(CREATE, UPDATE),
    held=tuple(
        Held(action, Hold.NEEDS_APPROVAL, "more than half of the stack")
        for action in (REMOVE, replace(REMOVE, name="wiki_older"))
    ),
    findings=(Finding("NetworkChanged", "SubnetDiffers", "wiki_back: subnet differs"),),
)


def text(report: PlanReport) -> str:
    return click.unstyle("\n".join(plan_view.as_text(report)))


def test_a_pushed_stack_is_a_plan_with_changes(run: CommandLine, wiki: Path) -> None:
    run("init")
    run("push", wiki)
    run.fake_kv.commits.clear()
    result = run("plan")
    assert result.exit_code == 2, result.stderr
    assert "create service wiki_web" in result.stdout
    assert "create network wiki_default" in result.stdout
    assert "open-sesame" not in result.output
    document = json.loads(run("plan", "wiki", "-o", "json").stdout)
    assert document["changes"] is True
    names = [action["name"] for action in document["stacks"][0]["actions"]]
    assert names.index("wiki_default") < names.index("wiki_web")
    assert "open-sesame" not in json.dumps(document)
    assert run.fake_kv.commits == []


def test_nothing_to_do_is_exit_code_0(run: CommandLine) -> None:
    run("init")
    result = run("plan")
    assert (result.exit_code, result.stdout) == (0, "no stacks\n")


def test_a_refused_document_is_exit_code_1_and_names_the_place(
    run: CommandLine, wiki: Path
) -> None:
    run("init")
    run("push", wiki)
    run.fake_kv.put("desired/stacks/bad/compose.yaml", "services: {web: {imagee: x}}\n")
    result = run("plan")
    assert result.exit_code == 1
    assert "compose.yaml:1:18: error: services.web.imagee" in result.stderr
    assert "wiki_web" in result.stdout, "the other stack is planned all the same"


def test_an_unknown_stack_is_an_error(run: CommandLine) -> None:
    run("init")
    result = run("plan", "nope")
    assert result.exit_code == 1
    assert result.stderr == "Error: there is no stack nope in the KV\n"


def test_half_a_world_is_no_proof_of_nothing_to_do(run: CommandLine) -> None:
    run("init")
    run.fake_swarm.swarm = Swarm(cluster_id="swarm-1", incomplete=("no majority",))
    result = run("plan")
    assert result.exit_code == 1
    assert "incomplete: no majority" in result.stderr


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (PlanReport(plans=(StackPlan("wiki"),)), 0),
        (PlanReport(plans=(PLAN,)), 2),
        (PlanReport(plans=(PLAN,), problems=(("bad", ()),)), 1),
        (PlanReport(plans=(PLAN,), incomplete=("x",)), 2),
        (PlanReport(plans=(), incomplete=("x",)), 1),
    ],
)
def test_exit_codes(report: PlanReport, code: int) -> None:
    assert exit_code(report) == code


def test_the_text_says_each_action_its_effect_reason_and_changes() -> None:
    assert text(PlanReport(plans=(PLAN, StackPlan("blog")))).splitlines() == [
        "wiki: 2 actions, 2 held",
        "  ! NetworkChanged (SubnetDiffers): wiki_back: subnet differs",
        "  + create network wiki_default: new",
        "  ~ update service wiki_web [restarts tasks]: the document changed",
        "      TaskTemplate.ContainerSpec.Image: nginx:1 → nginx:2 [restarts tasks]",
        "      Labels.colour: (absent) → red [none]",
        "  - remove service wiki_old: not in the document any more",
        "  - remove service wiki_older: not in the document any more",
        "    held (NeedsApproval): more than half of the stack",
        "blog: nothing to do",
    ]


def test_no_body_is_in_any_rendering() -> None:
    report = PlanReport(plans=(PLAN,))
    assert "body-secret" not in text(report) + json.dumps(plan_view.as_json(report))


def test_json_keeps_order_holds_and_findings() -> None:
    (stack,) = plan_view.as_json(PlanReport(plans=(PLAN,)))["stacks"]
    assert [action["verb"] for action in stack["actions"]] == ["create", "update"]
    assert stack["held"][0]["hold"] == "NeedsApproval"
    assert stack["findings"][0]["type"] == "NetworkChanged"
    assert stack["actions"][1]["changes"][0]["after"] == "nginx:2"
