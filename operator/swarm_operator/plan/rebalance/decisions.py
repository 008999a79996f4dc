"""What a move may do next."""

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from swarm_operator.observed.json import JsonObject

POLL_S: Final = 1.0
"""Between two looks at a task that starts."""
LOOK_AGAIN_S: Final = 0.3
"""Between two looks while a fence stands."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do for `seconds`; None: until something changes."""

    why: str
    seconds: float | None = POLL_S


@dataclass(frozen=True, slots=True)
class Write:
    spec: JsonObject = field(repr=False)
    why: str
    failed: bool = False
    """Whether the move is given up with it."""
    stops: str = ""
    """The id of the task that serves and that Swarm stops for it, now or by the write after it; ""
    where there is none, or nobody knows which."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take the task out of what is published, and look again."""

    task_id: str
    insists: bool = False
    """Whether the move rests on it: where nobody confirms it is given up. Else it goes on."""


Decision: TypeAlias = Wait | Write | Withdraw
