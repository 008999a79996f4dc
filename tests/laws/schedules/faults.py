"""What goes wrong with the next calls of one process, as data that its wires look at."""

from dataclasses import dataclass, field
from enum import StrEnum

from tests.laws.schedules.step import Step


class Killed(BaseException):
    """The process is gone, whatever would catch an error."""


class Fault(StrEnum):
    """How a call goes wrong."""

    REFUSED = "refused"
    """Nothing listens: it is not done."""
    SLOW = "slow"
    """It is done after some seconds."""
    STUCK = "stuck"
    """No answer in the caller's patience; it is not done."""
    LOST = "lost"
    """It is done, and the connection breaks before the answer."""
    MOVED = "moved"
    """Docker's writes alone: "update out of sequence"; it is not done."""


SLOW_S = 4.0


@dataclass
class _Coming:
    api: str
    fault: Fault
    calls: int
    writes_only: bool


@dataclass
class Death:
    """A write at which the process ends, or stands still."""

    write: int
    api: str = ""
    """docker, consul or traefik (its keys in Consul); empty: whichever it writes to."""
    applied: bool = False
    freeze_s: float | None = None
    """None: it ends."""
    meanwhile: Step | None = None
    """Done as soon as it stands still."""


@dataclass
class Faults:
    """Of one process. `next_fault` and `next_write` count down."""

    _coming: list[_Coming] = field(default_factory=list)
    _deaths: list[Death] = field(default_factory=list)

    def add(self, api: str, fault: Fault, calls: int, *, writes_only: bool) -> None:
        self._coming.append(_Coming(api, fault, calls, writes_only))

    def crash_at(self, write: int, *, applied: bool, api: str = "") -> None:
        self._deaths.append(Death(write, api, applied=applied))

    def freeze_at(
        self, write: int, seconds: float, meanwhile: Step | None = None, api: str = ""
    ) -> None:
        self._deaths.append(Death(write, api, freeze_s=seconds, meanwhile=meanwhile))

    def clear(self) -> None:
        self._coming.clear()
        self._deaths.clear()

    def next_fault(self, api: str, *, is_write: bool) -> Fault | None:
        """What goes wrong with the call that is made now."""
        for item in self._coming:
            if item.api != api or (item.writes_only and not is_write):
                continue
            item.calls -= 1
            if item.calls <= 0:
                self._coming.remove(item)
            return item.fault
        return None

    def next_write(self, api: str) -> Death | None:
        """What happens to the process at the write that it makes now."""
        for death in list(self._deaths):
            if death.api not in {"", api}:
                continue
            death.write -= 1
            if death.write < 0:
                self._deaths.remove(death)
                return death
        return None
