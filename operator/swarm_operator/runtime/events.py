"""One event for each action, with its cause and its end, in a ring in the KV."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from desired_state import keys
from desired_state.records import Event
from swarm_operator.plan.actions import Kind
from swarm_operator.plan.bounded import some
from swarm_operator.runtime.executor import Outcome
from swarm_operator.runtime.record import StatusWriter

RING: Final = 200
"""Events kept; the oldest gives its place to the newest."""


_LONGEST: Final = 2000
"""Characters of an engine's message."""


@dataclass(slots=True)
class EventLog:
    """Numbers events on from where an earlier holder of the lease stopped."""

    statuses: StatusWriter
    _number: int = 0

    def continue_after(self, values: Iterable[bytes]) -> None:
        """`values` are what stands in the ring."""
        events = (Event.parse(value) for value in values)
        self._number = max((event.number for event in events if event is not None), default=0)

    def record(self, outcome: Outcome, cause: str, when: datetime, took_s: float) -> Event:
        """The event, which will be written with the next flush."""
        action = outcome.action
        event = Event(
            number=self._number + 1,
            when=when,
            stack=action.stack,
            verb=action.verb,
            kind=str(action.kind),
            name=action.name,
            reason=action.reason,
            cause=cause,
            changes=some([str(change) for change in action.changes]),
            effect=str(action.effect),
            result=str(outcome.result),
            message=outcome.message[:_LONGEST],
            took_s=round(took_s, 4),
        )
        return self._keep(event)

    def note(self, when: datetime, stack: str, name: str, verb: str, **words: str) -> Event:
        """Something that is no action of a plan, about a service; `words` are further fields."""
        event = Event(
            number=self._number + 1,
            when=when,
            stack=stack,
            verb=verb,
            kind=str(Kind.SERVICE),
            name=name,
            reason=words.get("reason", ""),
            cause=words.get("cause", ""),
            effect=words.get("effect", ""),
            result=words.get("result", ""),
            message=words.get("message", "")[:_LONGEST],
        )
        return self._keep(event)

    def _keep(self, event: Event) -> Event:
        self._number = event.number
        self.statuses.want(keys.event_key(self._number % RING), event)
        return event
