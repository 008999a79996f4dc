"""Services of a stack: what is created, what is updated with what, what is not ours to touch."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from swarm_operator.observed.json import JsonObject, canonical, dig, replaced
from swarm_operator.observed.swarm import IMAGE_LABEL, Service, Swarm
from swarm_operator.plan import diff
from swarm_operator.plan.actions import Action, Change, Create, Finding, Kind, UpdateService
from swarm_operator.plan.compose.specs import DesiredService
from swarm_operator.plan.ownership import (
    ASSUMED_LABEL,
    INSTALLATION_LABEL,
    PREFIX,
    PROTECT_LABEL,
    REDEPLOYED_LABEL,
    ROUTES_LABEL,
    Owner,
)
from swarm_operator.plan.redact import Redaction
from swarm_operator.plan.redeploy import FORCE_PATH, born, redeployed
from swarm_operator.plan.routes import terse_label
from swarm_operator.plan.service_spec import comparable

IGNORABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "replicas": ("Mode", "Replicated", "Replicas"),
    "image": ("TaskTemplate", "ContainerSpec", "Image"),
    "env": ("TaskTemplate", "ContainerSpec", "Env"),
    "labels": ("Labels",),
    "constraints": ("TaskTemplate", "Placement", "Constraints"),
    "resources": ("TaskTemplate", "Resources"),
    "update_config": ("UpdateConfig",),
}
"""`x-operator.ignore`: the field of the live spec that wins over the document's."""


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """What is to be done for one service: at most one action."""

    action: Action | None = None
    finding: Finding | None = None


def plan_service(
    desired: DesiredService,
    spec: JsonObject,
    swarm: Swarm,
    stack: str,
    owner: Owner,
    redaction: Redaction,
    redeploy_index: int | None = None,
) -> ServicePlan:
    """`spec` is the desired one with the names of configs and secrets as they were chosen, and with
    the bookkeeping labels."""
    live = swarm.services_by_name.get(desired.name)
    if live is None:
        reason = "in the document, not on the swarm"
        body = born(spec, redeploy_index)
        return ServicePlan(Create(Kind.SERVICE, desired.name, stack, reason, body))
    if not owner.may_adopt(live.labels, stack):
        return ServicePlan(finding=_foreign(live, stack))
    return _plan_update(desired, spec, live, swarm, stack, owner, redaction, redeploy_index)


def _foreign(live: Service, stack: str) -> Finding:
    other = live.labels.get(INSTALLATION_LABEL)
    whose = f"installation {other}" if other else "somebody else"
    return Finding(
        "Blocked",
        "ForeignService",
        f"a service {live.name} exists already and belongs to {whose}, not to stack {stack}: rename "
        "the service in the document, or remove the other one",
        blocks=True,
    )


def _plan_update(
    desired: DesiredService,
    spec: JsonObject,
    live: Service,
    swarm: Swarm,
    stack: str,
    owner: Owner,
    redaction: Redaction,
    redeploy_index: int | None,
) -> ServicePlan:
    wished = with_live_parts(spec, live.spec, ignore=desired.options.ignore)
    wished = redeployed(wished, live, redeploy_index)
    before = comparable(live.spec, swarm.network_names, swarm.api_version)
    after = comparable(wished, swarm.network_names, swarm.api_version)
    changes = diff.changes(before, after, redaction)
    if not changes:
        return ServicePlan()
    if before["Mode"].keys() != after["Mode"].keys():
        return ServicePlan(finding=_mode_changed(live, before["Mode"], after["Mode"]))
    update = UpdateService(
        name=live.name,
        stack=stack,
        reason=_reason(live, owner, changes),
        service_id=live.id,
        version=live.version,
        spec=grafted(wished, live.spec, before, after),
        changes=changes,
        wished=wish_digest(spec, owner),
    )
    return ServicePlan(update)


def wish_digest(spec: JsonObject, owner: Owner) -> str:
    """Keyed digest of a desired spec without our own labels."""
    labels = {k: v for k, v in (spec.get("Labels") or {}).items() if not k.startswith(PREFIX)}
    return owner.digest(canonical({**spec, "Labels": labels}).encode())


def _mode_changed(live: Service, before: JsonObject, after: JsonObject) -> Finding:
    modes = f"{', '.join(before)} → {', '.join(after)}"
    return Finding(
        "Blocked",
        "ModeChanged",
        f"service {live.name}: Swarm cannot change the mode of a service ({modes}); remove the service "
        "from the document, let it go, and add it again, or give it another name",
        blocks=True,
    )


def _reason(live: Service, owner: Owner, changes: Sequence[Change]) -> str:
    if not owner.owns(live.labels):
        return "adopted: taken over from docker stack deploy"
    if all(diff.is_bookkeeping(change) for change in changes):
        is_routed = any(change.path == f"Labels.{ROUTES_LABEL}" for change in changes)
        return "its routes differ from the document" if is_routed else "our own labels differ"
    if any(change.path == FORCE_PATH for change in changes):
        return "redeploy was asked for"
    return "differs from the document"


def with_bookkeeping(
    desired: DesiredService, spec: JsonObject, owner: Owner, assumed: Mapping[str, str]
) -> JsonObject:
    """The spec with our labels on the service itself, never on its tasks."""
    labels = {**(spec.get("Labels") or {}), **owner.labels()}
    if desired.options.protect:
        labels[PROTECT_LABEL] = "true"
    if desired.options.routes:
        labels[ROUTES_LABEL] = terse_label.written(desired.options.routes)
    if assumed:
        labels[ASSUMED_LABEL] = canonical(dict(assumed))
    return {**spec, "Labels": labels}


def with_live_parts(
    spec: JsonObject, live: JsonObject, *, ignore: Sequence[str] = ()
) -> JsonObject:
    """The desired spec with what the live one rightly has beyond it.

    `ForceUpdate` is never drift (docker/cli carries it over). While the label
    `com.docker.stack.image` says the document's image, the digest and the platforms that the
    registry gave for it are kept.
    """
    wished = spec
    label = dig(live, "Labels", REDEPLOYED_LABEL)
    if label is not None:
        wished = replaced(wished, ("Labels", REDEPLOYED_LABEL), label)
    force = dig(live, "TaskTemplate", "ForceUpdate")
    if force:
        wished = replaced(wished, ("TaskTemplate", "ForceUpdate"), force)
    if _is_same_image(spec, live):
        image = ("TaskTemplate", "ContainerSpec", "Image")
        wished = replaced(wished, image, dig(live, *image))
        platforms = dig(live, "TaskTemplate", "Placement", "Platforms")
        if platforms:
            wished = replaced(wished, ("TaskTemplate", "Placement", "Platforms"), platforms)
    for name in ignore:
        wished = _with_ignored(wished, live, IGNORABLE[name])
    return wished


def _is_same_image(spec: JsonObject, live: JsonObject) -> bool:
    """The document's image did not change, and the live one is it, perhaps with a digest."""
    documented = dig(spec, "Labels", IMAGE_LABEL)
    wished = dig(spec, "TaskTemplate", "ContainerSpec", "Image")
    running = dig(live, "TaskTemplate", "ContainerSpec", "Image")
    if documented is None or documented != dig(live, "Labels", IMAGE_LABEL):
        return False
    return isinstance(running, str) and running.partition("@")[0] == wished


def _with_ignored(wished: JsonObject, live: JsonObject, path: tuple[str, ...]) -> JsonObject:
    value = dig(live, *path)
    if path == ("Labels",):
        return {**wished, "Labels": {**(value or {}), **(wished.get("Labels") or {})}}
    if value is None or dig(wished, *path[:-1]) is None:
        return wished
    return replaced(wished, path, value)


def grafted(
    wished: JsonObject, live: JsonObject, before: JsonObject, after: JsonObject
) -> JsonObject:
    """The spec to send: parts that mean the same are sent as they are stored.

    SwarmKit compares task templates and end points member by member: an added `Resources: {}` or
    another order of ports would restart every task of a service whose labels alone changed.
    """
    result = copy.deepcopy(wished)
    if before.get("EndpointSpec") == after.get("EndpointSpec") and "EndpointSpec" in live:
        result["EndpointSpec"] = copy.deepcopy(live["EndpointSpec"])
    if _template(before) == _template(after):
        template = copy.deepcopy(live["TaskTemplate"])
        # A service written without it makes the manager panic; an empty one restarts nothing.
        placement = dig(wished, "TaskTemplate", "Placement") or {}
        same = dig(before, "TaskTemplate", "Placement") == dig(after, "TaskTemplate", "Placement")
        if not same or "Placement" not in template:
            template["Placement"] = placement
        result["TaskTemplate"] = template
    return result


def _template(comparable_spec: JsonObject) -> dict[str, Any]:
    template = dict(comparable_spec.get("TaskTemplate") or {})
    template.pop("Placement", None)
    return template
