"""What is asked of a provider, in which order, and what is left of names that change their form or go."""

from typing import Any

import pytest

from swarm_operator.observed.errors import Unavailable
from swarm_operator.plan.dns.wishes import BindingId
from tests.runtime.dns_lab import ADDRESSES, OTHER_ZONE, ZONE, DnsLab, wish
from tests.runtime.turns import Died

BOTH = {f"w{n}": [f"51.75.10.{n}", f"2001:41d0::{n}"] for n in (1, 2, 3)}


def started(**fields: Any) -> DnsLab:
    lab = DnsLab()
    lab.service(**fields)
    lab.service("a_web")
    lab.run(5)
    lab.start()
    return lab


def at(address: str, families: tuple[str, ...] = ("A", "AAAA")) -> Any:
    """A binding whose every node has this address."""
    pair = [address, f"2001:41d0::{address.replace('.', ':')}"]
    return wish(addresses=dict.fromkeys(ADDRESSES, pair), families=families, stable_for="0s")


def test_two_families_with_room_for_one_wait_without_a_call() -> None:
    lab = started()
    lab.wish(at("51.76.0.1"))
    lab.until(lab.settled)
    for number in range(1, 29):
        lab.wish(at(f"51.76.{number}.1"))
        lab.run(20)
    lab.wish(at("51.76.28.2", families=("A",)))
    lab.run(20)
    assert lab.zones.count("put") + lab.zones.count("post") == 59
    lab.zones.calls.clear()
    lab.wish(at("51.77.1.1"))
    lab.run(600)
    assert lab.state() == "Waiting TooManyChanges"
    assert len(lab.zones.calls) < 10
    lab.until(lambda: lab.zones.answers("git") == ["51.77.1.1"], 3700)


def test_a_move_of_both_families_counts_once_for_damping() -> None:
    lab = started()
    lab.wish(wish(addresses=BOTH, families=["A", "AAAA"]))
    lab.until(lab.settled)
    (gone,) = lab.hosts()
    lab.world.engine.kill_node(gone)
    lab.until(lambda: bool(lab.hosts()) and lab.hosts() != [gone], 90)
    lab.until(lambda: lab.zones.answers("git") == [ADDRESSES[lab.hosts()[0]]])
    followed = lab.operators[0].controller.names[BindingId(ZONE, "git")].followed
    assert len(followed.changes) == 1


def test_a_family_that_is_not_wished_any_more_goes_with_the_right_to_delete() -> None:
    lab = started()
    lab.wish(wish(addresses=BOTH, families=["A", "AAAA"], policy="sync"))
    lab.until(lab.settled)
    lab.zones.hand("git", "2001:db8:ffff::1", type_="AAAA")
    lab.wish(wish(addresses=BOTH, families=["A"], policy="sync", adopt=True))
    lab.until(lambda: lab.zones.answers("git", type_="AAAA") == ["2001:db8:ffff::1"])
    lab.until(lab.settled)
    assert lab.zones.answers("git") == lab.where()
    assert list(lab.status().records) == ["A"]


def test_addresses_give_way_to_an_alias_with_the_right_to_delete() -> None:
    lab = started()
    lab.wish(wish(policy="sync"))
    lab.until(lab.settled)
    lab.wish(wish(policy="sync", type="CNAME"))
    lab.until(lambda: lab.zones.answers("git", type_="CNAME") == [f"{lab.hosts()[0]}.{ZONE}"], 30)
    assert lab.zones.answers("git") == []
    lab.until(lab.settled)


def test_an_alias_is_not_made_beside_the_mail_of_its_name() -> None:
    lab = started()
    lab.zones.hand("git", "10 mx.example.org.", type_="MX")
    lab.wish(wish(type="CNAME"))
    lab.until(lambda: lab.state() == "Conflict CnameConflict")
    assert "MX" in lab.status().message
    assert lab.zones.values("git", type_="CNAME") == []


def test_of_many_a_node_without_an_address_is_told() -> None:
    lab = started(replicas=3)
    known = {host: address for host, address in ADDRESSES.items() if host != "w2"}
    lab.wish(wish(addresses=known, cardinality="many"))
    lab.until(lambda: lab.state() == "InSync NoAddress")
    assert "w2" in lab.status().message


def test_a_name_that_was_never_ours_leaves_nothing() -> None:
    lab = started()
    lab.zones.hand("git", "8.8.8.8")
    lab.wish(wish())
    lab.until(lambda: "ForeignRecord" in lab.state())
    lab.wish()
    lab.until(lambda: lab.state() == "", 10)
    assert lab.zones.answers("git") == ["8.8.8.8"]


def test_a_restart_between_a_deletion_and_its_publication_leaves_nothing() -> None:
    lab = started()
    lab.wish(wish(policy="sync"))
    lab.until(lab.settled)
    lab.zones.always["publish"] = Unavailable("500")
    lab.wish()
    lab.until(lambda: lab.zones.values("git") == [])
    lab.run(2)
    lab.operators[-1].stop()
    lab.zones.always.clear()
    lab.start()
    lab.until(lambda: lab.state() == "", 60)
    assert lab.zones.answers("git") == []


def test_of_two_zones_with_one_whole_name_that_with_a_provider_gets_it() -> None:
    lab = started()
    below = f"b.{ZONE}"
    lab.wish(wish("a.b"), wish("a", service="a_web", stack="a", zone=below))
    lab.until(lambda: lab.settled("a.b"))
    assert lab.status("a.b").others == ("a_web",)


def test_a_request_of_the_earlier_holder_that_is_done_late_is_corrected_soon() -> None:
    """It hung in the network: the next one has read and published by then."""
    lab = started()
    lab.wish(wish())
    lab.until(lab.settled)
    late: list[Any] = []
    replace = lab.zones._replace

    def hang(call: str) -> None:
        if call == "put" and lab.operators[0].alive:
            lab.zones.before_call = lambda _call: None
            held = {record.name: record for record in lab.zones.pending[ZONE]}["git"]
            late.append(held)
            lab.operators[0].die()
            raise Died

    lab.zones.before_call = hang
    old = lab.zones.answers("git")
    turned = dict(zip(ADDRESSES, ["51.75.10.2", "51.75.10.3", "51.75.10.1"], strict=True))
    new = [turned[lab.hosts()[0]]]
    lab.wish(wish(addresses=turned))
    lab.until(lambda: not lab.operators[0].alive)
    lab.start()
    lab.until(lambda: lab.zones.answers("git") == new, 60)
    lab.run(3)
    now = {record.name: record for record in lab.zones.pending[ZONE]}["git"]
    replace(ZONE, now, late)
    lab.zones._serve(ZONE)
    assert lab.zones.answers("git") == old
    lab.servers.silent = True  # nor do name servers say so
    lab.until(lambda: lab.zones.answers("git") == new, 20)


@pytest.mark.parametrize("zone", [ZONE, OTHER_ZONE])
def test_a_change_goes_before_what_is_only_looked_after(zone: str) -> None:
    """An audit of many names at a slow provider makes way, in its own zone and in another one."""
    lab = started()
    names = [f"n{number}" for number in range(10)]
    lab.wish(*(wish(name) for name in names), wish("moves", zone=zone))
    lab.until(
        lambda: all(lab.settled(name) for name in names) and lab.state("moves", zone) == "InSync",
        900,
    )
    lab.run(120)
    for each in lab.operators[0].controller.names.values():
        each.doubted = each.id.name != "moves"
    read: list[str] = []

    def slow(call: str) -> None:
        lab.run(1.0) if call == "list" else None
        read.append(call)
        if len(read) == 3:
            moved = wish("moves", zone=zone, addresses=dict.fromkeys(ADDRESSES, "51.75.99.1"))
            lab.wish(*(wish(name) for name in names), moved)

    lab.zones.before_call = slow
    lab.operators[0].nudge()
    lab.until(lambda: lab.zones.answers("moves", zone=zone) == ["51.75.99.1"], 60)
    assert read.index("put") < 12


@pytest.mark.parametrize(
    ("on_empty", "said"),
    [
        ("keep", "its records stay"),
        ("remove", "its records are taken away"),
        ({"fallback": ["51.99.9.9"]}, "its fallback is published"),
    ],
)
def test_what_became_of_a_name_whose_service_runs_nowhere(on_empty: Any, said: str) -> None:
    lab = started()
    lab.wish(wish(policy="sync", on_empty=on_empty))
    lab.until(lab.settled)
    lab.update("code_gogs", lambda spec: {**spec, "Mode": {"Replicated": {"Replicas": 0}}})
    lab.run(60)
    assert lab.state() == "Waiting NoEndpoint"
    assert said in lab.status().message
