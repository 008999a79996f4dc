"""What people are told about a document: every problem, its place, what to do."""

import pytest

from desired_state import DocumentRefused, Problem, Severity, StackFolder, load_stack
from tests.desired_state.stacks import refusals, warnings


def test_a_problem_reads_like_a_compiler_s() -> None:
    problem = Problem(
        "compose.yaml", 12, 7, "services.web.prots", "unknown key", "hint", Severity.ERROR
    )
    assert str(problem) == "compose.yaml:12:7: services.web.prots: unknown key; hint"


def test_every_problem_comes_at_once_in_the_order_of_the_document() -> None:
    document = """services:
  web:
    image: Bad/Image
    prots: ["80:80"]
    deploy:
      replicas: three
      resources: {limits: {memory: 5X}}
    environment: {A: true, B: [1]}
  "b d": {image: a}
netwoks: {}
"""
    assert [(line.split(":")[1:3], line.split(": ")[1]) for line in refusals(document)] == [
        (["3", "5"], "services.web.image"),
        (["4", "5"], "services.web.prots"),
        (["6", "7"], "services.web.deploy.replicas"),
        (["7", "28"], "services.web.deploy.resources.limits.memory"),
        (["8", "19"], "services.web.environment.A"),
        (["8", "28"], "services.web.environment.B"),
        (["9", "3"], "services.b d"),
        (["10", "1"], "netwoks"),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("prots: []", 'unknown key; did you mean "ports"?'),
        ("healthcheck: {intervall: 5s}", 'did you mean "interval"?'),
        ("deploy: {replica: 1}", 'did you mean "replicas"?'),
        ("deploy: {update_config: {order: foo}}", "must be 'start-first' or 'stop-first'"),
        ("mem_limit: 5M", "set deploy.resources.limits.memory"),
        ("profiles: [a]", "x-operator.files"),
        ("depends_on: {db: {condition: service_healthy}}", "orders nothing in this version"),
        ("user: 1000", "must be text, not a number; put it in quotes"),
        ("user: 2024-01-01", "must be text, not a date"),
        ("tty: 'yes'", "must be true or false, not text"),
        ("command: {a: b}", "must be a list, not a mapping"),
        ("environment:", "has no value; give it one, or remove it"),
        ("cap_add: [A, A]", "is in the list twice"),
        ("ports: [80, 80]", "is in the list twice"),
        ("ports: [{target: 80, host_ip: 1.2.3.4}]", "host_ip is not something"),
        ("volumes: [{target: /x}]", "type is missing"),
        ("ulimits: {nofile: {soft: 1}}", "hard is missing"),
        ("x-operator: {protcet: true}", 'did you mean "protect"?'),
        ("x-operator: {dns: {zone: example.org}}", "name is missing"),
        ("x-operator: {dns: {zone: org, name: git}}", "is no zone"),
        ("x-operator: {ignore: [replica]}", 'did you mean "replicas"?'),
        ("x-operator: {rebalance: stop_first}", 'did you mean "stop-first"?'),
        (
            "x-operator: {rebalance: overlap}\n    deploy: {replicas: 2}",
            "x-operator.rebalance: overlap is for one replica, not for 2; write auto",
        ),
        ("x-operator: {rebalance: auto}\n    deploy: {mode: global}", "is not for mode global"),
    ],
)
def test_a_problem_says_what_is_wrong_and_what_to_do(line: str, said: str) -> None:
    (problem,) = refusals(f"services:\n  web:\n    image: a\n    {line}\n")
    assert said in problem
    assert problem.startswith("compose.yaml:4:")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("build: .", "services.web.build: has no effect on a swarm"),
        ("depends_on: [db]", "services.web.depends_on: has no effect"),
        ("tmpfs: /tmp", "write a long volume of type tmpfs"),
        ("networks: {default: {ipv4_address: 10.0.0.5}}", "ipv4_address: has no effect"),
        ("restart: always\n    deploy: {restart_policy: {}}", "beside deploy.restart_policy"),
        ("extra_hosts: [nowhere]", "without a separator"),
        ("volumes: ['/a:/b:z']", "services.web.volumes[0]: an option without effect"),
        ("volumes: ['v:/data']", "a single letter is taken for part of the target"),
        ("ports: ['127.0.0.1:80:80']", "the address in front has no effect"),
        ("ports: [{target: 80, mode: hosst}]", "does not know for ingress"),
        ("isolation: strict", "for default"),
    ],
)
def test_what_has_no_effect_is_a_warning(line: str, said: str) -> None:
    found = warnings(f"services:\n  web:\n    image: a\n    {line}\n")
    assert said in "\n".join(found)


def test_a_key_of_a_newer_version_is_refused_and_of_no_version_taken() -> None:
    body = "services: {web: {image: a, init: true}}\n"
    assert (
        "needs version 3.7, and the document says an older one"
        in refusals(f'version: "3.6"\n{body}')[0]
    )
    assert refusals(f'version: "3.7"\n{body}') == refusals(body) == []
    assert "is no version" in refusals(f'version: "2.4"\n{body}')[0]
    assert "put it in quotes" in refusals(f"version: 3.8\n{body}")[0]


def test_x_operator_is_taken_at_every_version_and_only_where_it_has_a_meaning() -> None:
    service = "services: {web: {image: a, x-operator: {protect: true}}}\n"
    assert refusals(f'version: "3.0"\nx-operator: {{prune: confirm}}\n{service}') == []
    (problem,) = refusals(f"{service}networks: {{n: {{x-operator: {{}}}}}}\n")
    assert "at the top and in services only" in problem


def test_two_documents_at_once_are_refused_by_name() -> None:
    with pytest.raises(DocumentRefused, match=r"compose\.yaml, docker-compose\.yml"):
        load_stack(StackFolder("s", {"docker-compose.yml": b"", "compose.yaml": b""}))
    with pytest.raises(DocumentRefused, match="no Compose document"):
        load_stack(StackFolder("s", {"README.md": b""}))
