"""Where a node's address comes from when name servers are silent, or answer for every name."""

import pytest

from swarm_operator.observed.dns import Answer
from tests.runtime.dns_lab import ADDRESSES, ZONE, DnsLab, wish

PROXY = "51.75.200.1"


def started() -> DnsLab:
    lab = DnsLab()
    lab.service()
    lab.run(5)
    return lab


def moves(lab: DnsLab) -> str:
    """The node goes down; returns the next one's host name."""
    (gone,) = lab.hosts()
    lab.world.engine.kill_node(gone)
    lab.until(lambda: bool(lab.hosts()) and lab.hosts() != [gone], 90)
    return lab.hosts()[0]


def reported(lab: DnsLab) -> list[str]:
    """What Swarm reports of the nodes that run it."""
    by_host = {node.hostname: node.address for node in lab.hands.read().nodes}
    return [by_host[host] or "" for host in lab.hosts()]


def wildcard(lab: DnsLab, *values: str) -> None:
    """`*.example.org`, as name servers read it (RFC 4592)."""
    plain = lab.servers.ask

    def ask(zone: str, fqdn: str, type_: str) -> tuple[Answer, ...]:
        answers = plain(zone, fqdn, type_)
        exists = [f"{record.name}.{ZONE}" for record in lab.zones.served.get(ZONE, [])]
        is_there = any(fqdn == name or fqdn.endswith(f".{name}") for name in exists)
        if type_ != "A" or is_there:
            return answers
        return tuple(Answer(answer.server, values, 60) for answer in answers)

    lab.servers.ask = ask  # type: ignore[method-assign]


def test_a_name_follows_though_no_name_server_ever_answers() -> None:
    """Port 53 is closed: what Swarm reports is all that there is."""
    lab = started()
    lab.servers.silent = True
    lab.start()
    lab.wish(wish(addresses={}, allow_private=True))
    lab.until(lambda: lab.zones.answers("git") == reported(lab), 30)
    lab.run(30)
    for _ in range(2):
        moves(lab)
        lab.until(lambda: lab.zones.answers("git") == reported(lab), 5)
    assert "NoAddress" not in lab.state()


def test_silence_after_a_restart_changes_no_address_without_a_move() -> None:
    lab = started()
    for host, address in ADDRESSES.items():
        lab.zones.hand(host, address)
    lab.start()
    lab.wish(wish(addresses={}, allow_private=True))
    lab.until(lab.settled)
    before = lab.zones.answers("git")
    assert before == lab.where()
    lab.operators[-1].stop()
    lab.servers.silent = True
    lab.start()
    lab.run(400)
    assert lab.zones.answers("git") == before
    moves(lab)
    lab.until(lambda: lab.zones.answers("git") == lab.where(), 5)


def test_a_wildcard_is_no_record_of_a_node() -> None:
    lab = started()
    wildcard(lab, PROXY)
    lab.start()
    lab.wish(wish(addresses={}, allow_private=True))
    lab.until(lambda: lab.zones.answers("git") == reported(lab), 30)
    moves(lab)
    lab.until(lambda: lab.zones.answers("git") == reported(lab), 30)
    assert all(PROXY not in served for served in lab.zones.served_sets)


@pytest.mark.parametrize("proxy", [PROXY, None])
def test_a_nodes_own_record_beside_a_wildcard_is_one(proxy: str | None) -> None:
    """Also where the wildcard points at this very node."""
    lab = started()
    for host, address in ADDRESSES.items():
        lab.zones.hand(host, address)
    wildcard(lab, proxy or lab.where()[0])
    lab.start()
    lab.wish(wish(addresses={}, allow_private=True))
    lab.until(lambda: lab.zones.answers("git") == lab.where(), 30)
    moves(lab)
    lab.until(lambda: lab.zones.answers("git") == lab.where(), 30)
