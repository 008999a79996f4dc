"""Swarm's traps: writes that look harmless and are not. Each is held, with the reason.

Read in SwarmKit (`orchestrator/replicated`, `orchestrator/update`, `manager/controlapi`) and measured
on engines 20.10, 26.1 and 28.5.
"""

from collections.abc import Sequence
from typing import Final

from swarm_operator.observed.json import dig
from swarm_operator.observed.swarm import Service, Task
from swarm_operator.plan import diff
from swarm_operator.plan.actions import Effect, Hold, UpdateService

_UNSETTLED: Final = frozenset({"assigned", "accepted", "preparing", "ready", "starting"})
"""On its way on a node: SwarmKit counts such a slot as taken, and may keep it before a healthy one."""

_JOBS: Final = frozenset({"ReplicatedJob", "GlobalJob"})

Trap = tuple[Hold, str]


def trap(update: UpdateService, live: Service, tasks: Sequence[Task]) -> Trap | None:
    """Why this update must wait; None where it may go. `tasks` are the service's own."""
    return (
        _job_runs_again(update, live)
        or _paused_update_resumes(update, live)
        or _scale_down_takes_a_healthy_task(update, live, tasks)
    )


def is_job(service: Service) -> bool:
    return bool(_JOBS & set(service.spec.get("Mode") or {}))


def _job_runs_again(update: UpdateService, live: Service) -> Trap | None:
    """Any update of a job, even of a label, runs it again."""
    if not is_job(live) or update.effect in {Effect.RESTARTS, Effect.RECREATES}:
        return None
    return (
        Hold.NEEDS_APPROVAL,
        f"{update.name} is a job: any write, even of a label, runs it again; it goes after `approve`",
    )


def _paused_update_resumes(update: UpdateService, live: Service) -> Trap | None:
    """Any new spec resumes a paused update with what is not replaced in it."""
    if live.update_state != "paused" or update.effect is Effect.RESTARTS:
        return None
    return (
        Hold.UPDATE_UNDER_WAY,
        f"an update of {update.name} is paused ({live.update_message or 'it failed'}), and any write "
        "would resume it: change what failed (the image, the command …) in the document",
    )


def _scale_down_takes_a_healthy_task(
    update: UpdateService, live: Service, tasks: Sequence[Task]
) -> Trap | None:
    """A scale-down while a task is on its way removes a healthy one and keeps the other."""
    before = dig(live.spec, "Mode", "Replicated", "Replicas")
    after = dig(update.spec, "Mode", "Replicated", "Replicas")
    if (
        not isinstance(before, int)
        or (after if isinstance(after, int) else 1) >= before
        or after == 0
    ):
        return None
    waiting = [t for t in tasks if t.desired_state == "running" and t.state in _UNSETTLED]
    if not waiting:
        return None
    return (
        Hold.UPDATE_UNDER_WAY,
        f"{len(waiting)} task(s) of {update.name} are on their way: scaling down now could take a "
        "healthy one; it waits until they run or failed",
    )


def only_bookkeeping_of_a_job(update: UpdateService, live: Service) -> bool:
    """Our own labels are not worth another run of a job."""
    return is_job(live) and all(diff.is_bookkeeping(change) for change in update.changes)
