"""Answers that were true once: what a client, a cache or a cut-off manager may still believe."""

from collections import deque
from typing import Final

from swarm_operator.simulation.api.message import ApiRequest, ApiResponse

KEPT: Final = 32
"""Different answers to one question; what was asked before that is forgotten."""

_Question = tuple[str, tuple[tuple[str, str], ...]]


class Memory:
    """The last answers to every read, with the times at which they were given."""

    def __init__(self) -> None:
        self._answers: dict[_Question, deque[tuple[float, ApiResponse]]] = {}

    def note(self, request: ApiRequest, response: ApiResponse, now: float) -> None:
        """Only answers that say something: no refusals, no streams."""
        if request.method != "GET" or response.status != 200 or response.stream is not None:
            return
        answers = self._answers.setdefault(_question(request), deque(maxlen=KEPT))
        answers.append((now, response))

    def answer(self, request: ApiRequest, at: float) -> ApiResponse | None:
        """The last one given at or before `at`, else the oldest; None where nothing is known."""
        if request.method != "GET":
            return None
        answers = self._answers.get(_question(request))
        if not answers:
            return None
        before = [response for given_at, response in answers if given_at <= at]
        return before[-1] if before else answers[0][1]


def _question(request: ApiRequest) -> _Question:
    return request.path, tuple(sorted(request.query.items()))
