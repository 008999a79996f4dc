"""A KV that is away, frozen, slow or without a leader, as the operator's client meets it."""

import random

import pytest

from swarm_operator.observed.errors import LeaseLost, Unavailable
from swarm_operator.observed.kv import Fence, Put
from swarm_operator.simulation import consul_transport
from swarm_operator.simulation.kv.api import ConsulApi
from swarm_operator.simulation.kv.http import Later, Request, Response
from swarm_operator.simulation.kv.model import Kv
from swarm_operator.simulation.kv_faults import LEADER_WAIT_S, FaultyConsul, State
from swarm_operator.simulation.timeline import Timeline

TIMEOUT_S = 10.0
LOCK = "lock/leader"


class Consul:
    """The model with faults and the operator's client, and its time."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.faulty = FaultyConsul(ConsulApi(Kv(self.timeline, random.Random(1))))
        self.client = consul_transport.over(self.faulty, self.timeline, timeout_s=TIMEOUT_S)
        self.client.commit([Put("desired/a", b"1")])
        self.index = self.client.read("desired/").index

    def value(self, key: str) -> bytes | None:
        entry = self.faulty.kv.store.get(f"swarm-operator/{key}")
        return entry.value if entry is not None else None

    def held(self, ttl_s: float = 10) -> str:
        """A session that holds the lock."""
        session = self.client.create_session("ours", ttl_s, 0)
        assert self.client.acquire(LOCK, session, b"")
        return session

    def pass_s(self, seconds: float) -> None:
        self.timeline.advance(self.timeline.now + seconds)


@pytest.fixture
def consul() -> Consul:
    return Consul()


def test_a_killed_one_refuses_at_once_and_forgets_nothing(consul: Consul) -> None:
    consul.faulty.kill()
    with pytest.raises(Unavailable, match="Consul is down"):
        consul.client.read("desired/")
    assert consul.timeline.now == 0
    consul.faulty.start()
    assert consul.client.read("desired/").entries["a"].value == b"1"
    assert consul.client.read("desired/").index == consul.index


def test_a_read_that_waits_breaks_when_it_is_killed(consul: Consul) -> None:
    consul.timeline.after(3, consul.faulty.kill)
    with pytest.raises(Unavailable, match="broke"):
        consul.client.watch("desired/", consul.index, 25)
    assert consul.timeline.now == 3


def test_sessions_begin_anew_with_the_server(consul: Consul) -> None:
    session = consul.held(ttl_s=10)
    consul.pass_s(15)
    consul.faulty.kill()
    consul.pass_s(100)
    consul.faulty.start()
    consul.pass_s(19)
    assert consul.client.renew_session(session)


def test_lost_data_is_an_empty_kv_with_a_small_index(consul: Consul) -> None:
    session = consul.held()
    for number in range(20):
        consul.client.commit([Put("desired/a", str(number).encode())])
    old = consul.client.read("desired/").index
    consul.faulty.lose_data()
    consul.faulty.start()
    assert consul.client.read("desired/").entries == {}
    assert consul.client.read("desired/").index < old
    assert not consul.client.renew_session(session)


def test_a_frozen_one_costs_the_timeout_and_writes_when_it_thaws(consul: Consul) -> None:
    consul.faulty.freeze()
    with pytest.raises(Unavailable, match="did not answer in time"):
        consul.client.commit([Put("desired/a", b"2")])
    assert consul.timeline.now == TIMEOUT_S
    assert consul.value("desired/a") == b"1"
    consul.faulty.thaw()
    assert consul.value("desired/a") == b"2", "it lay in its buffers all the time"


def test_who_waits_long_enough_gets_a_frozen_ones_answer(consul: Consul) -> None:
    consul.faulty.freeze()
    consul.timeline.after(4, consul.faulty.thaw)
    consul.client.commit([Put("desired/a", b"2")])
    assert consul.timeline.now == 4


def test_a_blocking_read_freezes_with_the_server(consul: Consul) -> None:
    consul.timeline.after(1, consul.faulty.freeze)
    with pytest.raises(Unavailable, match="did not answer in time"):
        consul.client.watch("desired/", consul.index, 16)
    assert consul.timeline.now == pytest.approx(17 + TIMEOUT_S)


def test_no_session_ends_while_it_is_frozen_and_those_overdue_end_then(consul: Consul) -> None:
    session = consul.held(ttl_s=10)
    consul.faulty.freeze()
    consul.pass_s(60)
    entry = consul.faulty.kv.store.get(f"swarm-operator/{LOCK}")
    assert entry is not None
    assert entry.session == session
    consul.faulty.thaw()
    with pytest.raises(LeaseLost):
        consul.client.commit([Put("status/a", b"")], fence=Fence(LOCK, session))


def test_without_a_leader_it_says_so_after_a_while(consul: Consul) -> None:
    consul.faulty.lose_leader()
    with pytest.raises(Unavailable, match="No cluster leader"):
        consul.client.commit([Put("desired/a", b"2")])
    assert consul.timeline.now == LEADER_WAIT_S
    consul.timeline.after(2, consul.faulty.elect_leader)
    consul.client.commit([Put("desired/a", b"3")])
    assert consul.timeline.now == LEADER_WAIT_S + 2


def test_without_a_leader_only_stale_reads_are_answered(consul: Consul) -> None:
    consul.faulty.lose_leader()
    stale = consul.faulty.handle(Request("GET", "/v1/kv/swarm-operator/desired/a", {"stale": ""}))
    assert isinstance(stale, Response)
    assert stale.headers["X-Consul-KnownLeader"] == "false"
    leader = consul.faulty.handle(Request("GET", "/v1/status/leader"))
    assert isinstance(leader, Response)
    assert leader.body == b'""'
    assert isinstance(consul.faulty.handle(Request("GET", "/v1/kv/a")), Later)


def test_a_slow_one_takes_its_time(consul: Consul) -> None:
    consul.faulty.delay_s = 3
    assert consul.client.read("desired/").entries["a"].value == b"1"
    assert consul.timeline.now == 3
    consul.faulty.delay_s = 30
    with pytest.raises(Unavailable, match="did not answer in time"):
        consul.client.commit([Put("desired/a", b"2")])
    assert consul.timeline.now == 3 + TIMEOUT_S


def test_a_stuck_request_is_lost_and_the_next_one_is_not(consul: Consul) -> None:
    consul.faulty.stick()
    assert consul.client.read("desired/").entries, "a read is no concern of it"
    with pytest.raises(Unavailable, match="did not answer in time"):
        consul.client.commit([Put("desired/a", b"2")])
    consul.pass_s(3600)
    assert consul.value("desired/a") == b"1"
    consul.client.commit([Put("desired/a", b"3")])
    assert consul.value("desired/a") == b"3"


def test_an_answer_may_be_lost_although_the_write_is_done(consul: Consul) -> None:
    consul.faulty.lose_answer()
    with pytest.raises(Unavailable, match="broke"):
        consul.client.commit([Put("desired/a", b"2")])
    assert consul.value("desired/a") == b"2"
    consul.client.commit([Put("desired/a", b"3")])


def test_a_session_may_be_ended_before_its_time(consul: Consul) -> None:
    assert not consul.faulty.end_session_of(f"swarm-operator/{LOCK}")
    session = consul.held()
    assert consul.faulty.end_session_of(f"swarm-operator/{LOCK}")
    with pytest.raises(LeaseLost):
        consul.client.commit([Put("status/a", b"")], fence=Fence(LOCK, session))


def test_broken_connections_concern_only_those_who_wait(consul: Consul) -> None:
    consul.timeline.after(2, consul.faulty.break_connections)
    with pytest.raises(Unavailable, match="broke"):
        consul.client.watch("desired/", consul.index, 25)
    assert consul.faulty.state is State.UP
    assert consul.client.read("desired/").index == consul.index


def test_an_interrupt_ends_what_waits(consul: Consul) -> None:
    consul.timeline.after(2, consul.client.interrupt)
    with pytest.raises(Unavailable, match="broke"):
        consul.client.watch("desired/", consul.index, 25)
    assert consul.timeline.now == 2
