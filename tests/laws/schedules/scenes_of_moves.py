"""Scenes in which tasks are moved, and what comes in between.

In a world that is as wished the next writes to Docker are a move's own: a fault that is aimed at one
of them, before the node comes back that makes the move possible, hits the move at any of its steps.
"""

from typing import Any, Final

from hypothesis import strategies as st

from tests.laws.schedules import hands, machines, operators, people
from tests.laws.schedules.lab import LEADER
from tests.laws.schedules.people import Document
from tests.laws.schedules.scenes import PAST_THE_LEASE_S, Scene, Scenes
from tests.laws.schedules.step import Step
from tests.laws.schedules.strategies import IMAGES, OPERATORS

STACK: Final = "shop"
NODES: Final = ("w1", "w2", "m2", "m3")
"""Those that go and come; one manager stays."""
AWAY_S: Final = 25.0
"""Swarm has noticed, and runs elsewhere what ran there."""
HOME_S: Final = 60.0
"""Until a node that is back is steady, and a move or two are made."""
_WRITES: Final = st.integers(0, 4)
"""A move is a surge, a mark, a restore and a seal; then comes the next."""

_KINDS: Final[dict[str, Document]] = {
    "api": {"deploy": {"replicas": 6}},
    "db": {"deploy": {"replicas": 1}, "x-operator": {"rebalance": "overlap"}},
    "web": {"deploy": {"replicas": 5, "update_config": {"order": "start-first"}}},
    "pair": {"deploy": {"replicas": 2}},
    "spread": {
        "deploy": {
            "replicas": 3,
            "placement": {"preferences": [{"spread": "node.labels.zone"}]},
        }
    },
    "role": {"deploy": {"replicas": 3, "placement": {"constraints": ["node.role == manager"]}}},
    "capped": {"deploy": {"replicas": 3, "placement": {"max_replicas_per_node": 1}}},
    "sick": {
        "deploy": {"replicas": 2},
        "healthcheck": {"test": ["CMD", "true"], "interval": "1s", "retries": 1},
    },
    "queue": {"deploy": {"replicas": 1}, "x-operator": {"rebalance": "stop-first"}},
    # What may never be moved:
    "agent": {"deploy": {"mode": "global"}},
    "lone": {"deploy": {"replicas": 1}},
    "fixed": {"deploy": {"replicas": 6}, "x-operator": {"rebalance": "never"}},
    "stateful": {"deploy": {"replicas": 6}, "volumes": ["data:/data"]},
    "stops": {"deploy": {"replicas": 6, "update_config": {"order": "stop-first"}}},
}
_MOVABLE: Final = ("api", "web", "pair", "spread", "db", "sick", "queue", "capped", "role")
_FIXED: Final = ("agent", "lone", "fixed", "stateful", "stops")


@st.composite
def _documents(draw: st.DrawFn) -> Document:
    some = draw(st.lists(st.sampled_from(_MOVABLE), unique=True, max_size=2))
    chosen = [
        *dict.fromkeys(["api", *some]),
        *draw(st.lists(st.sampled_from(_FIXED), unique=True, max_size=2)),
    ]
    image = draw(st.sampled_from(IMAGES))
    services: dict[str, Any] = {name: {"image": image, **_KINDS[name]} for name in sorted(chosen)}
    volumes: Document = {"volumes": {"data": {}}} if "stateful" in services else {}
    return {"services": services, **volumes}


@st.composite
def beginnings(draw: st.DrawFn) -> Scene:
    """Tasks may be moved, and run."""
    self_test = draw(st.sampled_from([False, False, False, False, True]))
    return (
        people.Rebalance("act", self_test=self_test),
        people.Push(STACK, draw(_documents())),
        operators.Wait(10.0),
    )


def pushes() -> st.SearchStrategy[Step]:
    return st.builds(people.Push, st.just(STACK), _documents())


_NAMES: Final = st.sampled_from(
    [f"{STACK}_{name}" for name in ("api", "api", "api", "web", "spread", "db", "queue")]
)
hand_steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(hands.Scale, _NAMES, st.integers(0, 5)),
    st.builds(hands.SetImage, _NAMES, st.sampled_from(IMAGES)),
    st.builds(hands.ForceUpdate, _NAMES),
    st.builds(hands.RollBack, _NAMES),
    st.builds(hands.RemoveService, _NAMES),
)
_nodes: Final = st.sampled_from(NODES)

machine_steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(machines.ChangeLeader),
    st.builds(machines.Kill, _nodes),
    st.builds(machines.Cut, _nodes),
    st.builds(machines.Availability, _nodes, st.sampled_from(["active", "pause", "drain"])),
    st.builds(
        machines.Image,
        st.sampled_from(IMAGES),
        st.sampled_from(["", "crash", "missing", "slow", "sick"]),
    ),
)

policies: st.SearchStrategy[Step] = st.builds(
    people.Rebalance, st.sampled_from(["act", "act", "recommend", "off"])
)

_meanwhile: st.SearchStrategy[Step] = st.one_of(
    hand_steps,
    hand_steps,
    pushes(),
    policies,
    machine_steps,
    st.builds(people.Remove, st.just(STACK)),
)

_FAULTS: Final = st.sampled_from(["lost", "lost", "stuck", "slow", "refused", "moved"])
_APIS: Final = st.sampled_from(["docker", "docker", "docker", "consul"])

blows: Scenes = st.one_of(
    st.just(()),
    st.tuples(st.builds(operators.Crash, st.just(LEADER), _WRITES, st.booleans(), _APIS)),
    st.tuples(
        st.builds(
            operators.Freeze,
            st.just(LEADER),
            _WRITES,
            st.sampled_from([0.1, 3.0]),
            _meanwhile,
            st.just("docker"),
        )
    ),
    st.tuples(
        st.builds(
            operators.Freeze,
            st.just(LEADER),
            _WRITES,
            st.just(PAST_THE_LEASE_S),
            st.none() | _meanwhile,
            st.just("docker"),
        )
    ),
    st.tuples(
        st.builds(
            operators.Trouble,
            st.just(LEADER),
            st.just("docker"),
            _FAULTS,
            st.integers(1, 2),
            st.just(value=True),
        )
    ),
    st.tuples(
        st.builds(
            machines.Image,
            st.sampled_from(IMAGES),
            st.sampled_from(["crash", "hanging", "missing", "slow", "sick", "stubborn"]),
        )
    ),
)


@st.composite
def returns(draw: st.DrawFn) -> Scene:
    """A node, or two, are gone, or take no tasks, and are back: tasks come home, or are hindered."""
    pairs = [_absence(node, draw) for node in draw(st.lists(_nodes, min_size=1, max_size=2))]
    blow = draw(blows)
    again = draw(st.sampled_from([(), (), (operators.Crash(LEADER, 0, True, "docker"),)]))
    return (
        *(gone for gone, _ in pairs),
        operators.Wait(AWAY_S),
        *blow,
        *(back for _, back in pairs),
        operators.Wait(HOME_S),
        *map(operators.Start, OPERATORS[:1]),
        *again,
        operators.Wait(draw(st.sampled_from([1.0, 20.0, HOME_S]))),
        *map(operators.Start, OPERATORS),
    )


def _absence(node: str, draw: st.DrawFn) -> tuple[Step, Step]:
    pairs: list[tuple[Step, Step]] = [
        (machines.Kill(node), machines.Return(node)),
        (machines.Kill(node), machines.Return(node)),
        (machines.Cut(node), machines.Reconnect(node)),
        (machines.Availability(node, "drain"), machines.Availability(node, "active")),
    ]
    return draw(st.sampled_from(pairs))


@st.composite
def newcomers(draw: st.DrawFn) -> Scene:
    """A node that took nothing while a stack was deployed takes tasks from now on."""
    node = draw(_nodes)
    return (
        machines.Availability(node, "pause"),
        draw(pushes()),
        operators.Wait(20.0),
        *draw(blows),
        machines.Availability(node, "active"),
        operators.Wait(HOME_S),
        *map(operators.Start, OPERATORS),
        operators.Wait(5.0),
    )
