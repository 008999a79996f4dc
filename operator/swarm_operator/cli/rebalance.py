"""`swarm-operator rebalance`: tasks where they should run; what would move, and why the rest does not."""

from datetime import UTC, datetime, timedelta

import click

from desired_state import keys
from desired_state.rebalance_records import RebalanceStatus
from desired_state.records import Request
from swarm_operator.cli import output, rebalance_view, request
from swarm_operator.cli.invocation import Invocation, WatchedKv, pass_invocation
from swarm_operator.cli.pause import moment
from swarm_operator.cli.rebalance_view import DryRun
from swarm_operator.cli.waiting import wait_options
from swarm_operator.observed.kv import Delete
from swarm_operator.plan.desired import read_stack
from swarm_operator.plan.rebalance import memory as remembered
from swarm_operator.plan.rebalance.moves import Question
from swarm_operator.plan.rebalance.planner import MOVES_SHOWN
from swarm_operator.plan.rebalance.recommendation import recommend, wish
from swarm_operator.plan.rebalance.survey import Documents, gates_of
from swarm_operator.plan.rebalance.wishes import Mobilities
from swarm_operator.plan.world import World
from swarm_operator.runtime.planner import noted_memory, read_world

_LONG_AGO = timedelta(days=2)
_PAUSE_KEY = keys.DESIRED + keys.request_key(keys.REBALANCE, keys.PAUSE)


@click.group(
    "rebalance", invoke_without_command=True, short_help="Move tasks to where they should run."
)
@click.option("--dry-run", is_flag=True, help="Show what would move, and why the rest does not.")
@output.format_option("table", "json")
@wait_options(what="Wait until nothing is left to move, or all that is waits.")
@click.pass_context
def command(
    ctx: click.Context, /, dry_run: bool, output_format: str, wait: bool, timeout_s: float
) -> None:
    """Move tasks to where they should run, now: neither the hold-off of nodes nor the watch over a node's
    first task is waited for.

    Everything that keeps tasks safe still holds: no move while a service is not as its document says,
    while nodes come or go, in quiet hours, or in a pause. Tasks are moved one at a time, each by one
    restart, and the old one serves until the new one does.

    `--dry-run` shows the moves in order, where Swarm will put each task, what it costs, and why
    everything else stays where it is. It writes nothing.

    `-o json` prints an object: with `--dry-run` what would move; else `asked` (always true), `paused`
    and `blocked` (a text each, or null: why nothing moves, or what stays as it is), and `taken` (with
    `--wait` true; else null).
    """
    if ctx.invoked_subcommand is not None:
        _refuse_what_is_not_of(ctx)
        return
    invocation = ctx.find_object(Invocation)
    assert invocation is not None
    if dry_run:
        _show(invocation, output_format)
        return
    kv = invocation.kv
    index = request.write(kv, keys.REBALANCE, keys.NOW)
    paused, blocked = _paused(kv), _blocked(kv)
    if output_format != "json":
        buts = [but for but in (paused, blocked and f"this stays as it is: {blocked}") if but]
        click.echo("; but ".join(["tasks are to be moved now", *buts]))
    if wait:
        request.wait_until_taken(kv, keys.REBALANCE, keys.NOW, index, timeout_s)
    if output_format == "json":
        taken = True if wait else None
        output.json({"asked": True, "paused": paused, "blocked": blocked, "taken": taken})
    elif wait:
        click.echo("nothing is left to move, or all that is waits: see `swarm-operator status`")


def _refuse_what_is_not_of(ctx: click.Context) -> None:
    """Options before a subcommand: `--dry-run pause` would really pause. Raises UsageError."""
    for option in ctx.command.params:
        source = ctx.get_parameter_source(option.name or "")
        if source is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"{option.opts[-1]} is none of `rebalance {ctx.invoked_subcommand}`: leave it out; "
                "nothing was written"
            )


def _paused(kv: WatchedKv) -> str | None:
    """What is asked for in a pause waits for its end."""
    entry = kv.get(_PAUSE_KEY)
    asked = Request.parse(entry.value) if entry is not None else None
    if asked is None or (asked.until is not None and asked.until <= datetime.now(UTC)):
        return None
    by = f" by {asked.who}" if asked.who else ""
    end = f"until {asked.until:%Y-%m-%d %H:%M:%S} UTC" if asked.until else "`rebalance resume`"
    return f"rebalancing is paused{by}: nothing moves before its end ({end})"


def _blocked(kv: WatchedKv) -> str | None:
    """Moves that can neither go on nor end, as the operator says it, with the way out."""
    entry = kv.get(keys.REBALANCE_STATUS)
    status = RebalanceStatus.parse(entry.value) if entry is not None else None
    return status.message if status is not None and status.state == "Blocked" else None


def _show(invocation: Invocation, output_format: str) -> None:
    now = datetime.now(UTC)
    mode = invocation.settings().mode
    world = read_world(invocation.kv, invocation.swarm, mode=mode.value, utc=now)
    for reason in (*world.incomplete, *world.desired.warnings):
        output.warn(reason)
    if world.incomplete:
        raise click.ClickException("nothing follows from a world that cannot be read whole")
    shown = dry_run(invocation, world)
    if output_format == "json":
        output.json(rebalance_view.as_json(shown))
    else:
        output.table(rebalance_view.as_text(shown))


def dry_run(invocation: Invocation, world: World) -> DryRun:
    """What the lease holder would do with this world."""
    entry = invocation.kv.get(keys.REBALANCE_STATUS)
    noted = RebalanceStatus.parse(entry.value) if entry is not None else None
    memory = remembered.looked(noted or RebalanceStatus(), world.swarm, world.utc)
    stacks = {
        name: read_stack(folder)
        for name, folder in world.desired.folders.items()
        if folder.pushing is None and not world.desired.is_removed(name)
    }
    specs = [stack.specs for stack in stacks.values() if stack.specs is not None]
    default = world.desired.policy.rebalance.default
    known = Mobilities(invocation.swarm.image_volumes).of(world.swarm, world.owner, specs, default)
    question = Question(
        known,
        frozenset(node_id for node_id, node in memory.nodes.items() if not node.balanced),
        remembered.returned_at(memory),
        remembered.moved_at(memory, world.swarm),
    )
    documents = Documents(world, stacks, noted_memory(invocation.kv).of)
    gates = gates_of(world, memory, world.utc - _LONG_AGO, documents)
    wished = wish(world.swarm, world.utc, question, gates, MOVES_SHOWN)
    found = recommend(world.swarm, world.utc, question, wished, gates)
    return DryRun(found, {node.id: node.hostname for node in world.swarm.nodes}, world.utc)


@command.command("pause", short_help="Nothing is moved, until `rebalance resume`.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; shown wherever it matters.")
@click.option(
    "--until",
    callback=moment,
    metavar="RFC3339|2h",
    help="When it ends by itself; without it only `rebalance resume` ends it.",
)
@pass_invocation
def pause(invocation: Invocation, /, reason: str, until: datetime | None) -> None:
    """No move begins any more. One that is under way comes to its end, for half a move is worse."""
    if not reason.strip():
        raise click.UsageError("--reason is empty: say why, others will ask")
    request.write(invocation.kv, keys.REBALANCE, keys.PAUSE, reason=reason.strip(), until=until)
    end = f"{until:%Y-%m-%d %H:%M:%S} UTC" if until else "`rebalance resume`"
    click.echo(f"rebalancing: paused until {end}")


@command.command("resume", short_help="End the pause of rebalancing.")
@pass_invocation
def resume(invocation: Invocation, /) -> None:
    """End the pause: what waited moves when its gates are open."""
    entry = invocation.kv.get(_PAUSE_KEY)
    if entry is None:
        click.echo("rebalancing: was not paused")
        return
    invocation.kv.commit([Delete(_PAUSE_KEY, index=entry.modify_index)])
    ended = Request.parse(entry.value) or Request()
    by = f" by {ended.who}" if ended.who else ""
    reason = f": {ended.reason}" if ended.reason else ""
    click.echo(f"rebalancing: resumed; it was paused{by}{reason}")
