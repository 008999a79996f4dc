"""Networks of a stack: created where missing, collected where ours and unused, never changed.

Swarm cannot change a network. A definition that differs is said (`NetworkChanged`), and nothing is
sent.
"""

from collections.abc import Mapping
from typing import Final

from swarm_operator.observed import network_definition
from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.actions import Create, Finding, Kind, Remove
from swarm_operator.plan.ownership import Owner

_PREDEFINED: Final = frozenset({"host", "bridge", "none"})
"""Node-local networks that every engine has; a service may name them (docker/cli)."""


def plan_networks(
    desired: Mapping[str, JsonObject], swarm: Swarm, stack: str, owner: Owner
) -> tuple[list[Create], list[Finding]]:
    """What to create, and what was found about those that exist."""
    creates: list[Create] = []
    findings: list[Finding] = []
    for name, body in sorted(desired.items()):
        live = swarm.networks_by_name.get(name)
        if live is None:
            labelled = {**body, "Labels": {**(body.get("Labels") or {}), **owner.labels()}}
            reason = "in the document, not on the swarm"
            creates.append(Create(Kind.NETWORK, name, stack, reason, labelled))
        elif not owner.may_adopt(live.labels, stack):
            findings.append(_foreign(name, stack))
        elif changed := network_definition.differences(body, live):
            findings.append(_changed(name, changed))
    return creates, findings


def _foreign(name: str, stack: str) -> Finding:
    return Finding(
        "Blocked",
        "ForeignNetwork",
        f"a network {name} exists already and does not belong to stack {stack}: declare it `external`, "
        "or give yours another `name:`",
        blocks=True,
    )


def _changed(name: str, changed: list[str]) -> Finding:
    return Finding(
        "NetworkChanged",
        "DefinitionDiffers",
        f"network {name} differs from the document in {', '.join(changed)}. Swarm cannot change a "
        "network: give the changed one a new key or `name:`, or remove the stack first. Nothing was sent",
    )


def missing_externals(
    networks: frozenset[str], configs: frozenset[str], secrets: frozenset[str], swarm: Swarm
) -> list[Finding]:
    """External objects that are not there: the stack waits for them."""
    kinds = (
        ("network", networks - _PREDEFINED, swarm.networks_by_name.keys()),
        ("config", configs, swarm.configs_by_name.keys()),
        ("secret", secrets, swarm.secrets_by_name.keys()),
    )
    return [
        Finding(
            "Blocked",
            f"External{kind.capitalize()}Missing",
            f"the external {kind} {name} does not exist: create it (the stack goes on at once), or "
            "correct its name",
            blocks=True,
        )
        for kind, wanted, existing in kinds
        for name in sorted(wanted - existing)
    ]


def unused_networks(
    swarm: Swarm, stack: str, owner: Owner, wanted: frozenset[str], going: frozenset[str]
) -> list[Remove]:
    """Our networks of the stack that no document wants and nothing uses: no service's spec, no
    `PreviousSpec` (a rollback would need it) and no live task.

    `going` holds the ids of services that are removed in the same plan.
    """
    unwanted = [
        network
        for network in sorted(swarm.networks_by_stack.get(stack, ()), key=lambda item: item.name)
        if owner.owns(network.labels) and network.name not in wanted
    ]
    used = used_networks(swarm, going) if unwanted else frozenset()
    return [
        Remove(Kind.NETWORK, network.name, stack, "nothing uses it any more", network.id)
        for network in unwanted
        if not used & {network.id, network.name}
    ]


def used_networks(swarm: Swarm, going: frozenset[str]) -> frozenset[str]:
    """Ids, or names, of networks that a spec, a `PreviousSpec` or a live task is on."""
    used: set[str] = set()
    for service in swarm.services:
        if service.id not in going:
            for spec in (service.spec, service.previous_spec):
                attached = dig(spec, "TaskTemplate", "Networks") or dig(spec, "Networks")
                used.update(item.get("Target", "") for item in attached or [])
    for task in swarm.tasks:
        if task.is_live and task.service_id not in going:
            used.update(task.network_ids)
    return frozenset(used)
