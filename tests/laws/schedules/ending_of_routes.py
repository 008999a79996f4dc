"""What must hold of routes at the end: the keys are what compiling the services gives, and live."""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from desired_state import keys
from desired_state.route_records import StackRoutes
from swarm_operator.plan.routes.compile import Compiled
from swarm_operator.plan.routes.decoding import decode
from swarm_operator.plan.routes.fields import OLDEST, version_of
from swarm_operator.plan.routes.keys import object_of
from swarm_operator.plan.routes.published import Published
from swarm_operator.plan.routes.servers import Surroundings
from swarm_operator.plan.routes.stamp import stamp_object
from swarm_operator.plan.routes.tree import ObjectId, RouteTree, Severity
from swarm_operator.runtime.routes.publications import Publications
from tests.laws.schedules.routed import MAIN
from tests.laws.schedules.traefiks import VERSION, Traefiks

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab

SHARED: Final = "swarm-operator"
"""How the names of the objects begin that all our services share, while one of them wants them."""


def heal_routes(lab: "Lab") -> None:
    """Traefik runs and answers, and no mover wants a task out of what is published."""
    if lab.traefiks is None:
        return
    lab.traefiks.heal()
    for process in lab.processes.values():
        if process.routing is not None:
            for task_id in process.routing.withdrawing.tasks():
                process.routing.withdrawing.publish_again(task_id)


def what_is_wrong_with_routes(lab: "Lab") -> Iterator[str]:
    """In the eyes of a person who compiles by hand, asks every instance, and reads the status."""
    if lab.traefiks is None:
        return
    traefiks = lab.traefiks
    published, compiled = _compiled(lab, traefiks)
    doubtful = _doubtful(published, compiled)
    lying = _own_tree(traefiks)
    for name in sorted(lying.objects.keys() | compiled.tree.objects.keys()):
        if not _is_of(name, doubtful) and lying.objects.get(name) != compiled.tree.objects.get(
            name
        ):
            yield f"{name} is {lying.body(name)}, and should be {compiled.tree.body(name)}"
    for key, (value, flags) in traefiks.theirs.items():
        entry = traefiks.keys().get(key)
        if entry is None or (entry.value, entry.flags) != (value, flags):
            yield f"{key} is not as another hand wrote it"
    decoded = traefiks.decoded()
    for instance in traefiks.instances:
        if traefiks.own_keys() and instance.applied.tree != decoded.tree:
            yield "an instance has not what lies in the KV"
    yield from _not_live(lab, compiled, doubtful)


def _compiled(lab: "Lab", traefiks: Traefiks) -> tuple[tuple[Published, ...], Compiled]:
    """Anew, with no memory."""
    swarm = lab.hands.read()
    publications = Publications(traefiks.plan.routes)
    published = publications.of_services(swarm.services)
    foreign = {named for key in traefiks.theirs if (named := object_of(key)) is not None}
    version = version_of(VERSION) or OLDEST
    return published, publications.compiled(published, Surroundings(swarm), version, foreign)


def _own_tree(traefiks: Traefiks) -> RouteTree:
    ours = {k: e.value for k, e in traefiks.keys().items() if traefiks.is_ours(e)}
    stamp = stamp_object(traefiks.installation)
    return RouteTree.of(item for item in decode(ours).tree if item.id != stamp)


def _doubtful(published: Collection[Published], compiled: Compiled) -> frozenset[str]:
    """Names of whatever depends on what was before: services that are refused go on as they were,
    and of two that want one name the first keeps it."""
    refused = {
        refusal.origin.owner for refusal in compiled.refused if refusal.severity is Severity.ERROR
    }
    wanted = {item.id for each in published if each.owner in refused for item in each.tree}
    rivals = {
        each.owner
        for each in published
        if each.owner in refused or any(item.id in wanted for item in each.tree)
    }
    # Routers are named after their services in all documents of these schedules.
    names = {owner.removeprefix("service ").replace("_", "-") for owner in rivals}
    if not names:
        return frozenset()
    return frozenset({*names, *(each.name for each in wanted), MAIN, SHARED})


def _is_of(name: ObjectId, doubtful: Collection[str]) -> bool:
    return any(name.name == each or name.name.startswith(f"{each}-") for each in doubtful)


def _not_live(lab: "Lab", compiled: Compiled, doubtful: Collection[str]) -> Iterator[str]:
    stacks: dict[str, Mapping[str, str]] = {}
    for item in compiled.tree:
        if item.id.kind != "routers" or _is_of(item.id, doubtful):
            continue
        stack = item.origin.stack or keys.NO_STACK
        if stack not in stacks:
            entry = lab.people.get(keys.routes_status_key(stack))
            status = StackRoutes.parse(entry.value) if entry is not None else None
            found = status.routes if status is not None else {}
            stacks[stack] = {name: route.state for name, route in found.items()}
        state = stacks[stack].get(f"{item.id.protocol}/{item.id.name}", "not told")
        if state != "live":
            yield f"the route {item.id.name} is {state}"
