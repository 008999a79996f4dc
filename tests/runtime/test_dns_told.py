"""Every change of a record leaves a line in the log and an event, and is counted; in virtual time."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from desired_state import keys
from desired_state.records import Event
from swarm_operator.observed.dns_errors import ZoneRefused
from swarm_operator.observed.errors import Unavailable
from swarm_operator.observed.swarm import Swarm
from swarm_operator.runtime.dns.controller import DnsController
from swarm_operator.runtime.dns.measures import Gauges, Picture
from swarm_operator.runtime.toolbox import NameNews
from swarm_operator.server.metrics import METRICS, PREFIX, PrometheusMetrics, process_registry
from tests.runtime.bench import Bench, one
from tests.runtime.dns_lab import ADDRESSES, SERVICE, ZONE, DnsLab, wish


@pytest.fixture
def lab() -> DnsLab:
    """A service that runs on one worker, and a name that points there."""
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start()
    lab.wish(wish())
    lab.until(lab.settled)
    return lab


def changes(lab: DnsLab) -> Counter[str]:
    counted = lab.operators[-1].metrics.counted
    return Counter(
        labels["reason"] for name, labels in counted if name == "dns_desired_changes_total"
    )


def lines(lab: DnsLab) -> list[str]:
    return [line for line in lab.log.lines if line.startswith("a name was changed")]


def controller(lab: DnsLab) -> DnsController:
    return lab.operators[-1].controller


def test_the_first_record_is_told(lab: DnsLab) -> None:
    (host,) = lab.hosts()
    (news,) = lab.news
    assert news == NameNews(
        "code",
        SERVICE,
        "nothing was written for it before",
        f"git.example.org A: - → {ADDRESSES[host]} ({host})",
    )
    (line,) = lines(lab)
    for word in (ZONE, "'git'", "'A'", ADDRESSES[host], host, news.reason):
        assert word in line
    assert changes(lab) == {"first": 1}


def test_a_move_is_told_with_both_addresses_and_its_delay_measured(lab: DnsLab) -> None:
    (old,) = lab.where()
    (host,) = lab.hosts()
    lab.world.engine.kill_node(host)
    lab.until(lambda: lab.hosts() not in ([], [host]) and lab.settled(), 60)
    (new_host,) = lab.hosts()
    assert lab.news[1].reason == "the service runs elsewhere"
    assert lab.news[1].message == f"git.example.org A: {old} → {ADDRESSES[new_host]} ({new_host})"
    assert len(lines(lab)) == 2
    assert changes(lab) == {"first": 1, "moved": 1}
    (took_s,) = (
        seconds
        for name, labels, seconds in lab.operators[-1].metrics.observed
        if name == "dns_switch_seconds" and labels["phase"] == "detect"
    )
    assert 0 <= took_s < 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"addresses": {host: f"51.75.11.{host[1]}" for host in ADDRESSES}}, "address"),
        ({"ttl": 300}, "binding"),
    ],
)
def test_a_change_without_a_move(lab: DnsLab, fields: dict[str, Any], reason: str) -> None:
    lab.wish(wish(**fields))
    lab.until(lambda: len(lab.news) == 2)
    assert changes(lab) == {"first": 1, reason: 1}


def test_what_a_hand_did_is_corrected_and_told(lab: DnsLab) -> None:
    other = next(each for each in ADDRESSES.values() if each not in lab.where())
    held = lab.zones.pending[ZONE]
    held[:] = [replace(record, value=other) for record in held]
    lab.run(330)
    (_, news) = lab.news
    assert news.reason == "the records were not as they had been written"
    assert news.message.startswith(f"git.example.org A: {other} → {lab.where()[0]}")
    assert changes(lab) == {"first": 1}, "it is what it was to be all the time"


def test_a_change_whose_answer_was_lost_is_told(lab: DnsLab) -> None:
    lab.zones.faults.append(("put", Unavailable("status 502"), True))
    lab.world.engine.kill_node(lab.hosts()[0])
    lab.until(lambda: len(lab.news) == 2, 60)
    lab.until(lab.settled)
    assert lab.news[1].message.startswith("git.example.org A: ? → ")
    assert lab.zones.count("put") == 1


def test_a_name_that_is_taken_away_is_told() -> None:
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start()
    lab.wish(wish(policy="sync"))
    lab.until(lab.settled)
    (old,) = lab.where()
    lab.wish()
    lab.until(lambda: not lab.state(), 30)
    assert lab.news[1].reason == "no document names it any more"
    assert lab.news[1].message.startswith(f"git.example.org A: {old} → -")
    assert (lab.news[1].stack, lab.news[1].service) == ("code", SERVICE)


def test_a_next_process_tells_and_counts_nothing_that_stands(lab: DnsLab) -> None:
    lab.operators[-1].stop()
    lab.start()
    lab.run(400)
    assert len(lab.news) == 1
    assert changes(lab) == {}


def test_a_move_while_nobody_led_is_a_move(lab: DnsLab) -> None:
    (host,) = lab.hosts()
    lab.operators[-1].die()
    lab.world.engine.kill_node(host)
    lab.until(lambda: lab.hosts() not in ([], [host]), 60)
    lab.start()
    lab.until(lambda: len(lab.news) == 2, 60)
    assert changes(lab) == {"moved": 1}


def test_what_is_held_for_flapping_is_counted_once_each_time(lab: DnsLab) -> None:
    def suppressed() -> int:
        counted = lab.operators[-1].metrics.counted
        return sum(name == "dns_flap_suppressed_total" for name, _ in counted)

    here, told = ["w1"], []

    def only(swarm: Swarm) -> Swarm:
        """The one task, on whichever node it is put."""
        ids = {node.hostname: node.id for node in swarm.nodes}
        tasks = tuple(
            replace(task, id=f"{task.id}{here[0]}", node_id=ids[here[0]])
            for task in swarm.tasks
            if task.desired_state == "running"
        )
        return replace(swarm, tasks=tasks)

    lab.operators[-1].swarm.seen = only
    for turn in range(6):
        here[0] = ("w2", "w3")[turn % 2]
        lab.operators[-1].inbox.put_swarm_change()
        lab.operators[-1].nudge()
        lab.run(5)
        told.append(suppressed())
    assert told == [0, 0, 0, 1, 1, 2], "the turn between led back to where it was held"
    assert lab.state() == "Waiting Damped"


def test_the_id_of_a_request_is_no_news(lab: DnsLab) -> None:
    attempts = iter(range(1, 10**6))

    def fail(_call: str) -> None:
        raise Unavailable(f"OVH: GET /domain/zone: status 502 (query EU.{next(attempts)})")

    lab.zones.before_call = fail
    (host,) = lab.hosts()
    lab.world.engine.kill_node(host)
    lab.until(lambda: lab.state() == "Waiting Unavailable", 60)
    lab.run(5)
    message = lab.status().message
    assert "(query EU." in message
    commits = len(lab.operators[-1].kv.commits)
    lab.run(600)
    assert next(attempts) > 10
    assert lab.status().message == message
    assert len(lab.operators[-1].kv.commits) == commits
    lab.zones.before_call = lambda _call: None
    lab.zones.always["list"] = ZoneRefused("This service is expired", "ZoneExpired")
    lab.until(lambda: lab.state() == "Failed ZoneExpired", 120)
    assert lab.status().message == "This service is expired"


class Shown:
    """The gauges of a lab's operator, as Prometheus would read them."""

    def __init__(self, lab: DnsLab) -> None:
        self._lab = lab
        self._metrics = PrometheusMetrics(process_registry(), "1", METRICS)
        self._gauges = Gauges(self._metrics)

    def value(self, metric: str, **labels: str) -> float | None:
        now = 1000.0 + self._lab.timeline.now
        self._gauges.show(controller(self._lab).picture, now)
        return self._metrics.registry.get_sample_value(f"{PREFIX}dns_{metric}", labels)

    def show_nothing(self) -> None:
        controller(self._lab).picture = Picture()


def test_what_stands_is_shown_and_forgotten(lab: DnsLab) -> None:
    shown = Shown(lab)
    labels = {"zone": ZONE, "name": "git", "type": "A"}
    (old,) = lab.where()
    assert shown.value("record_info", value=old, **labels) == 1
    lab.world.engine.kill_node(lab.hosts()[0])
    lab.until(lambda: len(lab.news) == 2 and lab.settled(), 60)
    (new,) = lab.where()
    assert shown.value("record_info", value=old, **labels) is None
    assert shown.value("record_info", value=new, **labels) == 1
    shown.show_nothing()
    assert shown.value("record_info", value=new, **labels) is None


def test_the_last_success_of_a_zone_stands_still_while_it_cannot_be_kept(lab: DnsLab) -> None:
    shown = Shown(lab)
    lab.run(600)
    last = shown.value("last_success_timestamp_seconds", zone=ZONE)
    assert last is not None
    assert 0 <= lab.timeline.utc().timestamp() - last < 340
    lab.zones.always["list"] = Unavailable("status 502")
    lab.run(600)
    later = shown.value("last_success_timestamp_seconds", zone=ZONE)
    assert later is not None
    assert lab.timeline.utc().timestamp() - later > 250


def test_a_name_server_that_serves_something_else_is_shown(lab: DnsLab) -> None:
    shown = Shown(lab)
    assert shown.value("authoritative_mismatch", zone=ZONE, server="ns1:53") == 0
    lab.zones.is_deaf = True
    served = lab.zones.served[ZONE]
    served[:] = [replace(record, value="198.41.0.4") for record in served]
    lab.run(70)
    assert shown.value("authoritative_mismatch", zone=ZONE, server="ns1:53") == 1
    lab.zones.is_deaf = False
    lab.zones._serve(ZONE)
    lab.run(130)
    assert shown.value("authoritative_mismatch", zone=ZONE, server="ns1:53") == 0


def test_a_change_is_an_event() -> None:
    bench = Bench()
    bench.push("shop", one())
    bench.run(30)
    bench.name_news.append(NameNews("shop", "shop_web", "moved", "git.example.org A: 1 → 2 (w2)"))
    bench.run(2)
    ring = bench.kv.read(keys.event_key(0).rpartition("/")[0]).entries.values()
    events = [event for entry in ring if (event := Event.parse(entry.value)) is not None]
    last = max(events, key=lambda event: event.number)
    assert (last.verb, last.name, last.result) == ("point", "shop_web", "done")
    assert (last.reason, last.message) == ("moved", "git.example.org A: 1 → 2 (w2)")
