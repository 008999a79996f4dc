"""Laws of the contract: what holds for every document that hypothesis can think of."""

import json
from typing import Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from desired_state import DocumentRefused, StackFolder
from desired_state.service import Service
from swarm_operator.plan.compose import render, specs_of

LAW = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

SECRET = "s3cr3t-Zq9"

WORDS = st.sampled_from(
    [
        *(
            "web",
            "data",
            "80",
            "8080:80",
            "1m",
            "5M",
            "0.5",
            "on",
            "a=b",
            "a:b",
            "./x",
            "/x",
            "v:/x",
        ),
        *("", "$", "${A}", "$A-b", "{{.Node.ID}}", "{{", "no", "~", "x" * 70, "é", "\n", "\0"),
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | WORDS
SERVICE_KEYS = st.sampled_from(
    [*(field.alias or name for name, field in Service.model_fields.items()), "x-a", "bogus"]
)
DEPLOY_KEYS = st.sampled_from(
    [
        *("mode", "replicas", "limits", "cpus", "memory", "condition", "delay", "labels", "target"),
        *("source", "type", "published", "test", "config", "subnet", "file", "content", "external"),
        *("name", "driver", "path", "soft", "hard", "aliases", "sync", "paused", "ignore", "bind"),
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(DEPLOY_KEYS | WORDS, children, max_size=3)
    ),
    max_leaves=6,
)
SERVICES = st.dictionaries(SERVICE_KEYS, VALUES, max_size=4).map(
    lambda service: {"image": "nginx", **service}
)
SECTIONS = st.dictionaries(WORDS, VALUES, max_size=2)
DOCUMENTS = st.fixed_dictionaries(
    {"services": st.dictionaries(WORDS, SERVICES | VALUES, max_size=3)},
    optional={
        "networks": SECTIONS,
        "volumes": SECTIONS,
        "configs": SECTIONS,
        "secrets": SECTIONS,
        "version": VALUES,
        "name": VALUES,
        "x-operator": VALUES,
    },
)


def outcome(files: dict[str, bytes]) -> str:
    """The specs or the problems of a folder, as one text."""
    try:
        _, specs = specs_of(StackFolder("s", files))
    except DocumentRefused as refused:
        return "\n".join(map(str, refused.problems)) or "refused without a reason"
    return json.dumps(render(specs, show_secrets=True))


def as_yaml(document: Any) -> bytes:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True).encode()


@LAW
@given(st.binary(max_size=200), st.binary(max_size=80))
@example(b"\xff\xfe", b"")
@example(b"a: &a\n  <<: *a", b"=")
@example(b"services: {w: {image: a, ports: [*x]}}", b"A='")
def test_any_bytes_are_a_stack_or_are_refused(source: bytes, variables: bytes) -> None:
    assert outcome({"compose.yaml": source, ".env": variables}) != "refused without a reason"


@LAW
@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@,?<\n \t0.$", max_size=80))
def test_any_text_is_a_stack_or_is_refused(text: str) -> None:
    outcome({"compose.yaml": text.encode()})


@LAW
@given(DOCUMENTS)
def test_any_mapping_is_a_stack_or_is_refused(document: dict[str, Any]) -> None:
    outcome({"compose.yaml": as_yaml(document), ".env": b"A=1\n", "x": b"1"})


@LAW
@given(DOCUMENTS)
def test_the_same_bytes_have_the_same_outcome(document: dict[str, Any]) -> None:
    files = {"compose.yaml": as_yaml(document)}
    assert outcome(files) == outcome(files)


@LAW
@given(DOCUMENTS, st.randoms(use_true_random=False))
def test_the_order_of_keys_means_nothing(document: dict[str, Any], random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = list(value.items())
            random.shuffle(items)
            return {key: shuffled(item) for key, item in items}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    first = outcome({"compose.yaml": as_yaml(document)})
    second = outcome({"compose.yaml": as_yaml(shuffled(document))})
    if first.startswith("{") or second.startswith("{"):
        assert json.loads(first) == json.loads(second)


@LAW
@given(DOCUMENTS, SERVICE_KEYS, VALUES)
def test_no_problem_holds_a_secret(document: dict[str, Any], key: str, value: Any) -> None:
    """The value of `.env` is put wherever it can go wrong."""

    def planted(item: Any) -> Any:
        if isinstance(item, str):
            return "${S}"
        if isinstance(item, dict):
            return {name: planted(each) for name, each in item.items()}
        return [planted(each) for each in item] if isinstance(item, list) else item

    services = {"web": {"image": "nginx", "environment": {"A": SECRET}, key: planted(value)}}
    text = as_yaml({**planted(document), "services": services})
    said = outcome({"compose.yaml": text, ".env": f"S={SECRET}".encode()})
    assert said.startswith("{") or SECRET not in said
