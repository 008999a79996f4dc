"""How long a node's address is waited for where neither name servers nor the provider say it."""

from collections.abc import Collection
from typing import Any, cast

import pytest

from desired_state.dns_forms import DnsBinding
from swarm_operator.observed.dns import Answer, Question, Record
from swarm_operator.plan.dns.addresses import Sources
from swarm_operator.runtime.dns.look_ups import LookUps
from swarm_operator.runtime.dns.server_desk import Heard
from tests.plan.dns.worlds import node
from tests.runtime.dns_lab import ADDRESSES, DOWN, ZONE, DnsLab, wish

GIT = DnsBinding.model_validate({"zone": ZONE, "name": "git"})
NODE, OTHER = node("w1"), node("w2")


class Servers:
    """They may know the other node's name; of this one they never say a word."""

    def __init__(self, *, answers: bool) -> None:
        self.answers = answers

    def heard(self, question: Question) -> Heard | None:
        if self.answers and "w2" in question.fqdn:
            return Heard((Answer("ns1:53", (), 60),), 0.0)
        return None

    def ask(self, _question: Question, **_more: Any) -> None:
        """No answer ever comes."""


class NoRecords:
    """The provider cannot be read, and that for long."""

    def values(self, *_asked: object) -> None:
        return None

    def is_expected(self, *_asked: object) -> bool:
        return False


@pytest.mark.parametrize(
    ("was_written", "answers", "points_at", "waits"),
    [
        (False, False, (), False),
        (False, True, ("w1",), False),
        (True, False, (), False),
        (True, False, ("w1",), True),
        (True, True, (), True),
    ],
)
def test_what_was_written_is_not_changed_for_want_of_an_answer(
    was_written: bool, answers: bool, points_at: tuple[str, ...], waits: bool
) -> None:
    """Its servers answer else, or the name points there: then only an answer changes it. A name that
    was never made, or whose node is gone where nobody ever answers, takes what Swarm reports."""
    servers, records = Servers(answers=answers), NoRecords()
    look_ups = LookUps(cast("Any", servers), cast("Any", records))
    look_ups.sources(GIT, [OTHER], Sources(), 0.0, was_written=was_written)
    for now, is_pending in ((0.0, True), (9.0, True), (11.0, waits), (3600.0, waits)):
        found = look_ups.sources(
            GIT, [NODE], Sources(), now, was_written=was_written, points_at=points_at
        )
        assert (found is None) is is_pending


def test_an_answer_is_believed_only_once_that_of_a_wildcard_is_known() -> None:
    """Else the proxy that the wildcard names would be published for a moment."""
    proxy = Heard((Answer("ns1:53", ("51.75.200.1",), 60),), 0.0)
    said = {f"w1.{ZONE}": proxy}
    servers = Servers(answers=False)
    servers.heard = lambda question: said.get(question.fqdn)  # type: ignore[method-assign]
    look_ups = LookUps(cast("Any", servers), cast("Any", NoRecords()))
    assert look_ups.sources(GIT, [NODE], Sources(), 0.0, was_written=False) is None
    said[f"*.{ZONE}"] = said[f"no-such-name.w1.{ZONE}"] = proxy
    found = look_ups.sources(GIT, [NODE], Sources(), 1.0, was_written=False)
    assert found is not None
    assert found.in_zone == {(f"w1.{ZONE}", "A"): ()}


def test_a_next_process_changes_no_address_for_want_of_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It knows by the status that the name points at this node already."""
    lab = DnsLab()
    lab.service()
    lab.run(5)
    for host, address in ADDRESSES.items():
        lab.zones.hand(host, address)
    lab.start()
    lab.wish(wish(addresses={}, allow_private=True))
    lab.until(lab.settled)
    lab.operators[-1].stop()
    lab.servers.silent = True
    read = lab.zones.read

    def fail(zone: str, name: str, types: Collection[str]) -> tuple[Record, ...]:
        if name in ADDRESSES:
            raise DOWN
        return read(zone, name, types)

    monkeypatch.setattr(lab.zones, "read", fail)
    lab.start()
    lab.run(400)
    assert lab.zones.answers("git") == lab.where()


def test_names_that_wait_for_the_account_s_requests_say_so() -> None:
    """Forty names at once are more than forty requests a minute can make."""
    lab = DnsLab()
    names = [f"n{number:02d}" for number in range(40)]
    lab.service()
    lab.run(5)
    lab.start()
    lab.wish(*(wish(name) for name in names))
    lab.run(20)
    told = {name: lab.state(name) for name in names}
    assert "Waiting TooManyCalls" in told.values()
    assert all(told[name] != "Waiting TooManyCalls" for name in names if lab.zones.answers(name))
    lab.until(lambda: all(lab.settled(name) for name in names), 3600)
    assert {lab.state(name) for name in names} == {"InSync"}


def test_the_first_records_of_many_do_not_hold_up_a_failover() -> None:
    """Fifty names are made; what is asked for already goes before them, with what is reserved."""
    lab = DnsLab()
    lab.service()
    lab.service("shop_web", replicas=1)
    lab.run(5)
    lab.start()
    git = wish()
    lab.wish(git)
    lab.until(lab.settled)
    many = [wish(f"n{number:03d}", "shop_web", stack="shop") for number in range(50)]
    lab.wish(git, *many)
    lab.run(30)
    waiting = [each for each in many if not lab.zones.answers(each.binding.name)]
    assert len(waiting) > 20, "else nothing stood in the way"
    (gone,) = lab.hosts()
    lab.world.engine.kill_node(gone)
    lab.until(lambda: bool(lab.hosts()) and lab.hosts() != [gone], 90)
    before = lab.timeline.now
    lab.until(lambda: lab.zones.answers("git") == lab.where(), 3)
    print(f"followed after {lab.timeline.now - before:.1f} s, {len(waiting)} names waiting")
    lab.run(120)
    assert all(lab.zones.answers(each.binding.name) for each in waiting[:10]), "they go on"
