"""A node's public address: the order of the sources, and what is never published."""

import pytest

from swarm_operator.plan.dns.addresses import (
    Found,
    NotFound,
    Sources,
    address_of,
    names_in_zone,
    why_refused,
)
from tests.plan.dns.worlds import binding, node

MAP, DOCUMENT, LABEL, ZONE, SWARM = (f"51.75.10.{n}" for n in range(1, 6))
LABELS = {"swarm-operator.dns.ipv4": LABEL}
DOCUMENTS = {"node1": (DOCUMENT, "2001:41d0::2")}
IN_ZONE = {("node1.example.org", "A"): (ZONE,)}


@pytest.mark.parametrize(
    ("known", "wanted"),
    [
        ({"map", "document", "label", "zone"}, MAP),
        ({"document", "label", "zone"}, DOCUMENT),
        ({"label", "zone"}, LABEL),
        ({"zone"}, ZONE),
        (set(), SWARM),
    ],
)
def test_the_first_source_that_knows_one_wins(known: set[str], wanted: str) -> None:
    follows = binding(addresses={"node1": MAP} if "map" in known else {})
    sources = Sources(
        documents=DOCUMENTS if "document" in known else {},
        in_zone=IN_ZONE if "zone" in known else {},  # type: ignore[arg-type]
    )
    where = node("node1", address=SWARM, labels=LABELS if "label" in known else {})
    found = address_of(where, "A", follows, sources)
    assert isinstance(found, Found)
    assert found.address == wanted


def test_each_family_is_looked_for_by_itself() -> None:
    found = address_of(node("node1", address=SWARM), "AAAA", binding(), Sources(DOCUMENTS))
    assert isinstance(found, Found)
    assert found.address == "2001:41d0::2"


@pytest.mark.parametrize(
    "absurd",
    ["0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.255", "240.0.0.1"],
)
def test_what_no_node_has_is_never_published(absurd: str) -> None:
    assert why_refused(absurd, allow_private=True) is not None


@pytest.mark.parametrize("absurd", ["::", "::1", "fe80::1", "ff02::1", "::ffff:51.75.10.1"])
def test_what_no_node_has_is_never_published_in_ipv6(absurd: str) -> None:
    assert why_refused(absurd, allow_private=True) is not None


@pytest.mark.parametrize("private", ["10.1.2.3", "192.168.1.1", "100.64.0.1", "fd00::1"])
def test_a_private_address_is_published_only_where_it_is_said(private: str) -> None:
    assert why_refused(private, allow_private=False) is not None
    assert why_refused(private, allow_private=True) is None


def test_a_refused_source_does_not_hide_the_next_and_is_told() -> None:
    where = node("node1", address="10.0.0.4", labels={"swarm-operator.dns.ipv4": "gateway"})
    answer = address_of(where, "A", binding(), Sources())
    assert isinstance(answer, NotFound)
    assert "'gateway': no IP address" in answer.message
    assert "10.0.0.4" in answer.message
    assert isinstance(address_of(where, "A", binding(allow_private=True), Sources()), Found)


def test_a_node_name_with_several_records_says_nothing() -> None:
    sources = Sources(in_zone={("node1.example.org", "A"): ("51.75.10.1", "51.75.10.2")})
    answer = address_of(node("node1"), "A", binding(), sources)
    assert isinstance(answer, NotFound)
    assert "2 values" in answer.message


def test_the_bound_name_itself_is_no_source() -> None:
    sources = Sources(in_zone={("git.example.org", "A"): ("51.75.10.1",)})
    assert isinstance(address_of(node("git"), "A", binding(), sources), NotFound)


@pytest.mark.parametrize(
    ("hostname", "name"),
    [
        ("node1", "node1.example.org"),
        ("Node1.Example.org.", "node1.example.org"),
        ("node1.other.net", None),
        ("", None),
    ],
)
def test_the_name_of_a_node_in_a_zone(hostname: str, name: str | None) -> None:
    assert names_in_zone(node(hostname), "example.org") == name
