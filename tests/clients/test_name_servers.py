"""Who serves a zone is looked up again: now and then, and soon where nobody answers."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import pytest

from swarm_operator.clients.name_servers import Server, ZoneServers

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
        yield Server("127.0.0.1", udp.getsockname()[1])
        udp.sendto(b"end", udp.getsockname())
        thread.join()


class Zone:
    """A zone whose name servers are somebody's to choose, at a time that is ours."""

    def __init__(self, *servers: Server) -> None:
        self.servers: tuple[Server, ...] = servers
        self.looks, self.now = 0, 1000.0
        self._asked = ZoneServers({}, timeout_s=0.2, look_up=self._look_up, now=lambda: self.now)

    def _look_up(self, zone: str) -> tuple[Server, ...]:
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
