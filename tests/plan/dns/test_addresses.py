"""A node's public address: the order of the sources, and what is never published."""

from dataclasses import replace

import pytest

from desired_state.dns_forms import DnsBinding
from swarm_operator.observed.swarm import Node
from swarm_operator.plan.dns.addresses import (
    Found,
    NotFound,
    Sources,
    address_of,
    name_to_ask,
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


PRIVATE = "10.0.0.4"


@pytest.mark.parametrize(
    ("follows", "sources", "labels", "said"),
    [
        (
            binding(addresses={"node1": PRIVATE}, allow_private=True),
            Sources(DOCUMENTS),
            LABELS,
            "the binding's addresses",
        ),
        (binding(), Sources({"node1": (PRIVATE,)}), LABELS, "the node's document"),
        (
            binding(),
            Sources(),
            {"swarm-operator.dns.ipv4": PRIVATE},
            "the node's label swarm-operator.dns.ipv4",
        ),
        (
            binding(allow_private=True),
            Sources(),
            {"swarm-operator.dns.ipv4": "gateway"},
            "the node's label swarm-operator.dns.ipv4",
        ),
        (
            binding(),
            Sources({"node1": ("0.0.0.0",)}),
            LABELS,
            "the node's document",
        ),
        (
            binding(),
            Sources(),
            {"swarm-operator.dns.ipv4": "2001:41d0::2"},
            "the node's label swarm-operator.dns.ipv4",
        ),
    ],
)
def test_what_a_person_named_and_may_not_be_published_hides_all_later_sources(
    follows: DnsBinding, sources: Sources, labels: dict[str, str], said: str
) -> None:
    """Else an address is published that nobody named."""
    if follows.addresses:  # as an older version may have noted it
        follows = follows.model_copy(update={"allow_private": False})
    sources = replace(sources, in_zone=IN_ZONE)  # type: ignore[arg-type]
    answer = address_of(node("node1", address=SWARM, labels=labels), "A", follows, sources)
    assert isinstance(answer, NotFound)
    assert answer.message.startswith(f"{said} ")
    assert "correct it, or remove it so that a later source is asked" in answer.message
    assert not answer.is_unknown


def test_the_second_of_two_addresses_of_one_source_is_taken_where_the_first_may_not_be() -> None:
    sources = Sources({"node1": (PRIVATE, DOCUMENT)}, in_zone=IN_ZONE)  # type: ignore[arg-type]
    found = address_of(node("node1", address=SWARM, labels=LABELS), "A", binding(), sources)
    assert isinstance(found, Found)
    assert found.address == DOCUMENT


def test_a_source_of_the_other_family_only_hides_nothing() -> None:
    sources = Sources({"node1": ("2001:41d0::2",)})
    found = address_of(node("node1", address=SWARM, labels=LABELS), "A", binding(), sources)
    assert isinstance(found, Found)
    assert found.address == LABEL


def test_what_nobody_named_for_it_hides_nothing_and_is_told() -> None:
    """The node's record in the zone, and what Swarm reports."""
    sources = Sources(in_zone={("node1.example.org", "A"): (PRIVATE,)})
    found = address_of(node("node1", address=SWARM), "A", binding(), sources)
    assert isinstance(found, Found)
    answer = address_of(node("node1", address="10.0.0.5"), "A", binding(), sources)
    assert isinstance(answer, NotFound)
    assert PRIVATE in answer.message
    assert "10.0.0.5" in answer.message
    assert isinstance(address_of(node("node1"), "A", binding(allow_private=True), sources), Found)


@pytest.mark.parametrize(
    ("where", "sources", "is_asked"),
    [
        (node("node1"), Sources(), True),
        (node("node1", labels=LABELS), Sources(), False),
        (node("node1", labels={"swarm-operator.dns.ipv4": PRIVATE}), Sources(), False),
        (node("node1"), Sources({"node1": (DOCUMENT,)}), False),
        (node("node1"), Sources({"node1": (PRIVATE,)}), False),
        (node("node1"), Sources({"node1": ("2001:41d0::2",)}), True),
        (node("node1"), Sources(unread=frozenset({"node1"})), False),
        (node("git"), Sources(), False),
        (node("node1.other.net"), Sources(), False),
    ],
)
def test_the_zone_is_asked_only_where_nothing_before_it_decides(
    where: Node, sources: Sources, is_asked: bool
) -> None:
    name = name_to_ask(where, "A", binding(), sources)
    assert (name is not None) == is_asked


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
