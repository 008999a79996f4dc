"""`swarm-operator why`: one service, in sentences."""

import difflib
from collections.abc import Mapping
from datetime import UTC, datetime

import click

from desired_state import keys
from desired_state.rebalance_records import RebalanceService, RebalanceStatus
from desired_state.records import SpecMemory, SpecRecord, StackStatus
from desired_state.route_records import StackRoutes
from swarm_operator.cli import events, explanation, kv_folder, output, routes_view
from swarm_operator.cli.completion import complete_service
from swarm_operator.cli.explanation import Evidence, Live
from swarm_operator.cli.invocation import Invocation, WatchedKv, pass_invocation
from swarm_operator.cli.kv_folder import KvFolder
from swarm_operator.observed.errors import OutsideError
from swarm_operator.plan.health import service_health
from swarm_operator.plan.redact import Redaction, values_of_live
from swarm_operator.plan.stack import owned_services, owned_tasks
from swarm_operator.runtime.planner import noted_memory, plan_world, read_world


@click.command("why", short_help="Say why a service is as it is.")
@click.argument(
    "names", nargs=-1, required=True, metavar="STACK_SERVICE|STACK SERVICE",
    shell_complete=complete_service,
)  # fmt: skip
@output.format_option("text", "json")
@pass_invocation
def command(invocation: Invocation, /, names: tuple[str, ...], output_format: str) -> None:
    """Say why a service is as it is: its state and its tasks' error, what is held back and why,
    whether its spec was rejected, what the operator did to it last and for what cause, who pushed.

    Docker is asked too where it can be reached; without it the answer is what the operator wrote.
    """
    kv = invocation.kv
    stack, service = _found(kv, names)
    evidence = _evidence(invocation, stack, service)
    if output_format == "json":
        output.json(explanation.as_json(evidence))
        return
    for line in explanation.sentences(evidence, datetime.now(UTC)):
        click.echo(line)


def _found(kv: WatchedKv, names: tuple[str, ...]) -> tuple[str, str]:
    """Stack and full name of the service. Raises click.UsageError or click.ClickException."""
    if len(names) > 2:
        raise click.UsageError("name one service: STACK_SERVICE, or STACK SERVICE")
    services = _of_statuses(kv)
    if found := _match(names, services):
        return found
    services = {**_of_documents(kv), **services}
    if found := _match(names, services):
        return found
    if of_stack := sorted(each for each, stack in services.items() if stack == names[0]):
        raise click.ClickException(f"{names[0]} is a stack; its services are {', '.join(of_stack)}")
    wished = "_".join(names).replace("/", "_")
    near = difflib.get_close_matches(wished, sorted(services), 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise click.ClickException(f"no stack has a service {wished}{hint}")


def _match(names: tuple[str, ...], services: Mapping[str, str]) -> tuple[str, str] | None:
    first, slash, rest = names[0].partition("/")
    if not slash and len(names) == 1:
        return (services[first], first) if first in services else None
    stack, service = first, rest or names[-1]
    name = f"{stack}_{service.removeprefix(f'{stack}_')}"
    return (stack, name) if services.get(name) == stack else None


def _of_statuses(kv: WatchedKv) -> dict[str, str]:
    """The stack of each service that the operator knows."""
    found: dict[str, str] = {}
    for stack, entry in kv.read(keys.stack_status_key("")).entries.items():
        status = StackStatus.parse(entry.value)
        found.update(dict.fromkeys(status.services if status is not None else (), stack))
    return found


def _of_documents(kv: WatchedKv) -> dict[str, str]:
    """The stack of each service that a document names: no operator may have looked at it yet."""
    keys_ = (f"{keys.STACKS}{key}" for key in kv.read(keys.DESIRED + keys.STACKS).entries)
    stacks = {parsed.stack for key in keys_ if (parsed := keys.parse_stack_key(key))}
    found: dict[str, str] = {}
    for stack in stacks:
        specs = kv_folder.read(kv, stack).parsed.specs
        found.update(dict.fromkeys(specs.services if specs is not None else (), stack))
    return found


def _evidence(invocation: Invocation, stack: str, service: str) -> Evidence:
    kv = invocation.kv
    folder = kv_folder.read(kv, stack)
    entry = kv.get(keys.stack_status_key(stack))
    memory = kv.get(keys.spec_memory_key(stack))
    record = SpecMemory.parse(memory.value) if memory is not None else None
    every = events.in_order(kv.read(events.RING_PREFIX).entries, stack)
    holder = kv.get(keys.LOCK)
    moves = _moves(kv, service)
    live, unreachable = None, ""
    try:
        live = _live(invocation, folder, service)
    except OutsideError as error:
        unreachable = str(error)
    return Evidence(
        stack=stack,
        service=service,
        is_led=holder is not None and holder.session is not None,
        status=StackStatus.parse(entry.value) if entry is not None else None,
        memory=(record.services.get(service) if record is not None else None) or SpecRecord(),
        events=tuple(event for event in every if event.name == service),
        pushed=folder.pushed,
        is_as_pushed=folder.is_as_pushed,
        problems=folder.parsed.problems,
        is_in_document=folder.parsed.specs is not None and service in folder.parsed.specs.services,
        live=live,
        unreachable=unreachable,
        moves=moves.message,
        ends_a_move=moves.ends_a_move,
        routes=tuple(_routes(kv, stack, service)),
    )


def _routes(kv: WatchedKv, stack: str, service: str) -> list[str]:
    entry = kv.get(keys.routes_status_key(stack))
    record = StackRoutes.parse(entry.value) if entry is not None else None
    return routes_view.of_service(record, service)


def _moves(kv: WatchedKv, service: str) -> RebalanceService:
    entry = kv.get(keys.REBALANCE_STATUS)
    status = RebalanceStatus.parse(entry.value) if entry is not None else None
    known = status.services.get(service) if status is not None else None
    return known if known is not None else RebalanceService()


def _live(invocation: Invocation, folder: KvFolder, service: str) -> Live:
    """What Docker says of the service, and what the operator would do about it now."""
    now = datetime.now(UTC)
    world = read_world(invocation.kv, invocation.swarm, mode="act", utc=now)
    report = plan_world(world, noted_memory(invocation.kv), (folder.stack,))
    specs = folder.parsed.specs
    running = owned_services(folder.stack, world.swarm, world.owner)
    known = Redaction.of(specs).values if specs is not None else frozenset()
    redaction = Redaction(known | values_of_live(running, owned_tasks(running, world.swarm), specs))
    found = world.swarm.services_by_name.get(service)
    health = None
    if found is not None:
        tasks = world.swarm.tasks_by_service.get(found.id, ())
        health = service_health(found, tasks, world.swarm.nodes_by_id, now)
    plans = [plan for plan in report.plans if plan.stack == folder.stack]
    return Live(
        health=health,
        message=redaction.scrub(health.message) if health is not None else "",
        actions=tuple(a for plan in plans for a in plan.actions if a.name == service),
        held=tuple(h for plan in plans for h in plan.held if h.action.name == service),
        findings=tuple(f for plan in plans for f in plan.findings),
        incomplete=report.incomplete,
    )
