"""`demo story`, which is `make story`: a guided tour that ends by itself."""

import os
import time

import click

from swarm_operator.cli.demo import ending, place
from swarm_operator.cli.invocation import Invocation, pass_invocation


@click.command("story", short_help="A guided tour that ends by itself.")
@click.option(
    "--act", "chosen", type=int, multiple=True, metavar="N", help="Only this one; may be repeated."
)
@click.option(
    "--fast",
    is_flag=True,
    help="Lost nodes are noticed sooner than on a real swarm, and waits are shorter.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@pass_invocation
def story_command(
    _invocation: Invocation, /, chosen: tuple[int, ...], fast: bool, seed: int
) -> None:
    """Show what the operator promises, act by act, on a simulated swarm; two and a half minutes.

    Each act says what it does, what it expects and what it measured. Exit code 0: every act held;
    1: one did not.
    """
    place.require_simulation()
    from swarm_operator.cli.demo import acts, theatre  # noqa: PLC0415 - these need aiohttp

    known = [act.number for act in acts.ACTS]
    if wrong := [number for number in chosen if number not in known]:
        raise click.UsageError(f"there is no act {wrong[0]}: they are 1 to {known[-1]}")
    ending.raise_on_signals()
    started = time.monotonic()
    failed = theatre.play(os.environ, chosen=chosen or known, seed=seed, fast=fast)
    took_s = time.monotonic() - started
    if failed:
        numbers = ", ".join(map(str, failed))
        click.echo(f"\nFAILED: act {numbers} ({took_s:.0f} s)")
        raise click.exceptions.Exit(1)
    click.echo(f"\nok: every act held ({took_s:.0f} s)")
