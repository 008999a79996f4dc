"""What is desired beside what is, at one moment: the input of every plan."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.desired import DesiredTree
from swarm_operator.plan.ownership import Owner

Mode = Literal["act", "observe"]
"""Whether the operator writes to the swarm, or plans and reports only."""

_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class World:
    """What is desired beside what is, at one moment."""

    desired: DesiredTree
    swarm: Swarm
    owner: Owner
    mode: Mode = "act"
    now: float = 0.0
    """Seconds of the clock that the memories' times are of."""
    utc: datetime = _NO_TIME
    """The time of day, for pauses that end."""
    incomplete: tuple[str, ...] = ()


def incompleteness(desired: DesiredTree, swarm: Swarm) -> tuple[str, ...]:
    """Why nothing may be concluded from what was read; empty where all is whole."""
    reasons = [*desired.incomplete, *swarm.incomplete]
    bound = desired.installation
    if not swarm.cluster_id:
        reasons.append("the Docker Engine does not say which swarm it belongs to")
    elif bound is not None and bound.swarm != swarm.cluster_id:
        reasons.append(
            f"desired/.installation is bound to the swarm {bound.swarm}, this one is {swarm.cluster_id}: "
            "`swarm-operator init --recover` binds it to this swarm"
        )
    return tuple(reasons)
