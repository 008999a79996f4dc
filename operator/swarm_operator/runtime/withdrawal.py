"""The seam between what moves tasks and what publishes them: routes of a proxy, records of a zone."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Protocol

from swarm_operator.plan.rebalance.decisions import POLL_S, Withdraw
from swarm_operator.plan.rebalance.scene import Seen
from swarm_operator.runtime.ports import Clock

ANSWERS_WITHIN_S: Final = 900.0
"""A publisher has a limit of its own, and a service's drain comes on top of it; one that says nothing
any more is not waited for."""


class Withdrawn(StrEnum):
    """How far a task is out of what is published."""

    CONFIRMED = "confirmed"
    """Nobody is sent to it any more."""
    PENDING = "pending"
    """Asked for; ask again."""
    TIMED_OUT = "timed out"
    """A publisher does not confirm: the move is undone, and the task published again."""


class Withdrawal(Protocol):
    """Never blocks and raises nothing; the limit of time is the publisher's, and counts anew for a
    task that was published again.

    What is withdrawn is forgotten with the process and with the lease: who publishes next does so for
    all that runs. A task that is to be withdrawn is not published, should it come to run only then.
    """

    def withdraw(self, task_id: str, /) -> Withdrawn: ...

    def publish_again(self, task_id: str, /) -> None:
        """The task stays after all. Asked for tasks, too, that are on their way out already: those
        are not published."""
        ...


class NothingPublished:
    """No publisher: there is nothing to wait for."""

    def withdraw(self, _task_id: str) -> Withdrawn:
        return Withdrawn.CONFIRMED

    def publish_again(self, _task_id: str) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was learned, for the move's memory and for people."""

    seen: Seen
    why: str
    due_s: float = 0.0
    """Seconds until the next look."""


@dataclass(slots=True)
class Withdrawals:
    """What one move asked to be withdrawn. It is never waited for without end."""

    withdrawal: Withdrawal
    clock: Clock
    _asked: dict[str, float] = field(default_factory=dict)
    """By task id, since when."""

    def ask(self, what: Withdraw, seen: Seen) -> Answer:
        """Withdraw a task, and publish again what is not to be withdrawn any more."""
        self.keep_only({what.task_id})
        one = frozenset({what.task_id})
        match self._answer(what.task_id):
            case Withdrawn.CONFIRMED:
                seen = replace(seen, withdrawn=seen.withdrawn | one)
                return Answer(seen, "the task that goes is not published any more")
            case Withdrawn.PENDING:
                return Answer(seen, "the task that goes is being withdrawn", POLL_S)
            case Withdrawn.TIMED_OUT:
                why = "what publishes the task that goes did not confirm that it is withdrawn"
                seen = replace(seen, unconfirmed=seen.unconfirmed | one)
                if what.insists:
                    seen = replace(seen, given_up=seen.given_up or why)
                return Answer(seen, why)

    def _answer(self, task_id: str) -> Withdrawn:
        now = self.clock.monotonic()
        since = self._asked.setdefault(task_id, now)
        answer = self.withdrawal.withdraw(task_id)
        is_silent = answer is Withdrawn.PENDING and now - since >= ANSWERS_WITHIN_S
        return Withdrawn.TIMED_OUT if is_silent else answer

    def keep_only(self, task_ids: Collection[str]) -> None:
        """Publish all others again."""
        for task_id in sorted(self._asked.keys() - task_ids):
            self.withdrawal.publish_again(task_id)
            del self._asked[task_id]

    def end(self, live: Collection[str]) -> None:
        """The move is over: what it asked for lives on and is published again, or stops."""
        self.keep_only(self._asked.keys() - live)
        self._asked.clear()
