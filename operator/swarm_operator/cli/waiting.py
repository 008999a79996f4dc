"""`--wait` and `--timeout`, and how both are told to a verb."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import click

from swarm_operator.settings import values

Function = TypeVar("Function", bound=Callable[..., Any])


def _duration(_ctx: click.Context, _param: click.Parameter, value: str) -> float:
    try:
        return values.duration(0.001, 86400)(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a duration such as 30s or 5m") from None


def wait_options(
    *, timeout: str = "60s", what: str = "Wait until the operator took it."
) -> Callable[[Function], Function]:
    """Adds the parameters `wait` and `timeout_s`."""

    def decorated(function: Function) -> Function:
        function = click.option(
            "--timeout",
            "timeout_s",
            callback=_duration,
            default=timeout,
            show_default=True,
            metavar="DURATION",
            help="With --wait: how long.",
        )(function)
        return click.option("--wait", is_flag=True, help=what)(function)

    return decorated


def after_an_outage() -> None:
    """Before the next try of what did not answer: there is no event to wait for."""
    threading.Event().wait(1.0)
