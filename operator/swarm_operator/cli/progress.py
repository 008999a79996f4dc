"""A rollout's progress on standard error: a table that moves on a terminal, lines elsewhere."""

import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from desired_state.records import StackStatus
from swarm_operator.cli import output
from swarm_operator.cli.stacks_view import colour_of

UNSEEN = "the operator has not seen it yet"


def headline(status: StackStatus | None) -> str:
    """A status in one line."""
    if status is None:
        return UNSEEN
    reason = f" ({status.reason})" if status.reason else ""
    message = " ".join(status.message.split())
    return f"{status.state}{reason}" + (f": {message}" if message else "")


class Progress:
    """As a context manager it cleans up the terminal after itself."""

    def __init__(self, stacks: Sequence[str]) -> None:
        self._last: dict[str, str] = dict.fromkeys(stacks, UNSEEN)
        self._live: Live | None = None
        if sys.stderr.isatty():
            console = Console(stderr=True, highlight=False, markup=False)
            self._live = Live(console=console, transient=True, auto_refresh=False)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, statuses: Mapping[str, StackStatus | None]) -> None:
        """How the stacks stand now; without a terminal only what is new."""
        if self._live is not None:
            self._live.update(_table(statuses), refresh=True)
            return
        for stack, status in statuses.items():
            self.say(f"{stack}: {headline(status)}", stack)

    def say(self, text: str, about: str = "") -> None:
        """A line, unless it is the one that was said last about the same."""
        if self._last.get(about) == text or text.endswith(UNSEEN):
            return
        self._last[about] = text
        if self._live is not None:
            self._live.console.print(text)
        else:
            output.note(text)


def _table(statuses: Mapping[str, StackStatus | None]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("STACK", "STATE", "TASKS", "MESSAGE"):
        table.add_column(column, overflow="fold", no_wrap=column != "MESSAGE")
    for stack, status in statuses.items():
        if status is None:
            table.add_row(stack, "…", "", UNSEEN)
            continue
        state = Text(status.state, colour_of(status.state))
        table.add_row(stack, state, "", " ".join(status.message.split()))
        for name, service in sorted(status.services.items()):
            state = Text(service.state, colour_of(service.state))
            tasks = f"{_bar(service.running, service.wanted)} {service.running}/{service.wanted}"
            table.add_row(f"  {name.removeprefix(f'{stack}_')}", state, tasks, service.message)
    return table


def _bar(running: int, wanted: int) -> str:
    filled = 10 * min(running, wanted) // wanted if wanted else 10
    return "█" * filled + "░" * (10 - filled)
