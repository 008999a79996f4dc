"""An open subscription to the engine's events."""

from collections.abc import Callable
from typing import Protocol

from swarm_operator.observed.json import JsonObject


class EventStream(Protocol):
    """Events that already were (asked for by `since`), and then those to come.

    Not for threads: whoever drives the world's timeline calls it.
    """

    def take(self) -> list[JsonObject]:
        """All events that wait to be sent, oldest first; they wait no longer."""
        ...

    @property
    def is_over(self) -> bool:
        """True when nothing will come after what waits: `until` has passed, or the engine died."""
        ...

    def on_ready(self, call: Callable[[], None]) -> None:
        """Call it whenever `take` would give something, or the stream is over. One listener; it is
        called from within the model's step: it only notes, and takes later."""
        ...

    def close(self) -> None:
        """End the subscription. May be called twice."""
        ...
