"""Name servers are asked side by side; who serves a zone is looked up again: now and then, and soon
where nobody answers."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from swarm_operator.clients import host_addresses, name_servers
from swarm_operator.clients.name_servers import Server, ZoneServers
from swarm_operator.observed.dns import Answer, Question

ZONE = "example.org"


@contextmanager
def answering() -> Iterator[Server]:
    """A name server that knows nothing, and says so with authority."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))

        def serve() -> None:
            while (packet := udp.recvfrom(4096))[0] != b"end":
                answer = dns.message.make_response(dns.message.from_wire(packet[0]))
                answer.flags |= dns.flags.AA
                udp.sendto(answer.to_wire(), packet[1])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Server("127.0.0.1", udp.getsockname()[1])
        finally:
            udp.sendto(b"end", udp.getsockname())
            thread.join()


class Zone:
    """A zone whose name servers are somebody's to choose, at a time that is ours."""

    def __init__(self, *servers: Server) -> None:
        self.servers: tuple[Server, ...] = servers
        self.looks, self.now = 0, 1000.0
        self._asked = ZoneServers({}, timeout_s=0.2, look_up=self._look_up, now=lambda: self.now)

    async def _look_up(self, zone: str) -> tuple[Server, ...]:
        assert zone == ZONE
        self.looks += 1
        return self.servers

    def asked(self) -> list[str]:
        """The servers that are asked now."""
        return [answer.server for answer in self._asked.ask(ZONE, ZONE, "A")]


AWAY = Server("127.0.0.1", 9)


def test_who_answers_is_looked_for_now_and_then_only() -> None:
    with answering() as first, answering() as second:
        zone = Zone(first)
        for _ in range(3):
            assert zone.asked() == [str(first)]
        zone.servers = (second,)
        zone.now += 599
        assert (zone.asked(), zone.looks) == ([str(first)], 1)
        zone.now += 1
        assert (zone.asked(), zone.looks) == ([str(second)], 2)


def test_where_nobody_answers_it_is_looked_soon_and_not_at_each_question() -> None:
    with answering() as new:
        zone = Zone(AWAY)
        assert zone.asked() == [str(AWAY)]
        zone.servers = (new,)
        zone.now += 29
        assert zone.asked() == [str(AWAY)]
        zone.now += 1
        assert (zone.asked(), zone.looks) == ([str(new)], 2)


def test_those_that_were_known_are_asked_on_where_nobody_can_be_found() -> None:
    with answering() as known:
        zone = Zone(known)
        zone.asked()
        zone.servers = ()
        zone.now += 600
        assert (zone.asked(), zone.looks) == ([str(known)], 2)


@pytest.mark.parametrize(("after_s", "looks"), [(4.0, 1), (5.0, 2)])
def test_while_nobody_is_known_it_is_looked_every_few_seconds(after_s: float, looks: int) -> None:
    zone = Zone()
    assert zone.asked() == []
    zone.now += after_s
    assert (zone.asked(), zone.looks) == ([], looks)


def test_a_zone_whose_servers_cannot_be_found_is_looked_for_more_and_more_rarely() -> None:
    """Each look may take seconds that other zones wait for."""
    zone = Zone()
    began, at = zone.now, []
    while zone.now < began + 300:
        before = zone.looks
        zone.asked()
        if zone.looks > before:
            at.append(zone.now - began)
        zone.now += 1
    assert at == [0, 5, 15, 35, 75, 135, 195, 255]


@contextmanager
def silent() -> Iterator[Server]:
    """A name server that takes questions and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        yield Server("127.0.0.1", udp.getsockname()[1])


TIMEOUT_S = 0.4


def test_servers_that_do_not_answer_are_waited_for_side_by_side() -> None:
    with ExitStack() as stack:
        away = [stack.enter_context(silent()) for _ in range(5)]
        there = stack.enter_context(answering())
        servers = ZoneServers({ZONE: [*away, there]}, timeout_s=TIMEOUT_S)
        began = time.monotonic()
        answers = servers.ask(ZONE, ZONE, "A")
        assert time.monotonic() - began < 2 * TIMEOUT_S
    assert [answer.server for answer in answers] == [str(each) for each in (*away, there)]
    assert [answer.error for answer in answers] == [*["Timeout"] * 5, ""]


def test_questions_of_one_round_wait_for_one_silence() -> None:
    questions = [Question(ZONE, f"node{number}.{ZONE}", "A") for number in range(32)]
    told: dict[Question, tuple[Answer, ...]] = {}
    with silent() as away, answering() as there:
        servers = ZoneServers({ZONE: [away, there]}, timeout_s=TIMEOUT_S)
        began = time.monotonic()
        servers.ask_all(questions, told.__setitem__)
        assert time.monotonic() - began < 4 * TIMEOUT_S
    assert list(told) == questions
    assert {tuple(bool(answer.error) for answer in said) for said in told.values()} == {
        (True, False)
    }


def test_a_zone_that_is_answered_does_not_wait_for_one_that_is_not() -> None:
    slow, quick = Question("slow.org", "slow.org", "A"), Question(ZONE, ZONE, "A")
    told: dict[Question, float] = {}
    with silent() as away, answering() as there:
        servers = ZoneServers({"slow.org": [away], ZONE: [there]}, timeout_s=TIMEOUT_S)
        began = time.monotonic()
        servers.ask_all(
            [slow, quick], lambda question, _: told.update({question: time.monotonic() - began})
        )
    assert told[quick] < TIMEOUT_S / 2
    assert told[slow] >= TIMEOUT_S


def test_a_resolver_that_is_silent_holds_up_no_other_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    silence = threading.Event()

    def resolve(_host: str) -> str:
        silence.wait(10)
        raise OSError

    monkeypatch.setattr(host_addresses, "_of_the_machine", resolve)
    monkeypatch.setattr(name_servers, "_LIFETIME_S", 0.2)
    with answering() as server:
        zones = ZoneServers({ZONE: [server, Server("ns1.invalid")]}, timeout_s=0.3)
        heard: list[tuple[Answer, ...]] = []
        began = time.monotonic()
        questions = [Question(ZONE, f"w{number}.{ZONE}", "A") for number in range(8)]
        try:
            zones.ask_all(questions, lambda _question, answers: heard.append(answers))
            took_s = time.monotonic() - began
        finally:
            silence.set()
    assert took_s < 3
    errors = {tuple(answer.error for answer in answers) for answers in heard}
    assert errors == {("", "its name cannot be resolved")}
    assert len(heard) == 8


def test_who_serves_a_zone_is_looked_up_once_for_all_questions_of_a_round() -> None:
    looks: list[str] = []

    async def look_up(zone: str) -> tuple[Server, ...]:
        looks.append(zone)
        await asyncio.sleep(0.05)
        return ()

    told: list[Question] = []
    questions = [Question(zone, f"{n}.{zone}", "A") for zone in ("a.org", "b.org") for n in "123"]
    servers = ZoneServers({}, look_up=look_up)
    servers.ask_all(questions, lambda question, _: told.append(question))
    assert (sorted(looks), sorted(told)) == (["a.org", "b.org"], sorted(questions))


def test_servers_are_named_and_looked_up_when_they_are_asked() -> None:
    with answering() as server:
        named = Server("localhost", server.port)
        nowhere = Server("nowhere.invalid", 53)
        zones = ZoneServers({ZONE: [named, nowhere]}, timeout_s=0.5)
        assert zones.ask(ZONE, ZONE, "A") == (
            Answer(f"localhost:{server.port}"),
            Answer("nowhere.invalid:53", error="its name cannot be resolved"),
        )


@contextmanager
def resolving(records: dict[tuple[str, str], list[str]]) -> Iterator[dns.asyncresolver.Resolver]:
    """The machine's resolver, which knows these and fails for all else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))

        def serve() -> None:
            while (packet := udp.recvfrom(4096))[0] != b"end":
                query = dns.message.from_wire(packet[0])
                answer = dns.message.make_response(query)
                asked = query.question[0]
                found = records.get((asked.name.to_text(), dns.rdatatype.to_text(asked.rdtype)))
                if found is None:
                    answer.set_rcode(dns.rcode.NXDOMAIN)
                else:
                    of = dns.rrset.from_text_list(asked.name, 60, "IN", asked.rdtype, found)
                    answer.answer.append(of)
                udp.sendto(answer.to_wire(), packet[1])

        thread = threading.Thread(target=serve)
        thread.start()
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], udp.getsockname()[1]
        try:
            yield resolver
        finally:
            udp.sendto(b"end", udp.getsockname())
            thread.join()


def test_the_servers_of_a_zone_are_those_of_its_ns_records(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that has no address is left out; an IPv4 address goes before an IPv6 one."""
    known = {
        (f"{ZONE}.", "NS"): [f"ns{number}.{ZONE}." for number in (3, 2, 1)],
        (f"ns1.{ZONE}.", "A"): ["127.0.0.1"],
        (f"ns1.{ZONE}.", "AAAA"): ["::1"],
        (f"ns3.{ZONE}.", "AAAA"): ["::1"],
    }
    with resolving(known) as resolver:
        monkeypatch.setattr(dns.asyncresolver, "default_resolver", resolver)
        servers = ZoneServers({}, timeout_s=0.05)
        assert [each.server for each in servers.ask(ZONE, ZONE, "A")] == [
            "127.0.0.1:53",
            "[::1]:53",
        ]
        assert servers.ask("elsewhere.org", "elsewhere.org", "A") == ()
