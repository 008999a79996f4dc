"""The plan of one stack: from its document and the swarm to ordered actions, or to its removal."""

import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.swarm import (
    STACK_LABEL,
    Config,
    Network,
    Secret,
    Service,
    Swarm,
    Task,
)
from swarm_operator.plan import networks, redeploy, rotation, services
from swarm_operator.plan.actions import Action, Finding, Kind, Remove, StackPlan
from swarm_operator.plan.compose.specs import StackSpecs
from swarm_operator.plan.order import in_order
from swarm_operator.plan.ownership import ASSUMED_LABEL, Owner
from swarm_operator.plan.redact import Redaction
from swarm_operator.plan.references import renamed


def plan_stack(
    specs: StackSpecs,
    swarm: Swarm,
    owner: Owner,
    redeploys: Mapping[str, int] = MappingProxyType({}),
    also_secret: frozenset[str] = frozenset(),
) -> StackPlan:
    """All that would make the swarm equal to the document, in order: networks, secrets, configs,
    services by name, then their removals (but who gives up a published port comes first), collection.
    Nothing is guarded here.
    `redeploys` are wishes for a restart, as `redeploy.wishes` gives them; `also_secret` values of
    former documents, which the live specs may still hold.
    """
    redaction = Redaction.of(specs, also_secret)
    creates, findings = networks.plan_networks(specs.networks, swarm, specs.stack, owner)
    configs = rotation.choose_configs(specs.configs, swarm, specs.stack, owner)
    assumed = assumed_tags(swarm, specs.stack, owner)
    needed = frozenset(name for service in specs.services.values() for name in service.secrets)
    secrets = rotation.choose_secrets(specs.secrets, swarm, specs.stack, owner, assumed, needed)
    findings += [*configs.findings, *secrets.findings]
    findings += networks.missing_externals(
        specs.external_networks, specs.external_configs, specs.external_secrets, swarm
    )
    writes: list[Action] = []
    wishes: dict[str, str] = {}
    for _, desired in sorted(specs.services.items()):
        spec = desired_spec(specs, desired.name, configs, secrets, owner)
        wishes[desired.name] = services.wish_digest(spec, owner)
        index = redeploy.wished_index(desired.name, redeploys)
        planned = services.plan_service(desired, spec, swarm, specs.stack, owner, redaction, index)
        if planned.action is not None:
            writes.append(planned.action)
        if planned.finding is not None:
            findings.append(planned.finding)
    surplus = surplus_services(specs, swarm, owner)
    findings += foreign_services(specs, swarm, owner)
    removals = [
        Remove(Kind.SERVICE, service.name, specs.stack, "no longer in the document", service.id)
        for service in surplus
    ]
    wanted = frozenset([*configs.names.values(), *secrets.names.values()])
    gone = frozenset(service.id for service in surplus)
    return StackPlan(
        stack=specs.stack,
        revision=specs.revision,
        actions=(
            *creates,
            *secrets.creates,
            *configs.creates,
            *in_order([*writes, *removals], swarm),
            *networks.unused_networks(swarm, specs.stack, owner, frozenset(specs.networks), gone),
            *rotation.unused_objects(swarm, specs.stack, owner, wanted),
        ),
        findings=tuple(findings),
        wishes=wishes,
    )


def desired_spec(
    specs: StackSpecs,
    name: str,
    configs: rotation.Chosen,
    secrets: rotation.Chosen,
    owner: Owner,
) -> JsonObject:
    """A service's spec as it should stand on the swarm, configs and secrets referred to by name."""
    desired = specs.services[name]
    spec = renamed(desired.spec, configs.names, secrets.names)
    chosen = {secrets.names.get(secret, secret) for secret in desired.secrets}
    assumed = {secret: tag for secret, tag in secrets.assumed.items() if secret in chosen}
    return services.with_bookkeeping(desired, spec, owner, assumed)


def assumed_tags(swarm: Swarm, stack: str, owner: Owner) -> Mapping[str, str]:
    """The notes on our services of the stack about the contents of secrets that cannot be read back.

    Those made with a key that was lost say nothing any more.
    """
    tags: dict[str, str] = {}
    for service in owned_services(stack, swarm, owner):
        noted = _tags_in(service.labels.get(ASSUMED_LABEL, "{}"))
        tags.update({name: tag for name, tag in noted.items() if owner.comparable(tag)})
    return tags


def _tags_in(label: str) -> Mapping[str, str]:
    try:
        value = json.loads(label)
    except ValueError:
        return {}  # written by hand: worth no more than no note
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {}


def surplus_services(specs: StackSpecs, swarm: Swarm, owner: Owner) -> list[Service]:
    """Our services of the stack that its document, read whole, does not name."""
    return [
        service for service in owned_services(specs.stack, swarm, owner)
        if service.name not in specs.services
    ]  # fmt: skip


def owned_services(stack: str, swarm: Swarm, owner: Owner) -> list[Service]:
    """The stack's services that carry our label, by name."""
    found = (s for s in swarm.services_by_stack.get(stack, ()) if owner.owns(s.labels))
    return sorted(found, key=lambda service: service.name)


def owned_tasks(services: Iterable[Service], swarm: Swarm) -> list[Task]:
    """All tasks of these services that the swarm remembers."""
    return [task for item in services for task in swarm.tasks_by_service.get(item.id, ())]


def foreign_services(specs: StackSpecs, swarm: Swarm, owner: Owner) -> list[Finding]:
    """Services in the stack's namespace that somebody else put there: reported, never touched."""
    names = sorted(
        service.name
        for service in swarm.services_by_stack.get(specs.stack, ())
        if service.name not in specs.services and not owner.owns(service.labels)
    )
    if not names:
        return []
    return [
        Finding(
            "ForeignServices",
            "NotInDocument",
            f"{', '.join(names)}: labelled as part of the stack, not in its document and not ours; left "
            "alone. Add them to the document, or remove them with docker service rm",
        )
    ]


def plan_removal(stack: str, swarm: Swarm, owner: Owner, reason: str) -> StackPlan:
    """All that would take a stack away: its services, then what they used. Volumes are never touched."""
    owned = owned_services(stack, swarm, owner)
    going = frozenset(service.id for service in owned)
    everything_else_used = Swarm(
        cluster_id=swarm.cluster_id,
        services=tuple(service for service in swarm.services if service.id not in going),
        tasks=swarm.tasks,
        configs=swarm.configs,
        secrets=swarm.secrets,
    )
    actions: tuple[Action, ...] = (
        *(Remove(Kind.SERVICE, service.name, stack, reason, service.id) for service in owned),
        *networks.unused_networks(swarm, stack, owner, frozenset(), going),
        *rotation.unused_objects(everything_else_used, stack, owner, frozenset()),
    )
    leaving = {action.name for action in actions}
    findings = tuple(_still_used(stack, swarm, owner, leaving, going))
    return StackPlan(stack=stack, actions=actions, removes_stack=True, findings=findings)


def _still_used(
    stack: str, swarm: Swarm, owner: Owner, leaving: AbstractSet[str], going: AbstractSet[str]
) -> Iterator[Finding]:
    """What of a stack that goes has to stay, because services that do not go with it are on it."""
    objects: tuple[Network | Config | Secret, ...] = (
        *swarm.networks,
        *swarm.configs,
        *swarm.secrets,
    )
    kept = {
        item.id: item.name
        for item in objects
        if item.labels.get(STACK_LABEL) == stack
        and owner.owns(item.labels)
        and item.name not in leaving
    }
    for service in sorted(swarm.services, key=lambda each: each.name):
        used = sorted(kept[each] for each in _referred(service.spec) & kept.keys())
        before = sorted(kept[each] for each in _referred(service.previous_spec) & kept.keys())
        if service.id in going or not (used or before):
            continue
        whose = f"of stack {service.stack}" if owner.owns(service.labels) else "which is not ours"
        uses = "uses it" if used else "could be rolled back to it (its PreviousSpec names it)"
        way = "remove that service" if used else f"write {service.name} once more"
        message = (
            f"{', '.join(used or before)} cannot go while the service {service.name}, {whose}, {uses}: "
            f"{way}, or push stack {stack} anew to keep it"
        )
        yield Finding("Blocked", "StillUsed", message)


def _referred(spec: JsonObject | None) -> AbstractSet[str]:
    """Ids of the networks, configs and secrets that a spec names."""
    attached = dig(spec, "TaskTemplate", "Networks") or []
    container = dig(spec, "TaskTemplate", "ContainerSpec") or {}
    return {
        *(item.get("Target", "") for item in attached),
        *(item.get("ConfigID", "") for item in container.get("Configs") or []),
        *(item.get("SecretID", "") for item in container.get("Secrets") or []),
    }


def stacks_of_ours(swarm: Swarm, owner: Owner) -> frozenset[str]:
    """Every stack that has anything of ours on the swarm."""
    return frozenset(
        stack
        for item in swarm.labelled
        if owner.owns(item.labels) and (stack := item.labels.get(STACK_LABEL)) is not None
    )
