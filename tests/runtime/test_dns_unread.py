"""Documents that cannot be read after a restart: names are followed on, and nobody else gets them."""

from typing import Any

import pytest

from desired_state.dns_forms import DnsBinding
from swarm_operator.observed.errors import Unavailable
from swarm_operator.plan.dns.wishes import Wishes
from tests.runtime.dns_lab import ADDRESSES, ZONE, DnsLab, wish

CODE, OTHER = frozenset({"code"}), frozenset({"a"})
BOTH = {f"w{n}": [f"51.75.10.{n}", f"2001:41d0::{n}"] for n in (1, 2, 3)}


def started(**fields: Any) -> DnsLab:
    lab = DnsLab()
    lab.service()
    lab.service("a_web")
    lab.run(5)
    lab.start()
    lab.wish(wish(**fields))
    lab.until(lab.settled)
    return lab


def restarted(lab: DnsLab, wishes: Wishes) -> None:
    lab.operators[-1].stop()
    lab._wishes = wishes
    lab.start()


def moved(lab: DnsLab) -> list[str]:
    (gone,) = lab.hosts()
    lab.world.engine.kill_node(gone)
    lab.until(lambda: bool(lab.hosts()) and lab.hosts() != [gone], 90)
    return lab.where()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"stable_for": "1s", "families": ["A", "AAAA"], "addresses": BOTH, "policy": "sync"},
    ],
)
def test_a_name_is_followed_though_its_document_cannot_be_read(fields: dict[str, Any]) -> None:
    lab = started(**fields)
    restarted(lab, Wishes((), unread=CODE))
    lab.run(10)
    where = moved(lab)
    lab.until(lambda: lab.zones.answers("git") == where, 10)
    lab.until(lab.settled)
    lab.wish()  # it can be read again, and wishes the name no more
    lab.run(10)
    assert lab.status().state == "Abandoned" if not fields else lab.state() == ""


def test_no_other_stack_gets_the_name_meanwhile() -> None:
    lab = started()
    other = wish(service="a_web", stack="a", addresses=dict.fromkeys(ADDRESSES, "51.99.0.1"))
    before = lab.zones.answers("git")
    restarted(lab, Wishes((other,), unread=CODE, evident=OTHER))
    lab.run(60)
    assert lab.zones.answers("git") == before
    assert (lab.status().service, lab.status().others) == ("code_gogs", ("a_web",))
    lab.wish(other)  # the owner can be read again, and wishes it no more
    lab.until(lambda: lab.zones.answers("git") == ["51.99.0.1"], 60)


def test_what_an_older_version_noted_is_told_as_not_followed() -> None:
    """Its status holds no entry of the document."""
    lab = started()
    for operator in lab.operators:
        operator.stop()
    status = lab.status().model_copy(update={"binding": None})
    lab.put_status(status)
    restarted(lab, Wishes((), unread=CODE))
    lab.run(10)
    assert lab.state() == "Waiting Unread"
    lab.wish(wish())
    lab.until(lab.settled)


def test_an_entry_reads_back_as_it_was() -> None:
    for entry in (
        {"zone": ZONE, "name": "www", "type": "CNAME"},
        {"zone": ZONE, "name": "git", "stable_for": "0s", "remove_after": "1m30s", "ttl": 0},
        {"zone": ZONE, "name": "git", "on_empty": {"fallback": ["51.1.1.1"]}, "addresses": BOTH},
        {"zone": ZONE, "name": "git", "cardinality": "many", "max_values": 3, "paused": True},
    ):
        binding = DnsBinding(**entry)
        assert DnsBinding(**binding.as_written()) == binding


def test_a_nodes_document_that_cannot_be_read_changes_no_record() -> None:
    """It may hold the address; that of the next source is another one."""
    lab = started(addresses={}, allow_private=True)
    documents = {host: (address,) for host, address in ADDRESSES.items()}
    lab.wish(wish(addresses={}, allow_private=True), addresses=documents)
    lab.until(lambda: lab.zones.answers("git") == lab.where())
    (host,) = lab.hosts()
    rest = {key: value for key, value in documents.items() if key != host}
    restarted(
        lab,
        Wishes(
            (wish(addresses={}, allow_private=True),),
            addresses=rest,
            evident=CODE,
            unread_nodes=frozenset({host}),
        ),
    )
    lab.run(60)
    assert lab.zones.answers("git") == [ADDRESSES[host]]
    assert lab.state() == "Waiting NoAddress"
    assert "document cannot be read" in lab.status().message
    where = moved(lab)
    lab.until(lambda: lab.zones.answers("git") == where, 10)


def test_of_many_none_is_taken_away_for_a_document_that_cannot_be_read() -> None:
    lab = DnsLab()
    lab.service(replicas=3)
    lab.run(5)
    lab.start()
    documents = {host: (address,) for host, address in ADDRESSES.items()}
    many = wish(addresses={}, cardinality="many", policy="sync")
    lab.wish(many, addresses=documents)
    lab.until(lambda: len(lab.zones.answers("git")) == len(set(lab.where())))
    before = lab.zones.answers("git")
    del documents["w1"]
    restarted(lab, Wishes((many,), documents, CODE, frozenset(), frozenset({"w1"})))
    lab.run(60)
    assert lab.zones.answers("git") == before


def test_what_is_owed_is_published_while_the_swarm_cannot_be_read() -> None:
    """It was decided on a swarm that was to be trusted."""
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start()
    lab.zones.always["publish"] = Unavailable("500")
    lab.wish(wish())
    lab.until(lambda: bool(lab.state()) and lab.status().owed)
    lab.operators[-1].swarm.error = Unavailable("no quorum")
    lab.run(10)
    lab.zones.always.clear()
    lab.run(120)
    assert not lab.status().owed
    assert lab.zones.answers("git") == lab.zones.values("git") != []
