"""What it takes to know addresses ahead, so that a failover need not ask for them."""

from collections import Counter
from typing import Any

import pytest

from desired_state.dns_forms import DnsBinding
from swarm_operator.observed.dns import Answer, Question
from swarm_operator.plan.dns.addresses import Sources
from swarm_operator.runtime.dns.look_ups import LookUps
from swarm_operator.runtime.dns.server_desk import Heard
from tests.plan.dns.worlds import node
from tests.runtime.dns_lab import ZONE, DnsLab, wish

NODES, NAMES = 100, 300
HOSTS = [node(f"n{number}") for number in range(NODES)]


class CountedDesk:
    """Knows every node's address; no wildcard."""

    def __init__(self) -> None:
        self.looked_up: Counter[Question] = Counter()
        self.asked: Counter[Question] = Counter()
        self.waited_for: list[tuple[Question, bool]] = []

    def heard(self, question: Question) -> Heard | None:
        self.looked_up[question] += 1
        if question not in self.asked:
            return None
        is_node = question.fqdn.startswith("n") and question.fqdn.count(".") == 2
        return Heard((Answer("ns1:53", ("51.75.10.1",) if is_node else ()),), 0.0)

    def ask(self, question: Question, *, is_waited_for: bool = False) -> None:
        self.asked[question] += 1
        self.waited_for.append((question, is_waited_for))


def bindings(**fields: Any) -> list[DnsBinding]:
    return [
        DnsBinding.model_validate({"zone": ZONE, "name": f"name{number}", **fields})
        for number in range(NAMES)
    ]


@pytest.mark.parametrize("families", [("A",), ("A", "AAAA")])
def test_each_node_is_asked_for_once_whatever_the_number_of_names(
    families: tuple[str, ...],
) -> None:
    desk: Any = CountedDesk()
    look_ups = LookUps(desk, records=None)  # type: ignore[arg-type]
    for now in (0.0, 20.0):
        look_ups.look_ahead(ZONE, bindings(families=list(families)), HOSTS, Sources(), now)
    nodes = [question for question in desk.asked if question.fqdn[0] == "n"]
    assert {question.type for question in nodes} == set(families)
    assert sum(desk.looked_up.values()) <= 2 * 2 * NODES * len(families)
    assert not any(is_waited_for for _, is_waited_for in desk.waited_for)


def test_a_node_is_asked_for_unless_all_names_say_its_address_themselves() -> None:
    every = {each.hostname: "51.75.10.1" for each in HOSTS}
    most = {host: address for host, address in every.items() if host != "n7"}
    both = {**every, "n8": "2001:41d0::8"}
    one = bindings(addresses=every)
    one[5] = one[5].model_copy(update={"addresses": {k: (v,) for k, v in most.items()}})
    one[6] = one[6].model_copy(update={"addresses": {k: (v,) for k, v in both.items()}})
    desk: Any = CountedDesk()
    look_ups = LookUps(desk, records=None)  # type: ignore[arg-type]
    known = Sources(documents={"n9": ("51.75.10.9",)})
    look_ups.look_ahead(ZONE, one, HOSTS, known, 0.0)
    assert sorted(question.fqdn for question in desk.asked) == [f"n7.{ZONE}", f"n8.{ZONE}"]


def test_what_a_name_needs_now_is_asked_as_such_until_it_is_known() -> None:
    desk: Any = CountedDesk()
    look_ups = LookUps(desk, records=None)  # type: ignore[arg-type]
    (binding, *_), asked = bindings(), Question(ZONE, f"n1.{ZONE}", "A")
    for now in (0.0, 2.0, 4.0, 70.0):
        found = look_ups.sources(binding, HOSTS[1:2], Sources(), now, was_written=True)
        assert (found is None) == (now < 4.0)
    assert [each for each in desk.waited_for if each[0] == asked] == [
        (asked, True),
        (asked, False),
    ]


def test_a_name_that_comes_later_is_asked_ahead_for_at_once() -> None:
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start()
    lab.wish(wish())
    lab.until(lab.settled)
    asked: list[str] = []
    plain = lab.servers.ask

    def ask(zone: str, fqdn: str, type_: str) -> tuple[Answer, ...]:
        asked.append(fqdn)
        return plain(zone, fqdn, type_)

    lab.servers.ask = ask  # type: ignore[method-assign]
    lab.wish(wish(), wish("ssh", addresses={}))
    lab.run(1)
    assert {f"w{number}.{ZONE}" for number in (1, 2, 3)} <= set(asked)
