"""What only shows when the parts of a stack are put together, told with its place."""

import pytest

from desired_state import DocumentRefused
from swarm_operator.plan.compose import convert, specs_of
from tests.desired_state.stacks import folder, loaded

SERVICE = "services:\n  web:\n    image: nginx\n"


def refusals(document: str, **files: str) -> list[str]:
    try:
        convert(loaded(document, **files))
    except DocumentRefused as refused:
        return [str(problem) for problem in refused.problems]
    return []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("networks: [front]", "services.web.networks[0]: the network front is not declared"),
        ("volumes: ['data:/x']", "services.web.volumes[0]: the volume data is not declared"),
        ("configs: [c]", "services.web.configs[0]: the config c is not declared"),
        ("secrets: [{source: s}]", "services.web.secrets[0]: the secret s is not declared"),
        ("credential_spec: {config: c}", "credential_spec.config: the config c is not declared"),
        ("credential_spec: {file: a, registry: b}", "takes one of config, file and registry"),
        ("volumes: [./x:/y]", "services.web.volumes[0]: a relative path has no folder"),
        ("volumes: ['~/x:/y']", "nobody's home"),
        ("volumes: ['/a:/x', '/b:/x']", "services.web.volumes[1]: mounts at /x twice"),
        (
            "volumes: [{type: tmpfs, source: a, target: /x}]",
            "volumes[0].source: a tmpfs has no source",
        ),
        ("volumes: [{type: volume, target: /x, bind: {}}]", "volumes[0].bind: options of a bind"),
        ("volumes: [{type: foo, target: /x}]", "volumes[0].type: must be one of volume, bind"),
        ("volumes: [{type: image, source: a, target: /x}]", "type image are refused"),
        (
            "volumes: [{type: bind, source: /a, target: /b, bind: {propagation: x}}]",
            "must be one of rpr",
        ),
        ("restart: sometimes", "services.web.restart: must be no, always"),
        ("restart: on-failure:often", "the number of attempts is not a whole number"),
        ("healthcheck: {test: a, disable: true}", "test and disable contradict each other"),
        ("healthcheck: {interval: 10us}", "healthcheck.interval: must be 0 or at least 1ms"),
        ("hostname: '{{.Nod.Hostname}}'", "the placeholder .Nod.Hostname is unknown"),
        ("hostname: '{{.Node.Hostname'", "is not closed"),
        (
            "environment: ['A={{upper .Node.ID}}']",
            "services.web.environment[0]: the placeholder's function",
        ),
        ("deploy: {mode: globl}", "services.web.deploy.mode: must be one of"),
        ("deploy: {mode: global, replicas: 2}", "deploy.replicas: a service of mode global has no"),
        ("deploy: {mode: global-job, update_config: {}}", "a job cannot be updated step by step"),
        ("deploy: {endpoint_mode: rr}", "must be vip or dnsrr"),
        (
            "deploy: {endpoint_mode: dnsrr}\n    ports: ['80:80']",
            "does not go with endpoint_mode dnsrr",
        ),
        ("deploy: {resources: {limits: {memory: 1M}}}", "limits.memory: must be at least 4M"),
        ("deploy: {resources: {limits: {cpus: '0.0001'}}}", "limits.cpus: must be at least 0.001"),
        ("deploy: {placement: {constraints: [node.role = x]}}", "constraints[0]: is no constraint"),
        ("deploy: {restart_policy: {condition: never}}", "must be one of none, on-failure and any"),
        ("deploy: {update_config: {failure_action: panic}}", "must be one of pause, continue"),
        ("deploy: {update_config: {delay: -1s}}", "update_config.delay: must not be negative"),
        ("deploy: {update_config: {max_failure_ratio: 2}}", "must be between 0 and 1"),
        ("ports: ['80:80', '80:81']", "services.web.ports[1]: publishes 80/tcp twice"),
    ],
)
def test_a_service_that_cannot_work_is_refused(line: str, said: str) -> None:
    (problem,) = refusals(f"{SERVICE}    {line}\n")
    assert said in problem
    assert problem.startswith(("compose.yaml:4:", "compose.yaml:5:"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("configs: {c: {}}", "configs.c: says nothing about its content; add file, content"),
        ("configs: {c: {file: empty.txt}}", "configs.c.file: is empty, which Swarm refuses"),
        ("secrets: {c: {file: large.txt}}", "has 512000 bytes; Swarm takes 511999"),
        ("configs: {c: {file: f.txt, content: x}}", "file and content exclude each other"),
        ("secrets: {c: {driver: vault, file: f.txt}}", "driver and file exclude each other"),
        (
            "configs: {c: {file: f.txt, name: 'a b'}}",
            "configs.c.name: gives a name that Swarm refuses",
        ),
        (
            f"configs: {{{'c' * 60}: {{file: f.txt}}}}",
            "gives a name of 65 characters; Swarm takes 64",
        ),
        (
            "configs: {c: {external: {name: a}, name: b}}",
            "name and external.name exclude each other",
        ),
        ("volumes: {v: {external: true, driver: x}}", "driver does not fit a volume that exists"),
        ("services: {'web-': {image: a}}", "gives the name shop_web-"),
        (f"services: {{{'w' * 60}: {{image: a}}}}", "a name of 65 characters; Swarm takes 63"),
        (
            "services: {a: {image: a, ports: ['80:1']}, b: {image: b, ports: ['80:2']}}",
            "published by a",
        ),
    ],
)
def test_an_object_that_cannot_work_is_refused(line: str, said: str) -> None:
    files = {"f__txt": "x", "empty__txt": "", "large__txt": "x" * 512_000}
    (problem,) = refusals(f"{line}\n", **files)
    assert said in problem


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("driver: bridge", "networks.n.driver: a network of driver bridge lies on one node"),
        ("ipam: {config: [{subnet: 10.0.0.1/24}]}", "config[0].subnet: is no subnet"),
        ("name: team.front", "networks.n.name: gives a name that Swarm refuses"),
        ("name: host", "a network of that name is on every node already"),
    ],
)
def test_a_network_that_cannot_work_is_refused(network: str, said: str) -> None:
    document = f"services: {{web: {{image: a, networks: [n]}}}}\nnetworks: {{n: {{{network}}}}}\n"
    (problem,) = refusals(document)
    assert said in problem
    assert problem.startswith("compose.yaml:2:")


def test_two_services_may_publish_one_port_of_their_nodes() -> None:
    document = """services:
  a: {image: a, ports: [{target: 1, published: 80, mode: host}]}
  b: {image: b, ports: [{target: 1, published: 80, mode: host}, {target: 1, published: 80, protocol: udp}]}
"""
    assert refusals(document) == []


def test_a_relative_path_begins_at_the_project_directory() -> None:
    document = (
        f"x-operator: {{project_directory: /srv/shop/}}\n{SERVICE}    volumes: [./x/../y:/y]\n"
    )
    (service,) = convert(loaded(document)).services.values()
    (mount,) = service.spec["TaskTemplate"]["ContainerSpec"]["Mounts"]
    assert mount["Source"] == "/srv/shop/y"


def test_inline_content_becomes_a_config() -> None:
    document = f"{SERVICE}configs: {{c: {{content: 'port=${{P}}'}}}}\n"
    specs = convert(loaded(document, __env="P=80"))
    assert specs.configs["shop_c"]["Data"] == "cG9ydD04MA=="


def test_several_references_to_one_config_are_in_the_order_of_their_targets() -> None:
    refs = "[{source: c, target: z}, {source: c, target: a}, c]"
    document = f"{SERVICE}    configs: {refs}\nconfigs: {{c: {{content: x}}}}\n"
    (service,) = convert(loaded(document)).services.values()
    configs = service.spec["TaskTemplate"]["ContainerSpec"]["Configs"]
    assert [config["File"]["Name"] for config in configs] == ["a", "c", "z"]


@pytest.mark.parametrize(
    "line",
    [
        *("networks: ['${S}']", "volumes: ['${S}:/x']", "volumes: ['/a:${S}', '/b:${S}']"),
        *("configs: ['${S}']", "secrets: [{source: '${S}'}]", "credential_spec: {config: '${S}'}"),
        *("env_file: '${S}'", "env_file: '/${S}'", "image: '${S}:${S}:x'", "hostname: '{{.${S}}}'"),
        *(
            "hostname: '{{${S}}}'",
            "environment: ['${S}={{.X}}']",
            "restart: '${S}'",
            "user: '${S}'\n    x: 1",
        ),
        *(
            "deploy: {mode: '${S}'}",
            "deploy: {placement: {constraints: ['${S}']}}",
            "command: '${S}\\'",
        ),
        *(
            "deploy: {replicas: '${S}'}",
            "deploy: {resources: {limits: {cpus: '${S}', memory: '${S}'}}}",
        ),
        *(
            "ports: ['${S}:80']",
            "volumes: [{type: '${S}', target: /x}]",
            "stop_grace_period: '${S}'",
        ),
        *(
            "extra_hosts: {'a': 5, b: '${S}'}",
            "healthcheck: {interval: '${S}'}",
            "ulimits: {nofile: '${S}'}",
        ),
        *("configs: [{source: a, target: '${S}'}, {source: a, target: '${S}'}]", "init: '${S}'"),
        *(
            "labels: ['${S}', '${S}']",
            "x-operator: {drift: '${S}', ignore: ['${S}']}",
            "tty: '${S}'",
        ),
        "volumes: ['./${S}:/x']",
    ],
)
def test_no_value_of_env_is_in_a_refusal(line: str) -> None:
    said = "\n".join(
        refusals(
            f"{SERVICE}    {line}\n".replace("image: nginx\n    image", "image"), __env="S=hunter2x"
        )
    )
    assert said
    assert "hunter2x" not in said


def test_problems_of_all_stages_come_at_once_and_no_consequence_of_another() -> None:
    document = """services:
  web:
    image: nginx:${TAG}
    prots: []
    networks: [front, back]
    volumes: [data:/data, ./x:/y]
    secrets: [db]
    env_file: nope.env
    deploy: {replicas: many, resources: {limits: {memory: 1M}}}
  api: {command: x}
networks: {back: {drivr: overlay}}
secrets: {db: {fle: x}}
configs: {c: {file: ../x}}
"""
    with pytest.raises(DocumentRefused) as refused:
        specs_of(folder(document))
    assert [problem.path for problem in refused.value.problems] == [
        "services.web.image",
        "services.web.prots",
        "services.web.networks[0]",
        "services.web.volumes[0]",
        "services.web.volumes[1]",
        "services.web.env_file",
        "services.web.deploy.replicas",
        "services.web.deploy.resources.limits.memory",
        "services.api.image",
        "networks.back.drivr",
        "secrets.db.fle",
        "configs.c.file",
    ]


def test_nothing_more_is_said_where_a_section_cannot_be_read() -> None:
    with pytest.raises(DocumentRefused) as refused:
        specs_of(folder("services: {web: {image: a, networks: [n]}}\nnetworks: [n]\n"))
    assert [problem.path for problem in refused.value.problems] == ["networks"]
