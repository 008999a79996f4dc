"""Secrets never leave: canaries in every place where a secret may stand, looked for in every output."""

import dataclasses
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desired_state.problems import DocumentRefused
from swarm_operator.observed.json import dig
from swarm_operator.observed.kv import KvEntry, KvTree, Put
from swarm_operator.plan import verdict
from swarm_operator.plan.actions import describe
from swarm_operator.plan.decide import Planned
from swarm_operator.plan.desired import read_tree
from swarm_operator.plan.redact import Redaction
from tests.laws.loop import Desk, converged
from tests.laws.worlds import INSTALLATION, OWNER, Document, documents, specs_of
from tests.simulated_swarm import SimulatedSwarm

MARK = "CANARY"


def canaries(round_: str) -> tuple[Document, dict[str, bytes]]:
    """A document whose every secret value holds the mark; `round_` makes the next version's differ."""

    def canary(place: str) -> str:
        return f"{MARK}-{place}-{round_}"

    document: Document = {
        "services": {
            "web": {
                "image": "nginx",
                "command": ["serve", "--password=${PW}", f"--token={canary('command')}"],
                "environment": {"A": canary("environment"), "B": "${PW}"},
                "env_file": ["web.env"],
                "labels": {"auth.basicauth.users": canary("container-label")},
                "healthcheck": {"test": ["CMD", "curl", "-u", "me:${PW}", "x"]},
                "logging": {"driver": "splunk", "options": {"splunk-token": canary("log-driver")}},
                "secrets": ["inline", "file"],
                "deploy": {
                    "labels": {
                        "traefik.http.middlewares.a.basicauth.users": canary("service-label"),
                        "note": "pw is ${PW}",
                    }
                },
                "volumes": ["share:/share"],
            }
        },
        "volumes": {
            "share": {"driver_opts": {"type": "cifs", "o": f"username=a,password={canary('cifs')}"}}
        },
        "secrets": {"inline": {"content": canary("inline")}, "file": {"file": "pw.txt"}},
    }
    files = {
        ".env": f"PW={canary('dotenv')}\n".encode(),
        "web.env": f"C={canary('env-file')}\n".encode(),
        "pw.txt": canary("secret-file").encode() + b"\n",
    }
    return document, files


def outputs(desk: Desk, planned: Planned) -> Iterator[str]:
    """Every text that a plan may become."""
    plan = planned.plan
    yield repr(planned)
    yield repr(desk.specs.services)
    for action in plan.everything():
        yield repr(action)
        yield json.dumps(describe(action))
        yield from (str(change) for change in action.changes)
    redaction = Redaction.of(desk.specs)
    now = desk.swarm.utc()
    health = verdict.services_health(list(desk.specs.services), desk.swarm.snapshot, now)
    findings = (
        *plan.findings,
        *verdict.from_held(plan.held),
        *verdict.from_health(health, redaction),
    )
    yield from (str(finding) for finding in findings)
    said = verdict.Verdict(
        plan.stack,
        findings=findings,
        services=verdict.service_statuses(health, {}, redaction),
        warnings=tuple(str(warning) for warning in desk.specs.warnings),
    )
    yield verdict.status(said, None, now).encode().decode()


@given(st.sampled_from(["create", "change", "drift", "drift of none", "tasks", "gone"]))
def test_no_secret_byte_in_any_output_of_the_core(change: str) -> None:
    """Of a stack's creation, its change, another hand's change, its tasks' errors, its emptying."""
    document, files = canaries("old")
    swarm = SimulatedSwarm()
    desk = Desk(swarm, specs_of(document, files=files))
    if change != "create":
        converged(swarm, desk.specs)
    match change:
        case "change":
            document, files = canaries("new")
            desk = dataclasses.replace(desk, specs=specs_of(document, files=files))
        case "drift" | "drift of none":
            template = dig(swarm.snapshot.services[0].spec, "TaskTemplate")
            container = {**template["ContainerSpec"], "Env": [f"A={MARK}1", f"A={MARK}2"]}
            swarm.edit("shop_web", TaskTemplate={**template, "ContainerSpec": container})
            if change == "drift of none":
                bare = specs_of({"services": {"web": {"image": "x"}}}, files=files)
                desk = dataclasses.replace(desk, specs=bare)
        case "tasks":
            # Programs say secrets in their errors, and engines quote what they were given.
            swarm.report_failure(f"cannot log in with {MARK}-dotenv-old")
            assert MARK in swarm.snapshot.tasks[0].error
        case "gone":
            empty = {"services": {"web": {"image": "nginx"}}}
            desk = dataclasses.replace(desk, specs=specs_of(empty, files=files))
    planned = desk.planned()
    if change in {"create", "change", "drift"}:
        assert planned.plan.actions
    for text in outputs(desk, planned):
        assert MARK not in text


_BROKEN = [
    {"services": {"web": {"image": "x", "environment": f"{MARK}"}}},
    {"services": {"web": {"image": "x", "environment": {"A": {"b": MARK}}}}},
    {"services": {"web": {"image": "x", "command": {"a": MARK}}}},
    {"services": {"web": {"image": "x", "deploy": {"labels": {"a.basicauth.users": [MARK]}}}}},
    {"services": {"web": {"image": "x"}}, "secrets": {"a": {"content": [MARK]}}},
    {"services": {"web": {"image": "x"}}, "secrets": {"a": MARK}},
    {"services": {"web": {"image": "x", "ports": ["${PW}:80"]}}},
    {"services": {"web": {"image": "${PW} is no image"}}},
    {"services": {"web": {"image": "x", "deploy": {"replicas": "${PW}"}}}},
    {"services": {"web": {"image": "x", "command": "${UNSET?${PW}}"}}},
]


@pytest.mark.parametrize("document", _BROKEN, ids=lambda document: json.dumps(document)[:60])
def test_no_secret_byte_in_any_problem(document: Document) -> None:
    """A refusal says where and what, never the value."""
    files = {".env": f"PW={MARK}-dotenv\n".encode(), "bad.env": f"{MARK} x=1\n".encode()}
    with pytest.raises(DocumentRefused) as refused:
        specs_of(document, files=files)
    for problem in refused.value.problems:
        assert MARK not in repr(problem)
    assert MARK not in str(refused.value)


def test_a_broken_env_file_is_not_quoted() -> None:
    """Neither the stack's variables nor a service's."""
    document = {"services": {"web": {"image": "x", "env_file": ["a.env"]}}}
    for name in (".env", "a.env"):
        files = {"a.env": b"A=1\n", name: f"{MARK} = {MARK}\n".encode()}
        assert MARK not in _said_of(document, files)


def _said_of(document: Document, files: dict[str, bytes]) -> str:
    """The problems of a document, or what it is taken with."""
    try:
        return "".join(map(str, specs_of(document, files=files).warnings))
    except DocumentRefused as refused:
        return str(refused)


def test_what_was_read_is_not_shown_by_its_repr() -> None:
    """A traceback, a log line or a failed assertion of a whole snapshot shows no value either."""
    entry = KvEntry(MARK.encode(), 3)
    tree = KvTree(
        3, {"stacks/shop/.env": entry, ".installation": KvEntry(INSTALLATION.encode(), 1)}
    )
    assert MARK not in repr(tree)
    assert MARK not in repr(read_tree(tree))
    assert MARK not in repr(Put("a", MARK.encode()))
    document, files = canaries("old")
    assert MARK not in repr(converged(SimulatedSwarm(), specs_of(document, files=files)).snapshot)
    assert OWNER.key.hex() not in repr(OWNER)
    assert repr(OWNER.key) not in repr(OWNER)


@given(documents(), documents())
def test_no_environment_value_in_any_plan(before: Document, after: Document) -> None:
    """Whatever else changes in the same service."""
    marked = [_marked(document, version) for document, version in ((before, "old"), (after, "new"))]
    desk = Desk(converged(SimulatedSwarm(), specs_of(marked[0])), specs_of(marked[1]))
    for text in outputs(desk, desk.planned()):
        assert MARK not in text


def _marked(document: Document, version: str) -> Document:
    services = {
        name: {**service, "environment": {"A": f"{MARK}-{version}"}}
        for name, service in document["services"].items()
    }
    secrets = {name: {"content": f"{MARK}-{name}-{version}"} for name in document["secrets"]}
    return {**document, "services": services, "secrets": secrets}
