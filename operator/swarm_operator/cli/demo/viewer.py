"""Reads what the live view shows, and shows it: a picture on a terminal, lines elsewhere."""

import shutil
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import click
from rich.console import Console
from rich.live import Live

from desired_state import keys
from desired_state.records import Event
from swarm_operator.cli import events as events_view
from swarm_operator.cli import live_lines, live_view, stacks_view
from swarm_operator.cli.demo.outlook import Outlook, with_outlook
from swarm_operator.cli.live_view import Scene
from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.kv import KvEntry, KvTree
from swarm_operator.observed.swarm import Swarm
from swarm_operator.runtime.ports import SwarmPort
from swarm_operator.watch.kv import KvSource, KvWatch

REFRESH_S: Final = 0.5
"""Swarm sends no event when a task changes: whoever wants to see tasks move has to look."""
_LOCK_PREFIX: Final = f"{keys.LOCK.partition('/')[0]}/"
_STOP_S: Final = 0.5


class SceneReader:
    """Keeps what it read last: the KV by blocking reads in threads, the swarm when asked."""

    def __init__(
        self,
        swarm: SwarmPort,
        new_kv: Callable[[], KvSource],
        remarks: Callable[[], Sequence[str]] = lambda: (),
        outlook: Callable[[], Outlook] = Outlook,
    ) -> None:
        """`new_kv` makes connections, one for each watch; `remarks` says what else is to be known,
        `outlook` what is to be said of stacks that no operator has looked at."""
        self._swarm = swarm
        self._remarks = remarks
        self._outlook = outlook
        self._last_swarm: Swarm | None = None
        self._trees: dict[str, KvTree] = {}
        self._kv_problem = ""
        self._watches = [
            KvWatch(new_kv(), prefix, self._keeper(prefix), self._failed)
            for prefix in (keys.STATUS, _LOCK_PREFIX, keys.DESIRED)
        ]

    def start(self) -> None:
        for watch in self._watches:
            watch.start()

    def stop(self) -> None:
        """Ends the threads."""
        for watch in self._watches:
            watch.stop(_STOP_S)

    def read(self) -> Scene:
        """The present. What cannot be read is said among the problems."""
        problems = self._said()
        if self._kv_problem:
            problems.append(f"the KV cannot be read: {self._kv_problem}")
        try:
            last = self._last_swarm
            self._last_swarm = self._swarm.read_progress(last) if last else self._swarm.read()
        except OutsideError as error:
            self._last_swarm = None
            problems.append(f"the swarm cannot be read: {error}")
        outlook = self._outlook()
        problems += outlook.problems
        stacks = self._stacks()
        if stacks is not None:
            stacks = with_outlook(stacks, outlook)
        return Scene(self._last_swarm, stacks, self._events(), tuple(problems))

    def _said(self) -> list[str]:
        try:
            return [*self._remarks()]
        except (TimeoutError, RuntimeError) as error:  # busy, or its loop has ended
            return [str(error) or "the simulated world does not answer"]

    def _keeper(self, prefix: str) -> Callable[[KvTree], None]:
        def keep(tree: KvTree) -> None:
            self._kv_problem = ""
            self._trees[prefix] = tree

        return keep

    def _failed(self, error: OutsideError) -> None:
        self._kv_problem = str(error)

    def _stacks(self) -> stacks_view.View | None:
        status, desired = self._trees.get(keys.STATUS), self._trees.get(keys.DESIRED)
        lock = self._trees.get(_LOCK_PREFIX)
        if status is None or desired is None or lock is None:
            return None
        held: KvEntry | None = lock.entries.get(keys.LOCK.removeprefix(_LOCK_PREFIX))
        return stacks_view.view(status, held, desired.entries)

    def _events(self) -> tuple[Event, ...]:
        status = self._trees.get(keys.STATUS)
        below = events_view.RING_PREFIX.removeprefix(keys.STATUS)
        if status is None:
            return ()
        ring = {key: value for key, value in status.entries.items() if key.startswith(below)}
        return tuple(events_view.in_order(ring))


def show_picture(reader: SceneReader, header: Sequence[str], stopping: threading.Event) -> None:
    """The whole terminal, drawn anew twice a second, until `stopping`."""
    console = Console(highlight=False, markup=False)
    with Live(console=console, screen=True, auto_refresh=False, transient=True) as live:
        while not stopping.is_set():
            height = shutil.get_terminal_size().lines
            scene = reader.read()
            if stopping.is_set():
                return
            live.update(live_view.picture(scene, header, datetime.now(UTC), height), refresh=True)
            stopping.wait(REFRESH_S)


def show_lines(reader: SceneReader, stopping: threading.Event) -> None:
    """A line with its time for everything that changed, until `stopping`."""
    _wait_for_a_leader(reader, stopping)
    before = Scene()
    while not stopping.is_set():
        scene = reader.read()
        for line in live_lines.lines(before, scene):
            click.echo(f"{datetime.now(UTC):%H:%M:%S} {line}")
        before = scene
        stopping.wait(REFRESH_S)


def _wait_for_a_leader(reader: SceneReader, stopping: threading.Event) -> None:
    """Nobody leads at the very beginning: nothing to tell people, unless it stays so."""
    for _ in range(6):
        stacks = reader.read().stacks
        if (stacks is not None and stacks.is_led) or stopping.wait(REFRESH_S):
            return
