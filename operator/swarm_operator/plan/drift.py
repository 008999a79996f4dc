"""Whether a service that differs from its document is written to: rejections, drift, tugs-of-war.

A spec that Swarm or a person rolled back is not sent again until it changes or `retry` asks. A field
that another hand changed is put back once; changed again within ten minutes it is left until it has
been quiet for ten minutes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from desired_state.operator_block import Drift
from swarm_operator.observed.swarm import Service
from swarm_operator.plan import diff
from swarm_operator.plan.actions import Hold, UpdateService
from swarm_operator.plan.redeploy import FORCE_PATH

QUIET_S: Final = 600.0
"""How long a contested field must be left alone before it is put back again, in seconds."""

_ROLLBACKS: Final = frozenset({"rollback_started", "rollback_paused", "rollback_completed"})


@dataclass(frozen=True, slots=True)
class ServiceMemory:
    """What is remembered about one service between two looks at it."""

    sent: str = ""
    """Digest of the wish that was sent last; noted before it is sent."""
    version: int = 0
    """The service's version when that was noted."""
    rejected: str = ""
    reason: str = ""
    corrected: Mapping[str, float] = field(default_factory=dict)
    """By field: when it was put back last, in the seconds of the caller's monotonic clock."""
    contested_until: float = 0.0
    contested_version: int = 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether an update may go, and what is remembered from now on."""

    hold: Hold | None
    message: str
    memory: ServiceMemory
    is_drift: bool = False


def judge(
    update: UpdateService,
    live: Service,
    memory: ServiceMemory,
    on_drift: Drift,
    now: float,
    failure: str = "",
) -> Judgement:
    """`now` is of the same clock as the times in `memory`; `failure` is what the service's tasks
    failed with last, for the reason of a rejection."""
    if all(diff.is_bookkeeping(change) for change in update.changes):
        return Judgement(None, "", memory)
    if any(change.path == FORCE_PATH for change in update.changes):
        return Judgement(None, "", replace(memory, sent=update.wished, version=update.version))
    if memory.rejected == update.wished:
        return Judgement(Hold.REJECTED, memory.reason, memory)
    if memory.sent != update.wished:
        return _new_wish(update)
    if live.update_state in _ROLLBACKS and live.version != memory.version:
        return _rejection(update, live, memory, failure)
    if live.version == memory.version and not memory.corrected:
        return Judgement(None, "", memory)  # noted, then interrupted: it was never sent
    return _drift(update, live, memory, on_drift, now)


def _new_wish(update: UpdateService) -> Judgement:
    fresh = ServiceMemory(sent=update.wished, version=update.version)
    return Judgement(None, "", fresh)


def _rejection(
    update: UpdateService, live: Service, memory: ServiceMemory, failure: str
) -> Judgement:
    why = failure or live.update_message or live.update_state
    reason = (
        f"{update.name}: rolled back: {why}; the document's spec is not sent again until it changes or "
        f"`swarm-operator retry {update.stack}` asks"
    )
    rejected = replace(memory, rejected=update.wished, reason=reason)
    return Judgement(Hold.REJECTED, reason, rejected)


def _drift(
    update: UpdateService,
    live: Service,
    memory: ServiceMemory,
    on_drift: Drift,
    now: float,
) -> Judgement:
    paths = [change.path for change in update.changes if not diff.is_bookkeeping(change)]
    names = ", ".join(paths)
    if on_drift is Drift.REPORT:
        message = f"{names}: changed by another hand (x-operator.drift: report)"
        return Judgement(Hold.DRIFT_REPORTED, message, memory, is_drift=True)
    if live.update_state == "paused":
        message = f"{names}: differs, but an update is paused, and any write would resume it"
        return Judgement(Hold.UPDATE_UNDER_WAY, message, memory, is_drift=True)
    contested = [path for path in paths if now - memory.corrected.get(path, -QUIET_S) < QUIET_S]
    if contested or now < memory.contested_until:
        return _contested(update, live, memory, contested or paths, now)
    corrected = {**memory.corrected, **dict.fromkeys(paths, now)}
    return Judgement(None, "", replace(memory, corrected=corrected), is_drift=True)


def _contested(
    update: UpdateService, live: Service, memory: ServiceMemory, paths: list[str], now: float
) -> Judgement:
    """Every further change of the service begins the quiet time anew."""
    if live.version != memory.contested_version or not memory.contested_until:
        memory = replace(memory, contested_until=now + QUIET_S, contested_version=live.version)
    message = (
        f"{', '.join(paths)}: put back, and changed again by another hand within 10 minutes; left until "
        f"it is quiet for 10 minutes, the document changes or `swarm-operator retry {update.stack}` asks"
    )
    return Judgement(Hold.CONTESTED, message, memory, is_drift=True)
