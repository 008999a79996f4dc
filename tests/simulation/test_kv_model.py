"""The embedded KV in virtual time: what no request shows at once."""

import random
import time

import pytest

from swarm_operator.observed.errors import Conflict, LeaseLost
from swarm_operator.observed.kv import Delete, DeleteTree, Fence, Put, Unchanged
from swarm_operator.simulation import consul_transport
from swarm_operator.simulation.kv import durations
from swarm_operator.simulation.kv.api import ConsulApi
from swarm_operator.simulation.kv.http import Later, Request, Response
from swarm_operator.simulation.kv.model import Kv
from swarm_operator.simulation.kv.store import TOMBSTONE_TTL_S
from swarm_operator.simulation.timeline import Timeline

LOCK = "lock/leader"


class Consul:
    """The model with the operator's client, and its time."""

    def __init__(self, seed: int = 1) -> None:
        self.timeline = Timeline()
        self.kv = Kv(self.timeline, random.Random(seed))
        self.api = ConsulApi(self.kv)
        self.client = consul_transport.over(self.api, self.timeline)

    @property
    def now(self) -> float:
        return self.timeline.now

    def pass_s(self, seconds: float) -> None:
        self.timeline.advance(self.now + seconds)

    def holder(self) -> str | None:
        entry = self.client.holder(LOCK)
        return entry.session if entry is not None else None


@pytest.fixture
def consul() -> Consul:
    return Consul()


def test_a_session_ends_two_ttls_after_its_last_renewal(consul: Consul) -> None:
    session = consul.client.create_session("ours", 15, 0)
    consul.client.acquire(LOCK, session, b"")
    consul.pass_s(29.9)
    assert consul.client.renew_session(session)
    consul.pass_s(29.9)
    assert consul.holder() == session
    consul.pass_s(0.2)
    assert consul.holder() is None
    assert not consul.client.renew_session(session)
    with pytest.raises(LeaseLost):
        consul.client.commit([Put("status/a", b"")], fence=Fence(LOCK, session))


def test_an_ended_session_leaves_its_lock_delay(consul: Consul) -> None:
    ours, theirs = (consul.client.create_session(name, 10, 5) for name in ("ours", "theirs"))
    consul.client.acquire(LOCK, ours, b"")
    consul.pass_s(15)
    consul.client.renew_session(theirs)
    consul.pass_s(5)
    assert consul.holder() is None
    assert not consul.client.acquire(LOCK, theirs, b"")
    consul.pass_s(4.9)
    assert not consul.client.acquire(LOCK, theirs, b"")
    consul.pass_s(0.2)
    assert consul.client.acquire(LOCK, theirs, b"")


def test_a_released_lock_has_no_delay(consul: Consul) -> None:
    ours, theirs = (consul.client.create_session(name, 10, 5) for name in ("ours", "theirs"))
    consul.client.acquire(LOCK, ours, b"")
    consul.client.release(LOCK, ours)
    assert consul.client.acquire(LOCK, theirs, b"")


def test_a_blocking_read_lets_time_pass_until_a_write_wakes_it(consul: Consul) -> None:
    consul.client.commit([Put("desired/a", b"1")])
    index = consul.client.read("desired/").index
    consul.timeline.after(3, lambda: consul.kv.put("swarm-operator/status/b", b"elsewhere"))
    consul.timeline.after(7, lambda: consul.kv.put("swarm-operator/desired/a", b"2"))
    tree = consul.client.watch("desired/", index, 25)
    assert consul.now == 7
    assert tree.entries["a"].value == b"2"
    assert tree.index > index


def test_a_blocking_read_ends_after_its_wait_and_at_most_a_sixteenth(consul: Consul) -> None:
    consul.client.commit([Put("desired/a", b"1")])
    index = consul.client.read("desired/").index
    ends = set()
    for _ in range(20):
        started = consul.now
        assert consul.client.watch("desired/", index, 16).index == index
        ends.add(round(consul.now - started, 6))
    assert 16 <= min(ends) < max(ends) <= 17


def test_an_old_index_from_before_a_reset_is_answered_only_at_the_end(consul: Consul) -> None:
    for number in range(50):
        consul.client.commit([Put("desired/a", str(number).encode())])
    old = consul.client.read("desired/").index
    consul.kv.lose_data()
    consul.timeline.after(1, lambda: consul.kv.put("swarm-operator/desired/a", b"new"))
    tree = consul.client.watch("desired/", old, 4)
    assert 4 <= consul.now <= 4.25
    assert tree.index < old
    assert tree.entries["a"].value == b"new"


def test_the_index_of_a_prefix_never_slides_back_while_its_tombstones_live(consul: Consul) -> None:
    for key in ("p/a", "p/b"):
        consul.kv.put(key, b"")
    consul.kv.delete("p/b")
    deleted = consul.kv.store.tree_index("p/")
    assert deleted == consul.kv.store.index
    consul.pass_s(TOMBSTONE_TTL_S)
    assert consul.kv.store.tree_index("p/") == deleted
    consul.pass_s(31)
    assert consul.kv.store.tree_index("p/") == consul.kv.store.key_index("p/a") < deleted


def test_an_idle_kv_has_no_appointments(consul: Consul) -> None:
    consul.client.commit([Put("a", b"1")])
    consul.client.commit([Delete("a")])
    session = consul.client.create_session("ours", 15, 0)
    consul.client.destroy_session(session)
    assert consul.timeline.next_due() is None


def test_a_transaction_that_fails_leaves_no_trace(consul: Consul) -> None:
    consul.client.commit([Put("a", b"1"), Put("t/1", b"1"), Put("t/2", b"1")])
    before = consul.client.read("")
    tree_index = consul.kv.store.tree_index("swarm-operator/t/")
    woken: list[str] = []
    for path in ("swarm-operator/", "swarm-operator/new"):
        consul.kv.store.watches.add(path, lambda: True, lambda: woken.append("woken"))
    with pytest.raises(Conflict):
        consul.client.commit(
            [Put("a", b"2"), Put("new", b""), DeleteTree("t/"), Delete("a"), Unchanged("x", 7)]
        )
    assert consul.client.read("") == before
    assert consul.kv.store.tree_index("swarm-operator/t/") == tree_index
    assert woken == []
    consul.client.commit([Put("new", b"")])
    assert woken == ["woken", "woken"]


def test_the_same_seed_gives_the_same_sessions() -> None:
    ids = [Consul(seed).client.create_session("x", 15, 0) for seed in (1, 1, 2)]
    assert ids[0] == ids[1] != ids[2]


def test_a_session_may_delete_what_it_held(consul: Consul) -> None:
    body = b'{"Behavior": "delete", "TTL": "10s", "LockDelay": "1s"}'
    made = consul.api.handle(Request("PUT", "/v1/session/create", {}, body))
    assert isinstance(made, Response)
    session = made.content["ID"]
    consul.client.acquire(LOCK, session, b"")
    index = consul.client.read("lock/").index
    tree = consul.client.watch("lock/", index, 30)
    assert consul.now == 20
    assert tree.entries == {}


def test_what_is_out_of_scope_says_its_name(consul: Consul) -> None:
    for path in ("/v1/catalog/services", "/v1/acl/token", "/v1/agent/members"):
        answer = consul.api.handle(Request("GET", path))
        assert isinstance(answer, Response)
        assert answer.status == 501
        assert path in answer.body.decode()


def test_it_can_do_what_the_operator_needs(consul: Consul) -> None:
    assert consul.client.capabilities() == []
    assert consul.client.read("").entries == {}


def test_waiters_are_taken_back_when_a_client_gives_up(consul: Consul) -> None:
    consul.kv.put("a", b"")
    index = str(consul.kv.store.index)
    later = consul.api.handle(Request("GET", "/v1/kv/a", {"index": index}))
    assert isinstance(later, Later)
    woken: list[None] = []
    cancel = later.subscribe(lambda: woken.append(None))
    cancel()
    consul.kv.put("a", b"2")
    assert woken == []


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("15000ms", 15 * 10**9),
        ("1h2m3.5s", 3723_500_000_000),
        ("-1.5us", -1500),
        (".5s", 500_000_000),
        ("+2ns", 2),
    ],
)
def test_go_durations(text: str, nanoseconds: int) -> None:
    assert durations.parse(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "s", "1", "1x", "1s2", "-", ".s", "1 s"])
def test_what_is_no_go_duration(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        durations.parse(text)


def test_a_read_of_fifty_keys_costs_next_to_nothing(consul: Consul) -> None:
    """Thousands of schedules live on it. The limit is ten times what it takes here."""
    for number in range(50):
        consul.kv.put(f"swarm-operator/desired/stacks/{number:02}/compose.yaml", b"x" * 800)
    request = Request("GET", "/v1/kv/swarm-operator/desired/", {"recurse": "1", "consistent": "1"})
    took = []
    for _ in range(50):
        started = time.perf_counter()
        consul.api.handle(request)
        took.append(time.perf_counter() - started)
    assert min(took) < 100e-6
