"""`demo run`, which is `make run`: a swarm, a KV, an operator and what they do, until Ctrl-C."""

import dataclasses
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from desired_state import keys
from desired_state.records import OperatorStatus
from swarm_operator.cli import connect, output
from swarm_operator.cli.demo import ending, examples, found, place, quick_policy, viewer
from swarm_operator.cli.demo.operator_process import (
    LogLine,
    OperatorFailed,
    OperatorProcess,
    readable,
)
from swarm_operator.cli.demo.outlook import Forecast, Outlook
from swarm_operator.cli.demo.place import Place
from swarm_operator.cli.invocation import Invocation, pass_invocation
from swarm_operator.cli.upload import Refused
from swarm_operator.observed.errors import Conflict, OutsideError
from swarm_operator.runtime.ports import KvPort

LOG = "operator.log"


@click.command("run", short_help="Start it, and show it until Ctrl-C.")
@click.option(
    "--examples/--no-examples",
    "push_examples",
    default=None,
    envvar="EXAMPLES",
    help="Push the example stacks. Variable: EXAMPLES. Default: only to a simulated swarm.",
)
@click.option("--plain", is_flag=True, help="Lines instead of a picture, on a terminal too.")
@click.option(
    "--seed", type=click.IntRange(min=0), help="The same number: the same ids and chances."
)
@pass_invocation
def run_command(
    invocation: Invocation,
    /,
    push_examples: bool | None,
    plain: bool,
    seed: int | None,
) -> None:
    """Run an operator, and show what it sees and does, until Ctrl-C.

    It works on a simulated swarm of five nodes with a Consul KV inside of this process, needs
    neither Docker nor root, and leaves nothing behind. Where the settings (DOCKER_HOST and
    CONSUL_HTTP_ADDR, both) name a real swarm and its Consul, that one is observed: no operator is
    started, what one would do is planned, and nothing is written to the swarm or to Consul. Only
    with SWARM_OPERATOR_MODE an operator runs there: `observe` writes to Consul alone, `act` to both.
    """
    with ending.told() as stopping:
        with _place(invocation, seed, pushes_examples=bool(push_examples)) as where:
            click.echo(where.title)
            for remark in where.notes:
                output.note(remark)
            wants_examples = where.is_simulated if push_examples is None else push_examples
            _work(where, stopping, wants_examples=wants_examples, as_lines=_is_plain(plain))
        output.note(f"ended; {_left(where, wants_examples=wants_examples)}")


def _left(where: Place, *, wants_examples: bool) -> str:
    """What stays of it on a swarm and in a Consul that were there before."""
    left = []
    if not where.is_simulated and wants_examples:
        left.append(f"the example stacks below {keys.DESIRED}")
    if not where.is_simulated and not where.is_watched_only:
        left.append(
            f"{keys.DESIRED}{keys.INSTALLATION}, {keys.LOCK} and what is below {keys.STATUS}"
        )
    if not left:
        return "nothing is left behind"
    return f"left in Consul, below {where.settings.root}: {'; '.join(left)}"


def _is_plain(wished: bool) -> bool:
    return wished or not sys.stdout.isatty()


@contextmanager
def _place(invocation: Invocation, seed: int | None, *, pushes_examples: bool) -> Iterator[Place]:
    settings = invocation.settings()
    if place.is_real(settings):
        with place.real(settings, os.environ, pushes_examples=pushes_examples) as where:
            yield where
        return
    unused = [
        f"{settings.origins[field]} is not used: {other} is not given as well"
        for field, other in (("docker_host", "CONSUL_HTTP_ADDR"), ("consul_addr", "DOCKER_HOST"))
        if settings.origins[field] != "default"
    ]
    place.require_simulation()
    with place.simulated(os.environ, seed=seed) as where:
        yield dataclasses.replace(where, notes=tuple(unused))


def _work(where: Place, stopping: threading.Event, *, wants_examples: bool, as_lines: bool) -> None:
    operator = OperatorProcess(
        where.operator, where.folder / LOG, _tell if as_lines else _keep_quiet
    )
    connections = connect.Connections(kv_timeout_s=2.0)
    leader = "" if where.is_simulated else _leader(connections.kv(where.settings))
    try:
        if not leader and not where.is_watched_only:
            operator.start()
        if where.is_simulated:
            _note(where, operator).write(where.folder)
        header = _header(where, operator, leader)
        if as_lines:
            for line in header[1:]:
                click.echo(line)
        if where.is_simulated:
            quick_policy.push(connections.kv(where.settings), quick_policy.text())
        if wants_examples:
            _push_examples(where, connections, as_lines=as_lines)
        _show(where, operator, connections, header, stopping, as_lines=as_lines)
    except OperatorFailed as error:
        raise click.ClickException(str(error)) from None
    finally:
        operator.stop()


def _leader(kv: KvPort) -> str:
    """The operator that works there already, if any: one more might take the lease from it, and
    then only observe."""
    try:
        lock, entry = kv.get(keys.LOCK), kv.get(keys.OPERATOR_STATUS)
    except OutsideError:
        return ""
    if lock is None or lock.session is None:
        return ""
    status = OperatorStatus.parse(entry.value) if entry else None
    return (status.leader if status else "") or "another one"


def _show(
    where: Place,
    operator: OperatorProcess,
    connections: connect.Connections,
    header: Sequence[str],
    stopping: threading.Event,
    *,
    as_lines: bool,
) -> None:
    reader = viewer.SceneReader(
        connections.swarm(where.settings),
        lambda: connections.kv(where.settings),
        lambda: [*where.remarks(), *_deaths(operator)],
        _outlook(where, connections),
    )
    reader.start()
    try:
        if as_lines:
            viewer.show_lines(reader, stopping)
        else:
            viewer.show_picture(reader, header, stopping)
    finally:
        reader.stop()


def _outlook(where: Place, connections: connect.Connections) -> Callable[[], Outlook]:
    """Where no operator of ours works, what one would do; else its own status says it."""
    if not where.is_watched_only:
        return Outlook
    return Forecast(connections.kv(where.settings), connections.swarm(where.settings)).read


def _tell(line: LogLine) -> None:
    """Warnings of the operator's, as lines; the picture has no room for them."""
    if line.get("level") in {"warning", "error"}:
        click.echo(f"operator: {line.get('level')}: {readable(line)}")


def _keep_quiet(_line: LogLine) -> None:
    """The picture shows what matters, and the file has the rest."""


def _deaths(operator: OperatorProcess) -> Sequence[str]:
    if operator.exit_code is None:
        return ()
    return (f"the operator ended with exit code {operator.exit_code}; its log: {LOG}",)


def _note(where: Place, operator: OperatorProcess) -> found.Note:
    return found.Note(
        pid=os.getpid(),
        docker_host=where.settings.docker_host,
        consul_addr=where.settings.consul_addr,
        metrics=operator.metrics,
    )


def _header(where: Place, operator: OperatorProcess, leader: str) -> list[str]:
    """The first `live_view.KEPT_HEADER` lines are shown however small the terminal is."""
    settings = where.settings
    lines = [
        where.title,
        # A line each: one that is wrapped cannot be copied.
        f"  export DOCKER_HOST={settings.docker_host}",
        f"  export CONSUL_HTTP_ADDR={settings.consul_addr}",
        *_works(where, operator, leader),
    ]
    if where.is_simulated:
        lines += [
            f"  Traefik's API: {where.operator['SWARM_OPERATOR_TRAEFIK_API']}/api/http/routers",
            f"  trouble, from another terminal: {_own_name()} demo --help",
            f"  routes, with the variables above: {_own_name()} routes",
            f"  names (`x-operator.dns`): {_dig(where)}",
            "  (every other verb, docker and consul work with them as well)",
            "  after `demo kill worker-1` and `demo return worker-1` its tasks come home",
            "  within a minute, for desired/policy has small gates",
        ]
    return [*lines, "  Ctrl-C ends it all"]


def _dig(where: Place) -> str:
    """How to ask the world's own name server."""
    host, _, port = where.operator["SWARM_OPERATOR_DNS_NAMESERVERS"].partition(":")
    return f"dig @{host} -p {port} git.{where.operator['SWARM_OPERATOR_DNS_ZONES']}"


def _works(where: Place, operator: OperatorProcess, leader: str) -> list[str]:
    """Who works there."""
    if leader:
        return [
            f"  an operator leads there already ({leader}): it is watched, and none is started here"
        ]
    if where.is_watched_only:
        return ["  no operator is started: `swarm-operator plan` says in full what one would do"]
    return [f"  metrics: {operator.metrics}", f"  the operator's log: {where.folder / LOG}"]


def _own_name() -> str:
    """How this program can be called from this folder."""
    called = Path(sys.argv[0]).absolute()
    if shutil.which("swarm-operator") == str(called):
        return "swarm-operator"
    here = Path.cwd()
    return str(called.relative_to(here) if called.is_relative_to(here) else called)


def _push_examples(where: Place, connections: connect.Connections, *, as_lines: bool) -> None:
    kv = connections.kv(where.settings)
    folders = examples.folders()
    if not folders:
        output.warn("this installation came without the example stacks: push some of your own")
    for folder in folders:
        try:
            examples.push(kv, folder)
        except (Refused, Conflict, OutsideError) as problem:
            output.error(f"{folder.name}: {problem}")
        else:
            if as_lines:
                click.echo(f"pushed {folder}")
