"""The threads of one controller's process, as turns on a timeline; it may die in the middle of one."""

from collections.abc import Callable, Mapping

from swarm_operator.observed.from_docker import event as read_event
from swarm_operator.observed.json import JsonObject
from swarm_operator.runtime.inbox import Inbox
from swarm_operator.runtime.lease import Lease
from swarm_operator.simulation.timeline import Timer
from swarm_operator.simulation.world import World
from tests.runtime.fakes import TimelineClock

_LOOP = "loop"
_LONGEST_WAIT_S = 60.0
_STEP_TAKES_S = 0.001
"""A step that is due at once again takes some time all the same."""


class Died(BaseException):
    """The process is no more; nothing of it may catch this."""


class TurningProcess:
    """Each turn comes when it is due, or at once where something woke it."""

    lease: Lease

    def __init__(self, world: World) -> None:
        """No turn comes before `begin`; what wakes one before is not lost, for all begin at once."""
        self.alive = True
        self.clock = TimelineClock(world.timeline)
        self.inbox = Inbox()
        self._timeline = world.timeline
        self._turns: Mapping[str, Callable[[], float]] = {}
        self._timers: dict[str, Timer] = {}
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._unsubscribe = world.engine.events.subscribe(self._event_came)

    def begin(self, turns: Mapping[str, Callable[[], float]]) -> None:
        """Every step returns the monotonic time of the next one. "loop" is the controller's."""
        self._turns = turns
        for turn in turns:
            self.take_turn(turn)

    def require_alive(self) -> None:
        if not self.alive:
            raise Died

    def die(self) -> None:
        """Without a word: its session ends by itself."""
        self.alive = False
        self._unsubscribe()
        for timer in self._timers.values():
            timer.cancel()

    def stop(self) -> None:
        """In order."""
        self.die()
        self.lease.release()

    def nudge(self) -> None:
        """The controller takes a step."""
        self.take_turn(_LOOP)

    def take_turn(self, turn: str, delay_s: float = 0.0) -> None:
        """After a while; where it is under way, once more after that."""
        if not self.alive or turn not in self._turns:
            return
        if turn in self._busy:
            self._again.add(turn)
            return
        if turn in self._timers:
            self._timers[turn].cancel()
        self._timers[turn] = self._timeline.after(delay_s, lambda: self._take(turn))

    def _event_came(self, raw: JsonObject) -> None:
        event = read_event(raw)
        if event is None:
            return
        if (event.kind, event.action) == ("service", "update"):
            self.inbox.put_service_change(event.id)
        else:
            self.inbox.put_swarm_change()
        self.nudge()

    def _take(self, turn: str) -> None:
        if not self.alive:
            return
        self._busy.add(turn)
        self._again.discard(turn)
        try:
            due = self._turns[turn]()
        except Died:
            return
        finally:
            self._busy.discard(turn)
        wait_s = 0.0 if turn in self._again else due - self.clock.monotonic()
        self.take_turn(turn, max(_STEP_TAKES_S, min(wait_s, _LONGEST_WAIT_S)))
