"""What the authoritative name servers say: asked in a thread of its own, remembered for the controller."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from swarm_operator.observed.dns import Answer
from swarm_operator.runtime.dns.ports import NameServers
from swarm_operator.runtime.ports import Clock

_IDLE_S: Final = 60.0


class Question(NamedTuple):
    """One record set of a zone, by its whole name."""

    zone: str
    fqdn: str
    type: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What all servers said; none where nobody knows who they are."""

    answers: tuple[Answer, ...]
    at: float
    """Monotonic time at which the first of them was asked."""

    @property
    def said(self) -> tuple[Answer, ...]:
        return tuple(answer for answer in self.answers if not answer.error)


class ServerDesk:
    """Thread-safe: the controller asks and is told; `step` is the thread's turn."""

    def __init__(
        self,
        servers: NameServers,
        clock: Clock,
        *,
        on_answer: Callable[[], None],
        on_question: Callable[[], None],
    ) -> None:
        self._servers = servers
        self._clock = clock
        self._on_answer = on_answer
        self._on_question = on_question
        self._lock = threading.Lock()
        self._asked: dict[Question, None] = {}
        self._heard: dict[Question, Heard] = {}

    def ask(self, question: Question) -> None:
        """Soon; asking again for what is not answered yet changes nothing."""
        with self._lock:
            is_new = question not in self._asked
            self._asked[question] = None
        if is_new:
            self._on_question()

    def heard(self, question: Question) -> Heard | None:
        """The last word about it."""
        with self._lock:
            return self._heard.get(question)

    def is_asked(self, question: Question) -> bool:
        """Whether an answer is still to come."""
        with self._lock:
            return question in self._asked

    def forget(self) -> None:
        """Everything that was said."""
        with self._lock:
            self._heard.clear()

    def step(self) -> float:
        """Ask for one record set. Returns the monotonic time of the next step."""
        with self._lock:
            question = next(iter(self._asked), None)
        if question is None:
            return self._clock.monotonic() + _IDLE_S
        at = self._clock.monotonic()
        answers: tuple[Answer, ...] = ()
        try:
            answers = self._servers.ask(question.zone, question.fqdn, question.type)
        finally:
            with self._lock:
                self._heard[question] = Heard(answers, at)
                self._asked.pop(question, None)
        self._on_answer()
        return self._clock.monotonic()
