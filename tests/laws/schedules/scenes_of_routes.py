"""Services with routes, and what goes wrong around their keys."""

from typing import Final

from hypothesis import strategies as st

from swarm_operator.plan.routes.ownership import flags_of
from tests.laws.schedules import hands, machines, operators, people, proxies
from tests.laws.schedules.lab import LEADER
from tests.laws.schedules.routed import KINDS, PushRouted, Relabel, Words
from tests.laws.schedules.scenes import PAST_THE_LEASE_S, Scene, Scenes
from tests.laws.schedules.step import Step
from tests.laws.schedules.strategies import IMAGES, OPERATORS
from tests.laws.schedules.traefiks import THEIRS

STACKS: Final = ("shop", "wiki")
SERVICES: Final = ("api", "blog", "chat", "docs", "feed", "web")
STACK_OF_ALL: Final = "shop"
"""The stack that is pushed whole where many keys are to change at once."""

_stacks: Final = st.sampled_from(STACKS)
_names: Final = st.sampled_from([f"{stack}_{name}" for stack in STACKS for name in SERVICES])
_images: Final = st.sampled_from(IMAGES)
_HOSTS: Final = ("test", "example.org")


_kinds: Final = st.sampled_from([*KINDS, "one", "two", "two", "shown"])
_services: Final[st.SearchStrategy[Words]] = st.fixed_dictionaries(
    {"routes": _kinds, "host": st.sampled_from(_HOSTS), "replicas": st.integers(1, 3)},
    optional={"image": _images, "order": st.just("start-first")},
)
_documents: Final[st.SearchStrategy[Words]] = st.builds(
    lambda services: {"services": services},
    st.dictionaries(st.sampled_from(SERVICES), _services, min_size=1, max_size=4),
)
pushes: Final[st.SearchStrategy[Step]] = st.builds(PushRouted, _stacks, _documents)


def _all(kind: str, host: str, replicas: int) -> Step:
    """The same for many services, of which all change at once: more keys than one transaction takes."""
    words = {"routes": kind, "host": host, "replicas": replicas, "order": "start-first"}
    return PushRouted(STACK_OF_ALL, {"services": {name: dict(words) for name in SERVICES}})


@st.composite
def beginnings(draw: st.DrawFn) -> Scene:
    """Traefik, the operators, and a stack with routes."""
    stack = draw(_stacks)
    return (
        proxies.RunTraefik(draw(st.integers(1, 2))),
        *map(operators.Start, OPERATORS),
        PushRouted(stack, draw(_documents)),
        operators.Wait(draw(st.sampled_from([1.0, 10.0]))),
    )


@st.composite
def changes_in_parts(draw: st.DrawFn) -> Scene:
    """The routes of a large stack come, go or change, all at once; perhaps their writer dies, or stands
    still, between two of the transactions, or an answer is lost."""
    kinds = draw(
        st.sampled_from([("none", "two"), ("none", "two"), ("two", "none"), ("two", "shown")])
    )
    hosts, replicas = draw(st.permutations(_HOSTS)), draw(st.integers(1, 2))
    write = draw(st.integers(0, 2))
    freeze_s = draw(st.sampled_from([6.0, PAST_THE_LEASE_S]))
    crash = operators.Crash(LEADER, write, draw(st.booleans()), "traefik")
    trouble: tuple[Scene, ...] = (
        (),
        (crash,),
        (crash,),
        (crash,),
        (operators.Freeze(LEADER, write, freeze_s, None, "traefik"),),
        (operators.Trouble(LEADER, "traefik", "lost", 2, writes_only=True),),
        (operators.Trouble(LEADER, "traefik", "slow", 2, writes_only=True),),
        (operators.Freeze(LEADER, write, 0.1, draw(hands_at_keys), "traefik"),),
    )
    return (
        _all(kinds[0], hosts[0], replicas),
        operators.Wait(15.0),
        *draw(st.sampled_from(trouble)),
        _all(kinds[1], hosts[1], replicas),
        operators.Wait(draw(st.sampled_from([3.0, 10.0, PAST_THE_LEASE_S]))),
        *map(operators.Start, OPERATORS),
    )


_ANOTHERS: Final = flags_of("another-swarm another-root")
_FOREIGN: Final = (
    (f"http/middlewares/{THEIRS}/headers/customresponseheaders/X-Theirs", "1"),
    (f"http/routers/{THEIRS}/rule", "Host(`theirs.test`)"),
    (f"http/routers/{THEIRS}/service", THEIRS),
    (f"http/services/{THEIRS}/loadbalancer/servers/a/url", "http://192.0.2.1"),
    # These freeze Traefik:
    (f"http/routers/{THEIRS}/nosuch", "1"),
    ("notes/readme", "hello"),
)
_MIXED: Final = tuple(
    (f"http/{kind}/{stack}-{name}/{field}", value)
    for stack in STACKS
    for name in ("api", "web")
    for kind, field, value in (
        ("routers", "priority", "7"),
        ("routers", "rule", "Host(`hand.test`)"),
        ("services", "loadbalancer/servers/hand/url", "http://192.0.2.2"),
    )
)

hands_at_keys: Final[st.SearchStrategy[Step]] = st.one_of(
    st.builds(
        lambda pair, flags: proxies.PutKey(pair[0], pair[1], flags),
        st.sampled_from([*_FOREIGN, *_MIXED]),
        st.sampled_from([0, 0, _ANOTHERS]),
    ),
    st.builds(
        proxies.SpoilKey,
        st.integers(0, 200),
        st.sampled_from([None, None, "spoilt"]),
        st.booleans(),
    ),
)
wipes: Final[st.SearchStrategy[Step]] = st.one_of(
    st.builds(proxies.WipeRoutes),
    st.builds(proxies.WipeRoutes),
    st.builds(people.WipeKv),
    st.builds(people.LoseSentinel, st.booleans()),
)
instances: Final[st.SearchStrategy[Step]] = st.builds(
    proxies.Instance,
    st.integers(0, 1),
    st.sampled_from(["stop", "start", "start", "hang", "answer", "answer"]),
)
hands_at_services: Final[st.SearchStrategy[Step]] = st.one_of(
    st.builds(hands.Scale, _names, st.integers(0, 4)),
    st.builds(hands.ForceUpdate, _names),
    st.builds(hands.SetImage, _names, _images),
    st.builds(hands.RemoveService, _names),
    st.builds(hands.RollBack, _names),
    st.builds(Relabel, _names, _kinds, st.sampled_from(_HOSTS)),
)
machine_steps: Final[st.SearchStrategy[Step]] = st.one_of(
    st.builds(machines.Kill, st.sampled_from(["w1", "w2"])),
    st.builds(machines.Return, st.sampled_from(["w1", "w2"])),
    st.builds(machines.Cut, st.sampled_from(["w1", "m3"])),
    st.builds(machines.Reconnect, st.sampled_from(["w1", "m3"])),
    st.builds(
        machines.Availability,
        st.sampled_from(["w1", "w2", "m3"]),
        st.sampled_from(["active", "drain"]),
    ),
    st.builds(machines.Image, _images, st.sampled_from(["", "", "crash", "slow"])),
)


@st.composite
def withdrawals(draw: st.DrawFn) -> Scene:
    """A task is to be moved, while something happens to the routes, to Traefik or to the operator."""
    stack = draw(_stacks)
    name = draw(st.sampled_from(SERVICES))
    service = f"{stack}_{name}"
    words = {"host": draw(st.sampled_from(_HOSTS)), "replicas": draw(st.integers(1, 3))}
    meanwhile: list[Scene] = [
        (),
        (),
        (proxies.Instance(draw(st.integers(0, 1)), "hang"),),
        (proxies.PutKey(*_FOREIGN[-2]),),
        (operators.Crash(LEADER, draw(st.integers(0, 1)), draw(st.booleans()), "traefik"),),
        (hands.Scale(service, draw(st.integers(1, 4))),),
        (Relabel(service, "none"),),
        (operators.Trouble(LEADER, "traefik", "lost", 1, writes_only=True),),
    ]
    return (
        machines.Image(IMAGES[0], ""),
        PushRouted(stack, {"services": {name: words}}),
        operators.Wait(10.0),
        *draw(st.sampled_from(meanwhile)),
        proxies.Withdraw(service, draw(st.sampled_from([2.0, 35.0])), draw(st.booleans())),
        *map(operators.Start, OPERATORS),
    )


def outages() -> Scenes:
    """Consul is gone for a while; labels change meanwhile."""
    return st.builds(
        lambda state, push, wait: (
            operators.Consul(state),
            push,
            operators.Wait(wait),
            operators.Consul("up"),
            operators.Wait(5.0),
        ),
        st.sampled_from(["refused", "frozen", "no leader"]),
        hands_at_services,
        st.sampled_from([3.0, 20.0]),
    )
