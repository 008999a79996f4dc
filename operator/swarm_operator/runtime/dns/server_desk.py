"""What the authoritative name servers say: asked in a thread of its own, remembered for the controller."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from swarm_operator.observed.dns import Answer, Question
from swarm_operator.runtime.dns.ports import NameServers
from swarm_operator.runtime.ports import Clock

_IDLE_S: Final = 60.0
AT_ONCE: Final = 32
"""Questions that are asked side by side: one that nobody answers holds up no other of them."""


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
        self._asked: dict[Question, bool] = {}
        """Whether a name waits for the answer."""
        self._heard: dict[Question, Heard] = {}

    def ask(self, question: Question, *, is_waited_for: bool = False) -> None:
        """Soon, and before all others where a name waits for the answer; asking again for what is not
        answered yet changes nothing else."""
        with self._lock:
            is_new = question not in self._asked
            self._asked[question] = is_waited_for or self._asked.get(question, False)
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
        """Ask for some record sets. Returns the monotonic time of the next step."""
        questions = self._next()
        if not questions:
            return self._clock.monotonic() + _IDLE_S
        at = self._clock.monotonic()
        left = set(questions)

        def tell(question: Question, answers: tuple[Answer, ...]) -> None:
            left.discard(question)
            self._answered(question, Heard(answers, at))

        try:
            self._servers.ask_all(questions, tell)
        finally:
            for question in list(left):  # else they would be waited for without end
                tell(question, ())
        return self._clock.monotonic()

    def _next(self) -> list[Question]:
        with self._lock:
            ranked = sorted(self._asked, key=lambda question: not self._asked[question])
        return ranked[:AT_ONCE]

    def _answered(self, question: Question, heard: Heard) -> None:
        with self._lock:
            self._heard[question] = heard
            self._asked.pop(question, None)
        self._on_answer()
