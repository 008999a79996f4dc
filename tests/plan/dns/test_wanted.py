"""From the chosen nodes to the values of each record set."""

from swarm_operator.plan.dns.addresses import Sources
from swarm_operator.plan.dns.rrset import Wanted
from swarm_operator.plan.dns.stability import Choice
from swarm_operator.plan.dns.wanted import Kept, wanted_of
from tests.plan.dns.worlds import WORKERS, binding, node

V6 = Sources(documents={"node1": ("51.75.10.1", "2001:41d0::1")})
BOTH = ["A", "AAAA"]


def test_one_address() -> None:
    choice = Choice(WORKERS[:1], "Following")
    (one,) = wanted_of(binding(ttl=120), choice, Sources())
    assert isinstance(one, Wanted)
    assert (one.key.type, one.values, one.ttl) == ("A", ("51.75.10.1",), 120)


def test_both_families() -> None:
    found = wanted_of(binding(families=BOTH), Choice(WORKERS[:1], "Following"), V6)
    assert [one.values for one in found if isinstance(one, Wanted)] == [
        ("51.75.10.1",),
        ("2001:41d0::1",),
    ]


def test_a_family_that_the_node_lacks_is_taken_away_where_that_may_be_done() -> None:
    choice = Choice(WORKERS[:1], "Following")
    a, aaaa = wanted_of(binding(families=BOTH), choice, Sources())
    assert isinstance(a, Wanted)
    assert isinstance(aaaa, Kept)
    assert (aaaa.reason, aaaa.key.type) == ("NoAddress", "AAAA")
    _, gone = wanted_of(binding(families=BOTH, policy="sync"), choice, Sources())
    assert isinstance(gone, Wanted)
    assert gone.values == ()


def test_no_address_at_all_never_empties_a_name() -> None:
    choice = Choice((node("node9", address="127.0.0.1"),), "Following")
    for policy in ("upsert", "sync"):
        (kept,) = wanted_of(binding(policy=policy), choice, Sources())
        assert isinstance(kept, Kept)
        assert "node9" in kept.message
        assert "loopback" in kept.message


def test_of_many_nodes_those_with_an_address_count() -> None:
    choice = Choice((*WORKERS[:2], node("node9", address="0.0.0.0")), "Following")
    (one,) = wanted_of(binding(cardinality="many"), choice, Sources())
    assert isinstance(one, Wanted)
    assert one.values == ("51.75.10.1", "51.75.10.2")


def test_a_cname_points_at_the_nodes_own_name() -> None:
    (one,) = wanted_of(binding(type="CNAME"), Choice(WORKERS[:1], "Following"), Sources())
    assert isinstance(one, Wanted)
    assert one.values == ("node1.example.org",)
    elsewhere = Choice((node("node1.other.net"),), "Following")
    (kept,) = wanted_of(binding(type="CNAME"), elsewhere, Sources())
    assert isinstance(kept, Kept)


def test_while_empty() -> None:
    empty = Choice(WORKERS[:1], "NoEndpoint", is_empty=True)
    follows = binding(families=BOTH, on_empty={"fallback": ["51.75.10.9", "2001:41d0::9"]})
    found = wanted_of(follows, empty, Sources())
    assert [one.values for one in found if isinstance(one, Wanted)] == [
        ("51.75.10.9",),
        ("2001:41d0::9",),
    ]
    (gone,) = wanted_of(binding(on_empty="remove", policy="sync"), empty, Sources())
    assert isinstance(gone, Wanted)
    assert gone.values == ()


def test_nothing_chosen_yet_changes_nothing() -> None:
    (kept,) = wanted_of(binding(), Choice((), "NoEndpoint"), Sources())
    assert isinstance(kept, Kept)
    assert kept.reason == "NoEndpoint"
