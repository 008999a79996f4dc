"""The seam between what moves tasks and what publishes them: routes of a proxy, records of a zone."""

from enum import StrEnum
from typing import Protocol


class Withdrawn(StrEnum):
    """How far a task is out of what is published."""

    CONFIRMED = "confirmed"
    """Nobody is sent to it any more."""
    PENDING = "pending"
    """Asked for; ask again."""
    TIMED_OUT = "timed out"
    """A publisher does not confirm: the move is undone, and the task published again."""


class Withdrawal(Protocol):
    """Never blocks; the limit of time is the publisher's."""

    def withdraw(self, task_id: str, /) -> Withdrawn: ...

    def publish_again(self, task_id: str, /) -> None:
        """The task stays after all."""
        ...


class NothingPublished:
    """No publisher: there is nothing to wait for."""

    def withdraw(self, _task_id: str) -> Withdrawn:
        return Withdrawn.CONFIRMED

    def publish_again(self, _task_id: str) -> None:
        return None
