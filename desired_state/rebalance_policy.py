"""`rebalance` of `desired/policy`: when tasks may be moved to where they should run."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, field_validator

from desired_state.duration_text import seconds
from desired_state.forms import Model, checked_by, defect, kind_of

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_SECONDS: Final = {"type": "string", "examples": ["30s", "2m", "1h"]}

DurationText = Annotated[str, AfterValidator(checked_by(seconds)), WithJsonSchema(_SECONDS)]


def _days(value: Any) -> frozenset[int]:
    """`mon-fri`, `sat`, `mon, wed, fri`, `fri-mon`: the days on which quiet hours begin."""
    if not isinstance(value, str):
        raise defect(f"must be days such as mon-fri, not {kind_of(value)}")
    found: set[int] = set()
    for part in value.lower().split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        if first not in DAYS or (dash and last not in DAYS):
            raise defect("are not days", f"write them as mon-fri or sat,sun; known are {_KNOWN}")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return frozenset(found)


_KNOWN: Final = ", ".join(DAYS)


def _clock(value: Any) -> time:
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise defect(
            "must be a time of day such as 08:00",
            'put it in quotes: "08:00"; midnight is "00:00", and a whole day is from "00:00" to "00:00"',
        )
    return time(int(match[1]), int(match[2]))


def _zone(text: str) -> ZoneInfo:
    """A zone of the IANA database, which Python reads from the machine. Raises ValueError."""
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError("is not a known time zone; write one such as Europe/Paris") from None


_TEXT: Final = WithJsonSchema({"type": "string"})
Clock = Annotated[time, BeforeValidator(_clock), _TEXT]


class QuietHours(Model):
    """Hours of some days in which nothing is moved; over midnight where `to` is not after `from`."""

    days: Annotated[frozenset[int], BeforeValidator(_days), _TEXT] = Field(
        default=frozenset(range(7)), description="Days on which they begin, such as mon-fri."
    )
    begins: Clock = Field(alias="from", description="When they begin.")
    ends: Clock = Field(alias="to", description="When they end.")
    zone: Annotated[str, AfterValidator(checked_by(_zone))] = Field(
        default="UTC", description="Whose clock is meant, such as Europe/Paris."
    )

    def end(self, utc: datetime) -> datetime | None:
        """When the quiet hours that hold at `utc` (aware) are over; None where none hold."""
        today = utc.astimezone(_zone(self.zone)).date()
        for day in (today - timedelta(days=1), today):
            first, last = self._on(day)
            # Compared in UTC: Python compares two moments of one zone by their faces alone, which
            # is wrong in the hour that comes twice.
            if day.weekday() in self.days and first <= utc < last:
                return last
        return None

    def _on(self, day: date) -> tuple[datetime, datetime]:
        over_midnight = timedelta(days=int(self.ends <= self.begins))
        # A time of day that the clocks show twice, or jump over, may mean two moments.
        return min(self._moments(day, self.begins)), max(
            self._moments(day + over_midnight, self.ends)
        )

    def _moments(self, day: date, clock: time) -> list[datetime]:
        zone = _zone(self.zone)
        found = (datetime.combine(day, clock.replace(fold=fold), zone) for fold in (0, 1))
        return [each.astimezone(UTC) for each in found]


class RebalancePolicy(Model):
    """Whether, how carefully and how often tasks are moved."""

    mode: Literal["act", "recommend", "off"] = Field(
        default="act", description="act; recommend: say what should move; off: do not even look."
    )
    default: Literal["safe", "auto", "never"] = Field(
        default="safe",
        description=(
            "For services whose document says nothing. safe: stateless ones with two replicas or "
            "more whose image can be seen to declare no volume; auto: also where it cannot be seen; "
            "never: none."
        ),
    )
    hold_off: DurationText = Field(
        default="2m",
        description=(
            "How long a node must be steady before it gets tasks; doubled for the second and each "
            "further time that it was down in the last 24 hours, up to 1h, and never less than 15 s "
            "plus the swarm's grace for heartbeats. So long, but not longer than 2m, the swarm's "
            "leader must be steady too, and nodes that went must be gone."
        ),
    )
    settle: DurationText = Field(
        default="10s", description="How long a new task must run before the old one goes."
    )
    canary: DurationText = Field(
        default="2m",
        description="How long after the first move to a returned node it gets no other.",
    )
    min_age: DurationText = Field(
        default="5m",
        description="How old a service's last change must be and, up to 5m, its last failed task.",
    )
    between_moves: DurationText = Field(
        default="2m", description="Between two moves of one service."
    )
    start_deadline: DurationText = Field(
        default="5m",
        description="How long a new task may take to run; a slow health check gets longer.",
    )
    moves_per_hour: Annotated[int, Field(ge=1)] = Field(
        default=30, description="Of all services together; one at a time in any case."
    )
    quiet_hours: Annotated[tuple[QuietHours, ...], Field(strict=False)] = Field(
        default=(), description="Hours in which nothing is moved."
    )
    self_test: bool = Field(
        default=True,
        description=(
            "Whether moves are tried on a tiny service of the operator's own first, once per engine "
            "version."
        ),
    )

    @field_validator("start_deadline")
    @classmethod
    def _check_start_deadline(cls, value: str) -> str:
        if seconds(value) <= 0:
            raise defect("must be longer than that: no task starts in no time")
        return value

    @field_validator("mode", mode="before")
    @classmethod
    def _read_mode(cls, value: Any) -> Any:
        return "off" if value is False else value  # YAML 1.1's reading of the word

    @property
    def hold_off_s(self) -> float:
        return seconds(self.hold_off)

    @property
    def settle_s(self) -> float:
        return seconds(self.settle)

    @property
    def canary_s(self) -> float:
        return seconds(self.canary)

    @property
    def min_age_s(self) -> float:
        return seconds(self.min_age)

    @property
    def between_moves_s(self) -> float:
        return seconds(self.between_moves)

    @property
    def start_deadline_s(self) -> float:
        return seconds(self.start_deadline)

    def quiet_until(self, utc: datetime) -> datetime | None:
        """When the quiet hours that hold now end; None where none hold."""
        ends = [end for hours in self.quiet_hours if (end := hours.end(utc)) is not None]
        return max(ends, default=None)
