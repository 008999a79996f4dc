"""Questions to name servers: those that a name waits for go first, and none is forgotten."""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from itertools import chain

import pytest

from swarm_operator.clients.name_servers import Server, ZoneServers
from swarm_operator.clock import SystemClock
from swarm_operator.observed.dns import Answer, Question
from swarm_operator.runtime.controller_loop import Bell, ControllerLoop
from swarm_operator.runtime.dns.server_desk import AT_ONCE, ServerDesk
from tests.runtime.dns_lab import ZONE


def question(name: str) -> Question:
    return Question(ZONE, f"{name}.{ZONE}", "A")


class Servers:
    """Notes what it is asked together."""

    def __init__(self) -> None:
        self.rounds: list[list[Question]] = []
        self.fails_at: Question | None = None

    def ask_all(
        self,
        questions: Sequence[Question],
        tell: Callable[[Question, tuple[Answer, ...]], None],
    ) -> None:
        self.rounds.append(list(questions))
        for each in questions:
            if each == self.fails_at:
                raise RuntimeError("a defect")
            tell(each, (Answer("ns1:53", ("51.75.10.1",)),))


@pytest.fixture
def servers() -> Servers:
    return Servers()


@pytest.fixture
def desk(servers: Servers) -> ServerDesk:
    return ServerDesk(servers, SystemClock(), on_answer=lambda: None, on_question=lambda: None)


def test_what_a_name_waits_for_goes_before_all_that_was_asked_earlier(
    servers: Servers, desk: ServerDesk
) -> None:
    rest = [question(f"rest{number}") for number in range(3 * AT_ONCE)]
    for each in rest:
        desk.ask(each)
    desk.ask(question("node1"), is_waited_for=True)
    desk.ask(rest[-1], is_waited_for=True)
    desk.ask(rest[-1])
    for _ in range(4):
        desk.step()
    assert servers.rounds[0][:2] == [rest[-1], question("node1")]
    assert [len(asked) for asked in servers.rounds] == [AT_ONCE] * 3 + [1]
    assert list(chain(*servers.rounds))[2:] == rest[:-1]
    assert not any(map(desk.is_asked, rest))


def test_a_defect_leaves_no_question_without_an_answer(servers: Servers, desk: ServerDesk) -> None:
    asked = [question(name) for name in "abc"]
    for each in asked:
        desk.ask(each)
    servers.fails_at = asked[1]
    with pytest.raises(RuntimeError):
        desk.step()
    heard = [desk.heard(each) for each in asked]
    assert [len(each.answers) if each else None for each in heard] == [1, 0, 0]
    assert not any(map(desk.is_asked, asked))


def test_the_thread_ends_soon_though_servers_are_silent_and_much_is_asked() -> None:
    timeout_s = 0.3
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        away = Server("127.0.0.1", udp.getsockname()[1])
        bell, heard = Bell(), threading.Event()
        desk = ServerDesk(
            ZoneServers({ZONE: [away] * 4}, timeout_s=timeout_s),
            SystemClock(),
            on_answer=heard.set,
            on_question=bell.ring,
        )
        loop = ControllerLoop(
            "servers",
            clock=SystemClock(),
            wait=bell.wait,
            wake=bell.ring,
            step=lambda _news: desk.step(),
        )
        for number in range(300):
            desk.ask(question(f"node{number}"))
        loop.start()
        assert heard.wait(10)
        began = time.monotonic()
        loop.request_stop()
        assert loop.join(10)
        assert time.monotonic() - began < 3 * timeout_s
    assert desk.is_asked(question("node299"))
