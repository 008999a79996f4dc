"""`demo nodes|kill|return|cut|reconnect|leader`: the machines of a simulated swarm."""

from collections.abc import Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem
from rich.table import Table
from rich.text import Text

from swarm_operator.cli import output
from swarm_operator.cli.demo.world_client import the_world
from swarm_operator.cli.invocation import Invocation, pass_invocation


def _complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    root = ctx.find_root()
    flags = {name: value for name, value in root.params.items() if name != "config"}
    try:
        state = the_world(Invocation(root.params.get("config"), flags, root.obj)).state()
    except Exception:  # noqa: BLE001 - nobody wants to read an error while typing
        return []
    names = [node["hostname"] for node in state["nodes"]]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


_node_argument = click.argument("node", shell_complete=_complete)


@click.command("nodes", short_help="Show the simulated nodes.")
@output.format_option("table", "json")
@pass_invocation
def nodes_command(invocation: Invocation, /, output_format: str) -> None:
    """Show the simulated nodes, as their machines stand and as the managers see them.

    They differ for a while: Swarm takes a node for lost after 10 to 16 s without a heartbeat.
    """
    state = the_world(invocation).state()
    if output_format == "json":
        output.json(state["nodes"])
    else:
        output.table(_table(state["nodes"]))
        for face in state["frozen"]:
            output.warn(f"{face} is frozen; `demo thaw {face}` lets it go on")


def _table(nodes: Sequence[Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("NODE", "ROLE", "MACHINE", "STATE", "AVAILABILITY", "TASKS", "LABELS"):
        table.add_column(column, no_wrap=True)
    for node in nodes:
        machine = "on" if node["power"] else "off"
        if node["power"] and not node["cable"]:
            machine = "on, cable out"
        is_well = machine == "on" and node["state"] == "ready"
        table.add_row(
            node["hostname"],
            node["role"],
            Text(machine, "" if machine == "on" else "red"),
            Text(node["state"], "" if is_well else "yellow"),
            node["availability"],
            str(node["tasks"]),
            " ".join(f"{key}={value}" for key, value in sorted(node["labels"].items())),
        )
    return table


@click.command("kill", short_help="Power a node off.")
@_node_argument
@pass_invocation
def kill_command(invocation: Invocation, /, node: str) -> None:
    """Power NODE off, with everything that runs on it.

    Swarm notices after 10 to 16 s and starts its tasks elsewhere; the operator has nothing to
    write, and says `Degraded` meanwhile.
    """
    the_world(invocation).send("POST", "nodes", node, "kill")
    click.echo(f"{node} is off; `demo return {node}` switches it on again")


@click.command("return", short_help="Power a node on again.")
@_node_argument
@pass_invocation
def return_command(invocation: Invocation, /, node: str) -> None:
    """Power NODE on again: it joins within two seconds.

    Swarm moves nothing back to it; the operator does, once the node was steady for the policy's
    hold-off (`swarm-operator rebalance --dry-run` says what waits for what).
    """
    the_world(invocation).send("POST", "nodes", node, "return")
    click.echo(f"{node} is on")


@click.command("cut", short_help="Pull a node's cable.")
@_node_argument
@pass_invocation
def cut_command(invocation: Invocation, /, node: str) -> None:
    """Pull the cable of NODE: its containers run on, unseen, while Swarm starts others elsewhere."""
    the_world(invocation).send("POST", "nodes", node, "cut")
    click.echo(f"{node} is cut off; `demo reconnect {node}` puts the cable back")


@click.command("reconnect", short_help="Put a node's cable back.")
@_node_argument
@pass_invocation
def reconnect_command(invocation: Invocation, /, node: str) -> None:
    """Put the cable of NODE back: it stops what it should not run any more."""
    the_world(invocation).send("POST", "nodes", node, "reconnect")
    click.echo(f"{node} is connected")


@click.command("leader", short_help="Let another manager lead.")
@pass_invocation
def leader_command(invocation: Invocation, /) -> None:
    """Let the leading manager step down; another one takes over, and looks at everything anew."""
    state = the_world(invocation).send("POST", "leader")
    leader = next((n["hostname"] for n in state["nodes"] if n["role"] == "leader"), "nobody yet")
    click.echo(f"leader: {leader}")
