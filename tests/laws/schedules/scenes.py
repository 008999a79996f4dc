"""Scenes: short sequences of steps that belong together, because none is of interest alone.

A fault is aimed at the next write, and the scene makes that write happen. Around a scene, and
between two of them, hypothesis puts whatever else it likes.
"""

from typing import Any, Final

from hypothesis import strategies as st

from tests.laws.schedules import hands, machines, operators, people
from tests.laws.schedules.lab import LEADER
from tests.laws.schedules.people import Document
from tests.laws.schedules.step import Step
from tests.laws.schedules.strategies import IMAGES, OPERATORS, PORTS, documents, nodes, stacks

Scene = tuple[Step, ...]
Scenes = st.SearchStrategy[Scene]

_ROLLS_BACK: Final = {"failure_action": "rollback", "monitor": "2s"}
_PAIRS: Final = [("api", "web"), ("api", "db", "web"), ("agent", "api", "db", "web")]
_APIS: Final = st.sampled_from(["docker", "consul"])
PAST_THE_LEASE_S: Final = 45.0
"""Consul ends a session after up to twice its TTL, then come the lock's delay and the other's look."""


def _plain(image: str, names: tuple[str, ...], **deploy: Any) -> Document:
    services: Document = {name: {"image": image, "deploy": dict(deploy)} for name in names}
    if "agent" in services:
        services["agent"]["deploy"]["mode"] = "global"
    return {"services": services}


@st.composite
def _changes(draw: st.DrawFn, stack: str) -> tuple[Step, Step]:
    """Two pushes of one stack; the second is work for the operator, several writes of it."""
    names = draw(st.sampled_from(_PAIRS))
    before, after = draw(st.permutations(IMAGES))[:2]
    return people.Push(stack, _plain(before, names)), people.Push(stack, _plain(after, names))


def _mended(*images: str) -> Scene:
    return tuple(machines.Image(image, "") for image in images)


@st.composite
def failing_pushes(draw: st.DrawFn) -> Scene:
    """A push whose image fails, so that Swarm rolls back; then what people do about it."""
    stack = draw(stacks)
    good, bad = draw(st.permutations(IMAGES))[:2]
    names = draw(st.sampled_from([("web",), ("api", "web"), ("db", "web")]))
    fails = people.Push(stack, _plain(bad, names, update_config=_ROLLS_BACK))
    what: tuple[Scene, ...] = (
        (),
        (people.Push(stack, fails.document),),
        (people.Push(stack, fails.document), operators.Wait(10.0)),
        (operators.Wait(60.0),),
        (hands.ForceUpdate(f"{stack}_web"), operators.Wait(10.0)),
        (people.Ask("retry", stack), operators.Wait(20.0)),
        (
            operators.Crash(LEADER, 0, True),
            operators.Wait(1.0),
            *map(operators.Start, OPERATORS[:1]),
        ),
        (*_mended(bad), people.Push(stack, fails.document), operators.Wait(10.0)),
    )
    return (
        *_mended(good),
        people.Push(stack, _plain(good, names, update_config=_ROLLS_BACK)),
        operators.Wait(10.0),
        machines.Image(bad, "crash"),
        fails,
        operators.Wait(draw(st.sampled_from([12.0, 30.0]))),
        *draw(st.sampled_from(what)),
    )


@st.composite
def adoptions(draw: st.DrawFn) -> Scene:
    """A stack that ran before the operator knew of it; only `shop` publishes ports."""
    document = draw(documents("shop"))
    for name, port in PORTS.items():
        if name in document["services"]:
            document["services"][name]["ports"] = [f"{port}:80", f"{port + 1}:81"]
    return (
        people.Remove("shop"),
        operators.Wait(15.0),
        hands.DeployByDocker("shop", document, untidy=draw(st.booleans())),
        people.Push("shop", document),
        operators.Wait(10.0),
    )


@st.composite
def troubled_writes(draw: st.DrawFn, api: str) -> Scene:
    """The next writes of the leader go wrong in one way, while there is something to write."""
    faults = ["lost", "lost", "stuck", "stuck", "slow", "slow", "slow", "refused"]
    faults += ["moved", "moved", "moved"] if api == "docker" else []
    before, after = draw(_changes(draw(stacks)))
    trouble = operators.Trouble(
        LEADER, api, draw(st.sampled_from(faults)), draw(st.integers(1, 2)), writes_only=True
    )
    first: Scene = draw(st.sampled_from([(), (before, operators.Wait(5.0))]))
    if trouble.fault == "moved":
        first = (before, operators.Wait(5.0))
    return (*first, trouble, after, operators.Wait(draw(st.sampled_from([5.0, 30.0]))))


@st.composite
def crashes_at_writes(draw: st.DrawFn) -> Scene:
    """The leader dies at one of its next writes; sometimes its successor too, in the same work."""
    before, after = draw(_changes(draw(stacks)))
    first: Scene = draw(st.sampled_from([(), (before, operators.Wait(5.0))]))
    crash = operators.Crash(LEADER, draw(st.integers(0, 2)), draw(st.booleans()), draw(_APIS))
    lost = operators.Trouble(LEADER, crash.api, "lost", 1, writes_only=True)
    again = operators.Crash(LEADER, draw(st.integers(0, 2)), draw(st.booleans()), draw(_APIS))
    return (
        *first,
        *draw(st.sampled_from([(crash,), (crash,), (crash,), (lost, crash)])),
        after,
        operators.Wait(draw(st.sampled_from([1.0, PAST_THE_LEASE_S]))),
        *map(operators.Start, OPERATORS),
        *draw(st.sampled_from([(), (again,)])),
        operators.Wait(draw(st.sampled_from([1.0, 20.0]))),
        *map(operators.Start, OPERATORS),
    )


@st.composite
def late_leaders(draw: st.DrawFn) -> Scene:
    """The leader stands still in the middle of its work until another leads, and goes on with it.

    Either for longer than its lease, or shortly while Consul breaks its promise and ends the session.
    """
    stack = draw(stacks)
    before, after = draw(_changes(stack))
    newer = people.Push(stack, _plain(IMAGES[0], ("api", "db", "web"), replicas=2))
    seconds, meanwhile = draw(
        st.sampled_from(
            [
                (PAST_THE_LEASE_S, None),
                (PAST_THE_LEASE_S, newer),
                (6.0, operators.EndSession()),
                (7.0, operators.EndSession()),
            ]
        )
    )
    api = "docker"
    if seconds == PAST_THE_LEASE_S:
        api = draw(st.sampled_from(["docker", "docker", "consul"]))
    write = draw(st.integers(0, 1))
    return (
        *map(operators.Start, OPERATORS),
        before,
        operators.Wait(8.0),
        operators.Freeze(LEADER, write, seconds, meanwhile, api),
        after,
        operators.Wait(draw(st.sampled_from([1.0, 20.0]))),
    )


@st.composite
def races(draw: st.DrawFn) -> Scene:
    """Another hand is quicker: between the operator's plan and its write, of this service or the next."""
    stack = draw(stacks)
    before, after = draw(_changes(stack))
    name = f"{stack}_{draw(st.sampled_from(['api', 'web']))}"
    quick: list[Step] = [hands.Scale(name, 3), hands.ForceUpdate(name), hands.RemoveService(name)]
    hand = draw(st.sampled_from(quick))
    return (
        before,
        operators.Wait(5.0),
        operators.Freeze(LEADER, 0, 0.1, hand, "docker"),
        after,
        operators.Wait(draw(st.sampled_from([1.0, 10.0]))),
    )


@st.composite
def outages(draw: st.DrawFn) -> Scene:
    """Consul, the managers or a node are gone for a while, and come back."""
    node = draw(nodes)
    _, push = draw(_changes(draw(stacks)))
    pairs: list[tuple[Step, Step]] = [
        *((operators.Consul(state), operators.Consul("up")) for state in _CONSUL),
        (machines.Quorum(lost=True), machines.Quorum(lost=False)),
        (machines.Kill(node), machines.Return(node)),
        (machines.Cut(node), machines.Reconnect(node)),
    ]
    begin, over = draw(st.sampled_from(pairs))
    wait = operators.Wait(draw(st.sampled_from([5.0, 20.0, 40.0])))
    return (begin, *draw(st.sampled_from([(), (push,)])), wait, over, operators.Wait(5.0))


_CONSUL: Final = ("refused", "frozen", "no leader")
