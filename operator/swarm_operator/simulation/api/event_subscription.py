"""One client's open stream of events, in the model."""

from collections.abc import Callable, Iterable

from swarm_operator.observed.json import JsonObject


class EventSubscription:
    """Implements `EventStream`."""

    def __init__(self, past: Iterable[JsonObject]) -> None:
        self._waiting = list(past)
        self._is_finished = False
        self._listener: Callable[[], None] | None = None
        self._endings: list[Callable[[], None]] = []

    def put(self, event: JsonObject) -> None:
        """An event came; one that comes after the end is lost."""
        if not self._is_finished:
            self._waiting.append(event)
            self._tell()

    def finish(self) -> None:
        """Nothing more will come: `until` has passed, the client went, or the engine died."""
        if self._is_finished:
            return
        self._is_finished = True
        for ending in self._endings:
            ending()
        self._endings.clear()
        self._tell()

    def at_end(self, call: Callable[[], None]) -> None:
        """Call it when the subscription ends, however it does."""
        self._endings.append(call)

    def take(self) -> list[JsonObject]:
        taken, self._waiting = self._waiting, []
        return taken

    @property
    def is_over(self) -> bool:
        return self._is_finished

    def on_ready(self, call: Callable[[], None]) -> None:
        self._listener = call

    def close(self) -> None:
        self.finish()

    def _tell(self) -> None:
        if self._listener is not None:
            self._listener()
