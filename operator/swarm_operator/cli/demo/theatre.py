"""Plays acts one after another on one stage, and tells how each went."""

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import click

from swarm_operator.cli.demo import acts, served, shop
from swarm_operator.cli.demo.acts import Act
from swarm_operator.cli.demo.operator_process import OperatorFailed
from swarm_operator.cli.demo.stage import ActFailed, Stage
from swarm_operator.observed.errors import OutsideError
from swarm_operator.simulation.engine.component import Tempo

QUICKER: Final = 4.0
QUICK: Final = Tempo(heartbeat_s=Tempo().heartbeat_s / QUICKER)
"""The clock keeps its pace, for the operator's runs beside it: a lost node is noticed sooner."""


def play(
    environment: Mapping[str, str], *, chosen: Collection[int], seed: int, fast: bool
) -> list[int]:
    """The numbers of the acts that did not hold."""
    with served.world(environment, seed=seed, tempo=QUICK if fast else None) as faces:
        stage = Stage(faces, QUICKER if fast else 1.0, environment)
        click.echo(
            f"A simulated swarm of five nodes (seed {seed}), a Consul KV and an operator, "
            "all on this machine."
        )
        try:
            stage.start_operator()
            return played(stage, [act for act in acts.ACTS if act.number in chosen])
        except (ActFailed, OutsideError, OperatorFailed, TimeoutError) as error:
            raise click.ClickException(f"the story cannot begin: {error}") from None
        finally:
            stage.stop_operators()


def played(stage: Stage, wanted: Sequence[Act]) -> list[int]:
    """Plays these acts, and gives the numbers of those that did not hold."""
    if wanted and wanted[0].number > 1:
        shop.prologue(stage)
    failed = []
    for act in wanted:
        click.echo(f"\nAct {act.number}: {act.title}")
        started = time.monotonic()
        problem = _problem(stage, act)
        took = f"{time.monotonic() - started:.1f} s"
        if problem:
            failed.append(act.number)
            click.echo(f"  {click.style('FAILED', fg='red')}    {problem} ({took})")
        else:
            click.echo(f"  {click.style('ok', fg='green')}        ({took})")
    return failed


def _problem(stage: Stage, act: Act) -> str:
    try:
        act.play(stage)
    except ActFailed as failure:
        return str(failure)
    except (OutsideError, OperatorFailed, TimeoutError) as error:
        return f"{type(error).__name__}: {error}"
    ended = [each.exit_code for each in stage.operators if each.exit_code not in (None, -9)]
    return f"an operator ended by itself with exit code {ended[0]}" if ended else ""
