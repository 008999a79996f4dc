"""Whether a name is served, where not all of the zone's name servers answer."""

from collections.abc import Callable

import pytest

from swarm_operator.observed.dns import Answer
from swarm_operator.runtime.dns.measures import Gauges
from swarm_operator.server.metrics import PrometheusMetrics, process_registry
from tests.runtime.dns_lab import ZONE, DnsLab, wish

AWAY = "verified at 2 of 3 name servers: ns3:53 does not answer (Timeout)"


class Servers:
    """The two that the lab has, and a third one."""

    def __init__(self, lab: DnsLab) -> None:
        self.silent, self.wrong = {"ns3:53"}, set[str]()
        self._plain: Callable[..., tuple[Answer, ...]] = lab.servers.ask
        lab.servers.ask = self._ask  # type: ignore[method-assign]

    def _ask(self, zone: str, fqdn: str, type_: str) -> tuple[Answer, ...]:
        (one, *_) = self._plain(zone, fqdn, type_)
        return tuple(map(self._answer, (f"ns{n}:53" for n in (1, 2, 3)), [one.values] * 3))

    def _answer(self, server: str, values: tuple[str, ...]) -> Answer:
        if server in self.silent:
            return Answer(server, error="Timeout")
        return Answer(server, ("51.1.1.1",) if server in self.wrong else values, 60)


@pytest.fixture
def lab() -> DnsLab:
    lab = DnsLab()
    lab.service()
    lab.run(5)
    return lab


def begun(lab: DnsLab) -> Servers:
    servers = Servers(lab)
    lab.start()
    lab.wish(wish())
    return servers


def metric(lab: DnsLab, what: str, **labels: str) -> float | None:
    metrics = PrometheusMetrics(process_registry(), "test")
    Gauges(metrics).show(lab.operators[-1].controller.picture, lab.timeline.now)
    return metrics.registry.get_sample_value(f"swarm_operator_dns_{what}", labels)


def test_those_that_answer_decide_and_the_silent_one_is_named(lab: DnsLab) -> None:
    servers = begun(lab)
    lab.until(lambda: bool(lab.zones.answers("git")))
    lab.run(5)
    assert lab.state() == "Switching"  # it may still answer
    lab.until(lab.settled, 15)
    assert lab.status().message == AWAY
    assert lab.status().records["A"].verified_at is not None
    assert metric(lab, "in_sync", zone=ZONE, name="git") == 1
    for server, is_silent in (("ns1:53", 0), ("ns2:53", 0), ("ns3:53", 1)):
        assert metric(lab, "authoritative_silent", zone=ZONE, server=server) == is_silent
    lab.run(3600)
    assert lab.settled()
    assert lab.zones.count("publish") == 1
    servers.silent.clear()
    lab.until(lambda: lab.status().message == "", 70)
    assert metric(lab, "authoritative_silent", zone=ZONE, server="ns3:53") == 0


def test_a_server_that_was_away_before_is_not_waited_for_again(lab: DnsLab) -> None:
    begun(lab)
    lab.until(lab.settled)
    (gone,) = lab.hosts()
    lab.world.engine.kill_node(gone)
    lab.until(lambda: bool(lab.hosts()) and lab.hosts() != [gone], 90)
    lab.until(lambda: lab.zones.answers("git") == lab.where(), 2)
    lab.until(lambda: lab.settled() and lab.status().message == AWAY, 1)
    assert lab.status().records["A"].verified_at is not None


def test_one_lost_answer_is_no_news(lab: DnsLab) -> None:
    servers = begun(lab)
    servers.silent.clear()
    lab.until(lab.settled)
    writes = len(lab.operators[-1].kv.commits)
    servers.silent.add("ns3:53")
    asked = lab.servers.questions
    lab.until(lambda: lab.servers.questions > asked, 70)
    lab.run(1)
    servers.silent.clear()
    lab.run(120)
    assert lab.status().message == ""
    assert len(lab.operators[-1].kv.commits) == writes


def test_one_that_answers_otherwise_is_not_outvoted(lab: DnsLab) -> None:
    servers = begun(lab)
    servers.wrong.add("ns2:53")
    lab.run(60)
    assert lab.state() == "Switching"
    lab.run(300)
    assert lab.state() == "Waiting Unverified"
    assert "ns2:53 does not serve it" in lab.status().message
    assert metric(lab, "in_sync", zone=ZONE, name="git") == 0
    assert metric(lab, "authoritative_mismatch", zone=ZONE, server="ns2:53") == 1
    servers.wrong.clear()
    lab.until(lab.settled, 70)


def test_where_all_are_silent_it_is_told_by_server(lab: DnsLab) -> None:
    servers = begun(lab)
    servers.silent |= {"ns1:53", "ns2:53"}
    lab.run(400)
    assert (lab.state(), lab.status().message) == (
        "InSync",
        "no name server could be asked whether it is served",
    )
    for server in ("ns1:53", "ns2:53", "ns3:53"):
        assert metric(lab, "authoritative_silent", zone=ZONE, server=server) == 1
