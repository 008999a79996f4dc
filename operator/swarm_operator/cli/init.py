"""`swarm-operator init`: the sentinel that ties a KV and a swarm together."""

import secrets
import uuid
from collections.abc import Iterator

import click

from desired_state import keys
from desired_state.records import SCHEMA_VERSION, Installation
from swarm_operator.cli import output
from swarm_operator.cli.invocation import Invocation, pass_invocation
from swarm_operator.observed.errors import Conflict
from swarm_operator.observed.kv import KvEntry, Put
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.ownership import INSTALLATION_LABEL
from swarm_operator.runtime.ports import KvPort

SENTINEL = keys.DESIRED + keys.INSTALLATION


@click.command("init", short_help="Tie a KV and a swarm together, once.")
@click.option("--recover", is_flag=True, help="Make a lost sentinel again, or bind it anew.")
@click.option("--installation", metavar="ID", help="With --recover: this id of several.")
@pass_invocation
def command(invocation: Invocation, /, recover: bool, installation: str | None) -> None:
    """Tie this KV and this swarm together, once, before the first push.

    Writes desired/.installation. With --recover, after the loss of the KV: the same installation
    again, by the labels that it left on the swarm; and where the KV was bound to another swarm, it
    is bound to this one.
    """
    if installation and not recover:
        raise click.UsageError("--installation goes with --recover")
    swarm = _whole(invocation.swarm.read())
    kv = invocation.kv
    entry = kv.get(SENTINEL)
    if entry is not None:
        _existing(kv, entry, swarm, recover)
        return
    found = sorted(set(_installations(swarm)))
    if recover:
        _write(kv, _new(_chosen(found, installation), swarm.cluster_id), 0)
        click.echo(
            f"Recovered: {SENTINEL} names installation {_chosen(found, installation)} and swarm "
            f"{swarm.cluster_id} again. Push your stacks; services that did not change will not "
            "restart."
        )
        return
    if found:
        raise click.ClickException(
            f"this swarm has objects of installation {', '.join(found)}, and the KV has no "
            f"{SENTINEL}: `init --recover` makes it again"
        )
    made = _new(str(uuid.uuid4()), swarm.cluster_id)
    _write(kv, made, 0)
    click.echo(f"Initialised: installation {made.installation} on swarm {swarm.cluster_id}.")


def _existing(kv: KvPort, entry: KvEntry, swarm: Swarm, recover: bool) -> None:
    known = Installation.parse(entry.value)
    if known is None:
        raise click.ClickException(
            f"{SENTINEL} exists and cannot be read: restore it from a backup, or delete it and run "
            "`init --recover`"
        )
    if known.schema_version > SCHEMA_VERSION:
        raise click.ClickException(
            f"{SENTINEL} has schema {known.schema_version}, this version knows {SCHEMA_VERSION}: "
            "use a newer swarm-operator"
        )
    is_bound_here = known.swarm == swarm.cluster_id
    if not recover:
        hint = "" if is_bound_here else "; `init --recover` binds it to this swarm"
        raise click.ClickException(
            f"{SENTINEL} exists: installation {known.installation}, bound to "
            f"{'this swarm' if is_bound_here else f'another swarm ({known.swarm})'}{hint}"
        )
    if is_bound_here:
        click.echo(f"Nothing to recover: installation {known.installation} is bound to this swarm.")
        return
    _write(kv, known.model_copy(update={"swarm": swarm.cluster_id}), entry.modify_index)
    click.echo(
        f"Bound anew: installation {known.installation} was on swarm {known.swarm} and is now on "
        f"{swarm.cluster_id}."
    )


def _whole(swarm: Swarm) -> Swarm:
    if swarm.incomplete:
        raise click.ClickException(
            f"the swarm cannot be read as a whole now: {'; '.join(swarm.incomplete)}"
        )
    if not swarm.cluster_id:
        raise click.ClickException("the engine does not say which swarm it belongs to")
    return swarm


def _installations(swarm: Swarm) -> Iterator[str]:
    for items in (swarm.services, swarm.networks, swarm.configs, swarm.secrets):
        for item in items:
            if item.labels.get(INSTALLATION_LABEL):
                yield item.labels[INSTALLATION_LABEL]


def _chosen(found: list[str], wished: str | None) -> str:
    if wished is not None:
        if wished not in found:
            output.warn(f"nothing on this swarm carries the label of installation {wished}")
        return wished
    if not found:
        raise click.ClickException(
            "nothing on this swarm carries a label of swarm-operator: use `init` without --recover"
        )
    if len(found) > 1:
        listed = "".join(f"\n  {each}" for each in found)
        raise click.ClickException(
            f"objects of several installations are on this swarm; choose with --installation:{listed}"
        )
    return found[0]


def _new(installation: str, swarm_id: str) -> Installation:
    # The key of an earlier sentinel is lost with it; a new one only means that secrets cannot be
    # compared with what was there before.
    return Installation(
        schema=SCHEMA_VERSION,
        installation=installation,
        swarm=swarm_id,
        key=secrets.token_hex(32),
    )


def _write(kv: KvPort, sentinel: Installation, index: int) -> None:
    try:
        kv.commit([Put(SENTINEL, sentinel.encode(), index=index)])
    except Conflict:
        raise click.ClickException(f"somebody else wrote {SENTINEL} just now: look again") from None
