"""What hypothesis draws steps from.

Names fix modes and ports, so that any document may follow any other.
"""

from typing import Any, Final

from hypothesis import strategies as st

from swarm_operator.plan.ownership import INSTALLATION_LABEL
from tests.laws.schedules import hands, machines, operators, people
from tests.laws.schedules.monitors.secrecy import MARK
from tests.laws.schedules.people import Document
from tests.laws.schedules.step import Step

STACKS: Final = ("shop", "wiki")
SERVICES: Final = ("agent", "api", "db", "web")
FULL_NAMES: Final = tuple(f"{stack}_{name}" for stack in STACKS for name in SERVICES)
NODES: Final = ("m1", "m2", "m3", "w1", "w2")
OPERATORS: Final = ("alpha", "beta")
IMAGES: Final = ("app:1", "app:2", "app:3")
PORTS: Final = {"api": 8200, "db": 8300, "web": 8400}
_TEXTS: Final = ("services: [", "services: {web: {image: 7}}", "42", "services: {web: {}}")

stacks = st.sampled_from(STACKS)
names = st.sampled_from(FULL_NAMES)
images = st.sampled_from(IMAGES)
_words = st.sampled_from(["one", "two"])
_secrets = _words.map(lambda word: f"{MARK}-{word}")


def _service(name: str) -> st.SearchStrategy[Document]:
    optional: dict[str, st.SearchStrategy[Any]] = {
        "environment": st.builds(lambda value: {"PASSWORD": value}, _secrets),
        "command": st.builds(lambda value: ["serve", f"--token={value}"], _secrets),
        "configs": st.just(["settings"]),
        "secrets": st.just(["password"]),
        "networks": st.sampled_from([["front"], ["back"], ["front", "back"]]),
        "healthcheck": st.just({"test": ["CMD", "true"], "interval": "1s", "retries": 1}),
        "stop_grace_period": st.just("3s"),
        "x-operator": st.sampled_from(
            [{"protect": True}, {"drift": "report"}, {"ignore": ["replicas"]}]
        ),
        "deploy": _deploy(is_global=name == "agent"),
    }
    if name in PORTS:
        port = PORTS[name]
        optional["ports"] = st.sampled_from([[f"{port}:80"], [f"{port + 1}:80"]])
    required: dict[str, st.SearchStrategy[Any]] = {"image": images}
    if name == "agent":
        required["deploy"] = optional.pop("deploy")
    return st.fixed_dictionaries(required, optional=optional)


def _deploy(*, is_global: bool) -> st.SearchStrategy[Document]:
    optional: dict[str, st.SearchStrategy[Any]] = {
        "labels": st.builds(lambda word: {"tier": word}, _words),
        "update_config": st.sampled_from(
            [
                {"order": "start-first"},
                {"failure_action": "rollback", "monitor": "2s"},
                {"failure_action": "rollback", "monitor": "2s", "order": "start-first"},
                {"failure_action": "continue", "parallelism": 0},
            ]
        ),
        "placement": st.sampled_from(
            [{"constraints": ["node.role == manager"]}, {"constraints": ["node.role == worker"]}]
        ),
        "restart_policy": st.sampled_from([{"delay": "1s"}, {"condition": "any", "delay": "0s"}]),
    }
    if is_global:
        return st.fixed_dictionaries({"mode": st.just("global")}, optional=optional)
    return st.fixed_dictionaries({}, optional={**optional, "replicas": st.integers(0, 4)})


@st.composite
def documents(draw: st.DrawFn, stack: str) -> Document:
    """Up to four services. Only the stack `shop` publishes ports: two stacks never want the same."""
    chosen = draw(st.lists(st.sampled_from(SERVICES), unique=True, min_size=1, max_size=4))
    used = {name: draw(_service(name)) for name in sorted(chosen)}
    if stack != "shop":
        for service in used.values():
            service.pop("ports", None)
    document: Document = {"services": used}
    prune = draw(st.sampled_from(["", "", "", "off", "confirm"]))
    if prune:
        document["x-operator"] = {"prune": prune}
    named = {part for service in used.values() for part in service}
    if "networks" in named:
        document["networks"] = {"front": {}, "back": {}}
    if "configs" in named:
        document["configs"] = {"settings": {"content": draw(_words)}}
    if "secrets" in named:
        document["secrets"] = {"password": {"content": draw(_secrets)}}
    return document


@st.composite
def pushes(draw: st.DrawFn) -> Step:
    stack = draw(stacks)
    return people.Push(stack, draw(documents(stack)))


@st.composite
def edits(draw: st.DrawFn) -> Step:
    stack = draw(stacks)
    if draw(st.integers(0, 3)) == 0:
        return people.Edit(stack, text=draw(st.sampled_from(_TEXTS)))
    return people.Edit(stack, draw(documents(stack)))


@st.composite
def half_pushes(draw: st.DrawFn) -> Step:
    stack = draw(stacks)
    return people.BeginPush(stack, draw(documents(stack)))


@st.composite
def deployments(draw: st.DrawFn) -> Step:
    stack = draw(stacks)
    return hands.DeployByDocker(stack, draw(documents(stack)))


removals: st.SearchStrategy[Step] = st.one_of(
    st.builds(people.Remove, stacks),
    st.builds(people.Vanish, stacks),
    st.builds(people.Bury, stacks),
    st.builds(people.Policy, st.sampled_from(["auto", "off"])),
)

requests: st.SearchStrategy[Step] = st.one_of(
    st.builds(people.Approve, stacks),
    st.builds(people.Ask, st.sampled_from(["retry", "redeploy", "pause"]), stacks),
)

losses: st.SearchStrategy[Step] = st.one_of(
    st.builds(people.LoseSentinel, st.booleans()),
    st.builds(people.WipeKv),
)

_THEIRS: Final[tuple[dict[str, str], ...]] = (
    {},
    {"com.docker.stack.namespace": "shop"},
    {"com.docker.stack.namespace": "shop", INSTALLATION_LABEL: "inst-two"},
)

other_hands: st.SearchStrategy[Step] = st.one_of(
    st.builds(hands.Scale, names, st.integers(0, 5)),
    st.builds(hands.SetImage, names, images),
    st.builds(hands.RollBack, names),
    st.builds(hands.ForceUpdate, names),
    st.builds(hands.RemoveService, names),
    st.builds(hands.Meddle, st.sampled_from([*FULL_NAMES, "stranger"]), st.just(20), st.just(0.5)),
    st.builds(
        hands.CreateForeign,
        st.sampled_from(["stranger", "shop_stranger", "shop_web"]),
        st.sampled_from(_THEIRS),
    ),
)

nodes = st.sampled_from(NODES)

node_faults: st.SearchStrategy[Step] = st.one_of(
    st.builds(machines.Kill, nodes),
    st.builds(machines.Return, nodes),
    st.builds(machines.Cut, nodes),
    st.builds(machines.Reconnect, nodes),
    st.builds(machines.Availability, nodes, st.sampled_from(["active", "pause", "drain"])),
    st.builds(machines.ChangeLeader),
    st.builds(machines.Quorum, st.booleans()),
)

broken_images: st.SearchStrategy[Step] = st.builds(
    machines.Image, images, st.sampled_from(["", *machines.BEHAVIOURS])
)

_operators = st.sampled_from(OPERATORS)

troubles: st.SearchStrategy[Step] = st.one_of(
    st.builds(
        operators.Trouble,
        _operators,
        st.sampled_from(["docker", "consul"]),
        st.sampled_from(["refused", "slow", "stuck", "lost"]),
        st.integers(1, 3),
        st.booleans(),
    ),
    st.builds(
        operators.Trouble,
        _operators,
        st.just("docker"),
        st.just("moved"),
        st.integers(1, 3),
        st.just(value=True),
    ),
    st.builds(operators.Stale, _operators, st.sampled_from([5.0, 14.0])),
    st.builds(operators.Deaf, _operators, st.sampled_from([10.0, 60.0])),
)

kv_faults: st.SearchStrategy[Step] = st.one_of(
    # Three times up: what comes after an outage is of interest too.
    st.builds(
        operators.Consul, st.sampled_from(["up", "up", "up", "refused", "frozen", "no leader"])
    ),
    st.builds(operators.EndSession),
)

crashes: st.SearchStrategy[Step] = st.builds(
    operators.Crash, _operators, st.integers(0, 8), st.booleans()
)

lives: st.SearchStrategy[Step] = st.one_of(
    st.builds(operators.Start, _operators),
    st.builds(operators.Stop, _operators),
    st.builds(operators.Freeze, _operators, st.integers(0, 5), st.sampled_from([2.0, 20.0, 40.0])),
)

waits: st.SearchStrategy[Step] = st.builds(
    operators.Wait, st.sampled_from([0.1, 0.5, 1.0, 3.0, 10.0, 30.0])
)
