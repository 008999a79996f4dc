"""What became of the requests of a load."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """One request."""

    at: float
    """When it began (monotonic)."""
    took: float
    """Seconds."""
    said: int | str
    """The status, or what went wrong."""
    by: str = ""
    """What a good answer holds; of our own servers, `HOSTNAME VERSION`."""
    target: str = ""
    """Who was asked, as the load was told: a name, or ADDRESS:PORT."""
    address: str = ""
    """ADDRESS:PORT that the target had at this moment; empty if it had none."""

    @property
    def is_good(self) -> bool:
        return isinstance(self.said, int) and 200 <= self.said < 300


@dataclass(frozen=True, slots=True)
class Result:
    """All requests of a load, or of a part of it."""

    answers: Sequence[Answer]

    @property
    def total(self) -> int:
        return len(self.answers)

    @property
    def failures(self) -> list[Answer]:
        return [answer for answer in self.answers if not answer.is_good]

    @property
    def failed(self) -> int:
        return len(self.failures)

    @property
    def hung(self) -> int:
        """Requests that nobody answered until they were given up."""
        return sum(answer.said == "TimeoutError" for answer in self.answers)

    @property
    def longest(self) -> float:
        """Seconds that the slowest request took, good or failed."""
        return max((answer.took for answer in self.answers), default=0)

    @property
    def outage(self) -> float:
        """Seconds from the first failed request to the last one."""
        moments = [answer.at for answer in self.failures]
        return max(moments) - min(moments) if moments else 0

    @property
    def by(self) -> Counter[str]:
        """How many good answers each server gave, as `HOSTNAME VERSION`."""
        return Counter(answer.by for answer in self.answers if answer.is_good)

    @property
    def versions(self) -> set[str]:
        """The versions that answered."""
        return {by.rsplit(" ", 1)[-1] for by in self.by}

    @property
    def failed_by_target(self) -> dict[str, int]:
        return dict(Counter(answer.target for answer in self.failures))

    def since(self, moment: float) -> "Result":
        """Only what began after this moment (time.monotonic)."""
        return Result([answer for answer in self.answers if answer.at >= moment])

    def __str__(self) -> str:
        said = Counter(str(answer.said) for answer in self.failures)
        return (
            f"{self.failed} of {self.total} failed, longest {self.longest:.2f} s, "
            f"{self.hung} hung, {dict(said)}"
        )
