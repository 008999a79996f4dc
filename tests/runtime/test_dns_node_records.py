"""A node's own record by the zone's provider, where no name server can be asked (port 53 is closed)."""

import random
from collections.abc import Collection
from dataclasses import replace
from typing import Any, cast

import pytest

from swarm_operator.observed.dns import Question, Record
from swarm_operator.observed.dns_errors import Throttled
from swarm_operator.observed.errors import OutsideError, Unavailable
from swarm_operator.plan.dns.budget import RESERVED, Calls
from swarm_operator.runtime.dns.account_desk import AccountDesk
from swarm_operator.runtime.dns.due_looks import Budget
from swarm_operator.runtime.dns.node_records import PATIENCE_S, NodeRecords
from swarm_operator.runtime.dns.orders import Look, Looked
from swarm_operator.runtime.dns.surroundings import DnsSurroundings
from tests.runtime.dns_lab import ADDRESSES, ZONE, DnsLab, wish
from tests.runtime.routes_lab import Log
from tests.runtime.test_dns_sources import moves, reported, started


def closed(*, records: bool = True) -> DnsLab:
    """Nobody hears of name servers; Swarm reports addresses that are not the nodes' public ones."""
    lab = started()
    for host, address in ADDRESSES.items() if records else ():
        lab.zones.hand(host, address)
    lab.servers.silent = True
    lab.start()
    lab.wish(wish(addresses={}, allow_private=True))
    return lab


def test_the_record_goes_before_what_swarm_reports_though_port_53_is_closed() -> None:
    lab = closed()
    lab.until(lambda: bool(lab.zones.answers("git")), 30)
    assert lab.zones.answers("git") == lab.where()
    lab.run(30)
    for _ in range(2):
        before = len(lab.zones.calls)
        moves(lab)
        lab.until(lambda: lab.zones.answers("git") == lab.where(), 2)
        assert len(lab.zones.calls) - before <= 4 + 2
    assert all(address in ADDRESSES.values() for served in lab.zones.served_sets
               for address in served)  # fmt: skip


def test_a_steady_hour_reads_no_oftener_than_audits_do() -> None:
    lab = closed()
    lab.until(lambda: lab.zones.answers("git") == lab.where(), 30)
    lab.run(30)
    before = len(lab.zones.calls)
    lab.run(3600)
    assert 0 < len(lab.zones.calls) - before <= 12 * (2 + 2)
    assert lab.zones.count("put") == 0


def test_a_record_that_is_changed_is_followed_after_a_while() -> None:
    lab = closed()
    lab.until(lambda: lab.zones.answers("git") == lab.where(), 30)
    (host,) = lab.hosts()
    held = lab.zones.pending[ZONE]
    held[:] = [record for record in held if record.name != host]
    lab.zones.hand(host, "51.75.77.7")
    lab.until(lambda: lab.zones.answers("git") == ["51.75.77.7"], 400)


def refuse_nodes(lab: DnsLab, error: OutsideError) -> None:
    """Of nodes' names only, so that one sees what is done without them."""
    plain = lab.zones.read

    def read(zone: str, name: str, types: Collection[str]) -> tuple[Record, ...]:
        if name in ADDRESSES:
            lab.zones.calls.append(f"refused {zone}")
            raise error
        return plain(zone, name, types)

    lab.zones.read = read  # type: ignore[method-assign]


def test_a_provider_that_does_not_say_it_is_waited_for_and_then_swarm_is_believed() -> None:
    lab = closed()
    refuse_nodes(lab, Unavailable("502"))
    lab.run(PATIENCE_S)
    assert lab.zones.answers("git") == []
    assert lab.state() == "Waiting NoAddress"
    lab.until(lambda: lab.zones.answers("git") == reported(lab), 30)
    assert 3 <= lab.zones.count("refused") <= 30
    del lab.zones.read
    lab.until(lambda: lab.zones.answers("git") == lab.where(), 70)


def test_a_label_that_may_not_be_published_is_told_and_nothing_else_is_published() -> None:
    """Neither the record of the node's name nor what Swarm reports."""
    lab = started()
    (host,) = lab.hosts()
    for each, address in ADDRESSES.items():
        lab.zones.hand(each, address)
    labels = {"swarm-operator.dns.ipv4": "10.0.0.7"}
    lab.start().swarm.seen = lambda swarm: replace(
        swarm,
        nodes=tuple(
            replace(node, labels=labels) if node.hostname == host else node for node in swarm.nodes
        ),
    )
    lab.wish(wish(addresses={}))
    lab.until(lambda: lab.state() == "Waiting NoAddress", 30)
    lab.run(60)
    assert lab.zones.answers("git") == []
    assert lab.status().message == (
        f"node {host} has no A address: the node's label swarm-operator.dns.ipv4 is 10.0.0.7: the "
        "internet cannot reach it (allow_private: true publishes it all the same); correct it, or "
        "remove it so that a later source is asked"
    )


# --- the orders themselves ------------------------------------------------------------------------


class Desk:
    """An account whose results are the test's."""

    name, zones = "first", (ZONE,)

    def __init__(self) -> None:
        self.orders: list[Look] = []

    def put(self, order: Look) -> None:
        self.orders.append(order)


class Bench:
    def __init__(self, tokens: float = 40.0) -> None:
        self.desk, self.budget = Desk(), Budget(Calls(tokens))
        around: Any = object.__new__(DnsSurroundings)
        for key, value in {
            "accounts": {"first": cast("AccountDesk", self.desk)},
            "rng": random.Random(1),
            "log": Log(),
        }.items():
            object.__setattr__(around, key, value)
        self.records = NodeRecords(around, lambda _account: self.budget)

    def ask(self, *names: str, now: float = 0.0) -> list[tuple[str, ...] | None]:
        return [self.records.values(question(name), None, now) for name in names]

    def answer(self, now: float, *, error: OutsideError | None = None, without: str = "") -> None:
        order = self.desk.orders[-1]
        names = [at.name for at in order.names if at.name != without]
        records = {} if error else {
            name: (Record("1", name, "A", "51.75.10.1", 60),) for name in names
        }  # fmt: skip
        errors = dict.fromkeys(names, error) if error else {}
        assert self.records.take("first", Looked(order, records, errors, 2 * len(names)), now)


def question(name: str) -> Question:
    return Question(ZONE, f"{name}.{ZONE}", "A")


def test_one_order_at_a_time_in_the_lane_of_audits() -> None:
    bench = Bench()
    assert bench.ask("w1", "w2") == [None, None]
    bench.records.step(0.0)
    bench.ask("w3")
    bench.records.step(0.0)
    (order,) = bench.desk.orders
    assert [at.name for at in order.names] == ["w1", "w2"]
    assert not order.is_change
    bench.answer(0.0, without="w2")  # it made way for a change
    assert bench.ask("w1", "w2") == [("51.75.10.1",), None]
    bench.records.step(0.0)
    assert [at.name for at in bench.desk.orders[-1].names] == ["w2", "w3"]


@pytest.mark.parametrize(("tokens", "names"), [(RESERVED + 1, 0), (RESERVED + 2, 1), (40, 10)])
def test_what_is_reserved_for_changes_is_left(tokens: float, names: int) -> None:
    bench = Bench(tokens)
    bench.ask(*(f"w{number}" for number in range(20)))
    due = bench.records.step(0.0)
    assert sum(len(order.names) for order in bench.desk.orders) == names
    if not names:
        assert due == pytest.approx(1.5)
        bench.records.step(due)
        assert len(bench.desk.orders) == 1


def test_what_was_read_is_paid_for_and_read_again_only_when_it_grows_old() -> None:
    bench = Bench()
    bench.ask("w1")
    bench.records.step(0.0)
    bench.answer(0.0)
    assert bench.budget.calls.filled(0.0).tokens == 38
    for now in (1.0, 299.0):
        assert bench.ask("w1", now=now) == [("51.75.10.1",)]
        bench.records.step(now)
    assert len(bench.desk.orders) == 1
    assert bench.ask("w1", now=300.0) == [("51.75.10.1",)]
    bench.records.step(300.0)
    assert len(bench.desk.orders) == 2


def test_patience_that_a_provider_asks_for_is_the_whole_accounts() -> None:
    bench = Bench()
    bench.ask("w1")
    bench.records.step(0.0)
    bench.answer(0.0, error=Throttled("busy", 20.0))
    assert bench.budget.closed_until == 20.0
    assert bench.records.step(1.0) == 20.0
    assert bench.records.is_expected(question("w1"), None, PATIENCE_S - 1)
    assert not bench.records.is_expected(question("w1"), None, PATIENCE_S)
    bench.records.step(20.0)
    bench.answer(20.0)
    assert bench.records.is_expected(question("w1"), None, PATIENCE_S)


def test_an_order_of_an_earlier_term_is_put_again_and_its_result_is_nobodys() -> None:
    bench = Bench()
    bench.ask("w1")
    bench.records.step(0.0)
    late = bench.desk.orders[0]
    bench.records.forget()
    bench.ask("w1")
    bench.records.step(0.0)
    assert len(bench.desk.orders) == 2
    assert bench.desk.orders[1] is not late
    assert not bench.records.take("first", Looked(late, {}, {}, 2), 0.0)
    bench.answer(0.0)


def test_a_zone_that_no_account_has_is_waited_for_by_nobody() -> None:
    bench = Bench()
    elsewhere = Question("nowhere.org", "w1.nowhere.org", "A")
    assert bench.records.values(elsewhere, None, 0.0) is None
    assert not bench.records.is_expected(elsewhere, None, 0.0)
