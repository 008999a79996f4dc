"""Names follow their services through what happens to a swarm; in virtual time."""

from dataclasses import replace

import pytest

from swarm_operator.observed.swarm import Swarm
from tests.runtime.dns_lab import ADDRESSES, DOWN, NODES, SERVICE, DnsLab, Operator, wish


@pytest.fixture
def lab() -> DnsLab:
    """A service that runs on one worker, and a name that points there."""
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start()
    lab.wish(wish())
    lab.until(lab.settled)
    lab.zones.calls.clear()
    return lab


def operator(lab: DnsLab) -> Operator:
    return lab.operators[-1]


def test_a_name_is_made_and_served(lab: DnsLab) -> None:
    assert lab.zones.answers("git") == lab.where()
    status = lab.status()
    rrset = status.records["A"]
    assert list(rrset.written) == lab.where()
    assert rrset.published_at is not None
    assert rrset.verified_at is not None
    assert (status.owed, status.nodes) == (False, tuple(lab.hosts()))


def test_power_off_leads_to_one_change_within_a_second_of_the_new_task(lab: DnsLab) -> None:
    (host,) = lab.hosts()
    lab.world.engine.kill_node(host)
    lab.until(lambda: lab.hosts() not in ([], [host]), 60)
    took_s = lab.until(lambda: lab.zones.answers("git") == lab.where(), 5)
    assert took_s <= 0.5
    assert lab.zones.calls == [f"{call} example.org" for call in ("list", "get", "put", "publish")]
    lab.world.engine.return_node(host)
    lab.run(60)
    assert len(lab.zones.calls) == 4
    assert len(lab.status().changes) == 1


def test_a_healed_cut_does_not_bring_it_back(lab: DnsLab) -> None:
    (host,) = lab.hosts()
    lab.world.engine.cut_node(host)
    lab.until(lambda: lab.zones.answers("git") == lab.where() != [ADDRESSES[host]], 60)
    lab.world.engine.reconnect_node(host)
    lab.run(60)
    assert lab.zones.count("put") == 1


def test_it_stays_while_nothing_runs(lab: DnsLab) -> None:
    before = lab.zones.answers("git")
    lab.update(SERVICE, lambda spec: {**spec, "Mode": {"Replicated": {"Replicas": 0}}})
    lab.until(lambda: lab.state() == "Waiting NoEndpoint")
    lab.run(120)
    assert lab.zones.answers("git") == before
    assert lab.zones.count("put") + lab.zones.count("delete") == 0
    live = lab.hands.read().services_by_name[SERVICE]
    lab.hands.remove_service(live.id)
    lab.run(30)
    assert lab.state() == "Waiting NoEndpoint"
    assert lab.zones.answers("git") == before


def test_a_change_of_leader_changes_nothing(lab: DnsLab) -> None:
    lab.world.engine.change_leader()
    lab.run(30)
    assert lab.zones.calls == []


def test_a_manager_without_its_majority_is_not_believed(lab: DnsLab) -> None:
    def isolated(swarm: Swarm) -> Swarm:
        cut_off = [
            replace(node, reachability="unreachable") if node.hostname in {"m2", "m3"} else node
            for node in swarm.nodes
        ]
        return replace(swarm, nodes=tuple(cut_off), tasks=())

    operator(lab).swarm.seen = isolated
    lab.until(lambda: lab.state() == "Waiting Untrusted")
    lab.run(400)
    assert lab.zones.calls == []
    operator(lab).swarm.seen = lambda swarm: swarm
    lab.until(lab.settled)


def test_an_engine_without_an_answer_changes_nothing(lab: DnsLab) -> None:
    operator(lab).swarm.error = DOWN
    lab.until(lambda: lab.state() == "Waiting Untrusted")
    turns = lab.turns
    lab.run(60)
    assert lab.turns - turns < 400
    assert lab.zones.calls == []
    operator(lab).swarm.error = None
    lab.until(lab.settled)


def test_another_address_of_the_node_is_taken_without_a_move(lab: DnsLab) -> None:
    addresses = {**ADDRESSES, lab.hosts()[0]: "51.75.99.9"}
    lab.wish(wish(addresses=addresses))
    lab.until(lambda: lab.zones.answers("git") == ["51.75.99.9"])
    assert lab.zones.count("put") == 1


def test_the_nodes_document_is_a_source(lab: DnsLab) -> None:
    documents = {host: (f"51.75.20.{number}",) for number, host in enumerate(ADDRESSES)}
    lab.wish(wish(addresses={}), addresses=documents)
    lab.until(lambda: lab.zones.answers("git") == list(documents[lab.hosts()[0]]))


def test_the_record_of_the_nodes_own_name_is_a_source(lab: DnsLab) -> None:
    for number, plan in enumerate(NODES):
        lab.zones.hand(plan.hostname, f"51.75.30.{number}")
    lab.wish(wish(addresses={}))
    (host,) = lab.hosts()
    lab.until(lambda: lab.zones.answers("git") == lab.zones.answers(host))


def test_a_node_without_an_address_keeps_the_record(lab: DnsLab) -> None:
    before = lab.zones.answers("git")
    lab.wish(wish(addresses={}))
    lab.until(lambda: lab.state() == "Waiting NoAddress", 30)
    assert lab.zones.answers("git") == before
    assert "the internet cannot reach it" in lab.status().message


def test_an_alias_follows_too(lab: DnsLab) -> None:
    lab.wish(wish(), wish("ssh", type="CNAME"))
    (host,) = lab.hosts()
    name = f"{host}.example.org"
    lab.until(lambda: lab.zones.answers("ssh", type_="CNAME") == [name])


def test_replicas_are_all_in_the_set_and_leave_it_late() -> None:
    lab = DnsLab()
    lab.service(replicas=3)
    lab.run(5)
    lab.start()
    lab.wish(wish(cardinality="many", policy="sync"))
    lab.until(lambda: lab.zones.answers("git") == sorted(ADDRESSES.values()))
    lab.update(SERVICE, lambda spec: {**spec, "Mode": {"Replicated": {"Replicas": 2}}})
    lab.until(lambda: len(lab.hosts()) == 2)
    assert 25 < lab.until(lambda: lab.zones.answers("git") == lab.where()) < 35


def test_a_service_that_goes_to_and_fro_is_damped(lab: DnsLab) -> None:
    moves = []
    for _ in range(4):
        (host,) = lab.hosts()
        lab.world.engine.kill_node(host)
        lab.until(lambda host=host: lab.hosts() not in ([], [host]), 60)  # type: ignore[misc]
        moves.append(lab.until(lambda: lab.zones.answers("git") == lab.where(), 60))
        lab.world.engine.return_node(host)
        lab.run(5)
    assert max(moves[:3]) < 1
    assert 29 < moves[3] < 31


def test_a_binding_that_goes_leaves_its_record(lab: DnsLab) -> None:
    before = lab.zones.answers("git")
    lab.wish()
    lab.until(lambda: lab.state() == "Abandoned")
    lab.run(400)
    assert lab.zones.answers("git") == before
    assert lab.zones.count("delete") == 0
    lab.wish(wish())
    lab.until(lab.settled)


def test_with_the_right_to_delete_it_goes_with_its_binding(lab: DnsLab) -> None:
    lab.zones.hand("other", "51.75.10.77")
    lab.wish(wish(policy="sync"))
    lab.run(2)
    lab.wish()
    lab.until(lambda: lab.zones.answers("git") == [])
    lab.until(lambda: lab.state() == "")
    assert lab.zones.answers("other") == ["51.75.10.77"]


def test_nothing_is_deleted_because_a_folder_vanished(lab: DnsLab) -> None:
    lab.wish(wish(policy="sync"))
    lab.run(2)
    lab.wish(evident=frozenset())
    lab.until(lambda: lab.state() == "Abandoned")
    lab.run(60)
    assert lab.zones.answers("git") == lab.where()
    assert lab.zones.count("delete") == 0


def test_a_stack_that_cannot_be_read_keeps_its_names(lab: DnsLab) -> None:
    lab.wish(unread=frozenset({"code"}))
    lab.run(30)
    assert lab.state() == "InSync"


def test_who_has_a_name_keeps_it(lab: DnsLab) -> None:
    lab.service("a_web")
    lab.wish(wish(service="a_web", stack="a"), wish())
    lab.run(10)
    assert lab.status().service == SERVICE
    lab.until(lambda: lab.status().others == ("a_web",))
    assert lab.zones.calls == []


@pytest.mark.parametrize("mode", ["observe", "paused"])
def test_who_may_only_look_writes_nothing(mode: str) -> None:
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start("observe" if mode == "observe" else "act")
    lab.wish(wish(paused=mode == "paused"))
    said = {"observe": "Observing", "paused": "Paused"}[mode]
    lab.until(lambda: lab.state() == said)
    lab.run(30)
    lab.until(lambda: "would be 51.75.10." in lab.status().message)
    assert lab.zones.pending == {}
    assert lab.zones.count("publish") == 0


def test_a_zone_without_a_provider_is_told() -> None:
    lab = DnsLab()
    lab.service()
    lab.start()
    lab.wish(wish(zone="elsewhere.org"))
    lab.until(lambda: lab.state(zone="elsewhere.org") == "Failed NoProvider")
    lab.wish(wish(provider="nobody"))
    lab.until(lambda: lab.state() == "Failed NoProvider")
    assert (
        lab.status().message == "no provider called nobody of the settings has the zone example.org"
    )
