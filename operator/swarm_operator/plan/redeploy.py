"""A person's wish to run the same spec once more (`swarm-operator redeploy`), for a tag that moved.

The wish's raft index is written with the restart itself, as a label: so it is done exactly once,
whatever crashes in between.
"""

from collections.abc import Mapping

from swarm_operator.observed.json import JsonObject, dig, replaced
from swarm_operator.observed.swarm import Service
from swarm_operator.plan.actions import StackPlan, UpdateService
from swarm_operator.plan.desired import DesiredTree
from swarm_operator.plan.ownership import REDEPLOYED_LABEL

FORCE_PATH = "TaskTemplate.ForceUpdate"


def wishes(stack: str, desired: DesiredTree) -> Mapping[str, int]:
    """The raft index of the newest wish by full service name; the empty name is the whole stack."""
    found: dict[str, int] = {}
    for key, (_, index) in desired.requests.items():
        target, _, service = key.target.partition("/")
        if key.verb == "redeploy" and target == stack:
            name = f"{stack}_{service.removeprefix(f'{stack}_')}" if service else ""
            found[name] = max(index, found.get(name, 0))
    return found


def wished_index(service: str, wishes_of_stack: Mapping[str, int]) -> int | None:
    """The newest wish that is about this service."""
    indexes = [wishes_of_stack[name] for name in ("", service) if name in wishes_of_stack]
    return max(indexes, default=None)


def is_done(live: Service, index: int) -> bool:
    """Whether the service was restarted for this wish, or a later one."""
    label = live.labels.get(REDEPLOYED_LABEL, "0")
    return label.isdigit() and int(label) >= index


def redeployed(spec: JsonObject, live: Service, index: int | None) -> JsonObject:
    """The spec with one more `ForceUpdate`, where the wish is not done yet."""
    if index is None or is_done(live, index):
        return spec
    force = dig(live.spec, "TaskTemplate", "ForceUpdate") or 0
    labels = {**spec["Labels"], REDEPLOYED_LABEL: str(index)}
    return replaced({**spec, "Labels": labels}, ("TaskTemplate", "ForceUpdate"), force + 1)


def born(spec: JsonObject, index: int | None) -> JsonObject:
    """A new service's spec: it just started, so a wish from before its birth is done."""
    if index is None:
        return spec
    return {**spec, "Labels": {**(spec.get("Labels") or {}), REDEPLOYED_LABEL: str(index)}}


def is_planned(plan: StackPlan) -> bool:
    """Whether a restart that was asked for is still to be done, now or once what holds it is gone."""
    return any(isinstance(each, UpdateService) and is_restart(each) for each in plan.everything())


def is_restart(update: UpdateService) -> bool:
    """Whether it carries out a wish (`ForceUpdate` is never drift: see `services.with_live_parts`)."""
    return any(change.path == FORCE_PATH for change in update.changes)
