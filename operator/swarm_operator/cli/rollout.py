"""`--wait` of `push` and `rollback`: how a rollout goes, and how it ended.

Only the operator's status is asked. It names the revision that it speaks of, so that what was said
of an older one is not taken for the end.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import click

from desired_state import keys
from desired_state.records import SpecMemory, StackStatus
from swarm_operator.cli import kv_folder, output, waiting
from swarm_operator.cli.invocation import WatchedKv
from swarm_operator.cli.progress import Progress, headline
from swarm_operator.cli.upload import Upload
from swarm_operator.observed.errors import Unavailable
from swarm_operator.observed.kv import KvEntry

HELP: Final = "Follow the rollout; the exit code is its verdict."
EXIT_CODES: Final[Mapping[int, str]] = {
    3: "with `--wait`: not decided within the timeout (converging, paused, or waiting for a person)",
}

SETTLE_S: Final = 2.0
"""A verdict must stand so long: the operator writes a status at most once a second, and the first
moments after a write to the swarm look like those before it."""
ONE_WAIT_S: Final = 30.0

_FAILED: Final = frozenset({"Invalid", "Blocked", "Failed"})
_LOOK_AGAIN_S: Final = 1.0


class Verdict(IntEnum):
    """How a rollout ended, as an exit code."""

    READY = 0
    FAILED = 1
    UNDECIDED = 3


@dataclass(frozen=True, slots=True)
class Goal:
    """What is waited for."""

    stack: str
    revision: str
    is_new: bool = True
    """Whether anything was written: if not, what the status says now is already the end."""
    index: int = 0
    """The KV's index of the write: no status of before says anything about it."""


def goal(kv: WatchedKv, stack: str, done: Upload) -> Goal:
    """That the operator gets the folder in the KV going, as it is after an upload.

    Its revision is that of the KV's folder, which may hold more than the one on disk.
    """
    parsed = kv_folder.parse(stack, done.result)
    revision = parsed.specs.revision if parsed.specs is not None else ""
    marker = kv.get(keys.DESIRED + keys.stack_key(stack, keys.PUSHED))
    index = marker.modify_index if marker is not None else 0
    return Goal(stack, revision, is_new=bool(done.transactions), index=index)


def judge(goal: Goal, entry: KvEntry | None, *, is_rejected: bool) -> Verdict:
    """What one status says about a goal.

    `is_rejected`: a spec of the stack's present document is noted as rejected. A service may be
    seen rolling back from an older one while the new one is on its way.
    """
    status = StackStatus.parse(entry.value) if entry is not None else None
    if entry is None or status is None:
        return Verdict.UNDECIDED
    if status.revision != goal.revision:
        # A refused document has no revision: its status goes on naming the last good one.
        is_about_us = status.state in _FAILED and entry.modify_index > goal.index
        return Verdict.FAILED if is_about_us else Verdict.UNDECIDED
    if status.state == "Ready":
        return Verdict.READY
    is_back = status.reason == "RolledBack" and is_rejected
    is_stuck = status.state == "Degraded" and (is_back or status.reason == "UpdatePaused")
    return Verdict.FAILED if status.state in _FAILED or is_stuck else Verdict.UNDECIDED


def _is_rejected(kv: WatchedKv, stack: str, entry: KvEntry | None) -> bool:
    """Asked only where it matters. Raises what the KV raises."""
    status = StackStatus.parse(entry.value) if entry is not None else None
    if status is None or status.reason != "RolledBack":
        return False
    memory = kv.get(keys.spec_memory_key(stack))
    record = SpecMemory.parse(memory.value) if memory is not None else None
    return record is not None and any(spec.rejected for spec in record.services.values())


class _Waiting:
    """Verdicts, and since when each stands."""

    def __init__(self, goals: Sequence[Goal]) -> None:
        self.goals = goals
        self._standing: dict[str, tuple[Verdict, float]] = {}

    def see(self, kv: WatchedKv, entries: Mapping[str, KvEntry], now: float) -> None:
        """Raises what the KV raises."""
        for goal in self.goals:
            entry = entries.get(goal.stack)
            verdict = judge(goal, entry, is_rejected=_is_rejected(kv, goal.stack, entry))
            if self._standing.get(goal.stack, (None, 0.0))[0] != verdict:
                self._standing[goal.stack] = verdict, now

    def decided(self, goal: Goal, now: float) -> Verdict:
        verdict, since = self._standing.get(goal.stack, (Verdict.UNDECIDED, now))
        has_settled = not goal.is_new or now - since >= SETTLE_S
        return verdict if has_settled else Verdict.UNDECIDED

    def next_at(self, now: float) -> float | None:
        """When a verdict that stands will have settled."""
        times = [
            since + SETTLE_S
            for verdict, since in self._standing.values()
            if verdict is not Verdict.UNDECIDED and since + SETTLE_S > now
        ]
        return min(times, default=None)


def follow(kv: WatchedKv, goals: Sequence[Goal], timeout_s: float) -> int:
    """Show the way to the goals until all are decided or the time is over; the exit code.

    The worst counts: a failure before what is undecided. Raises Denied.
    """
    holder = kv.get(keys.LOCK)
    if holder is None or holder.session is None:
        output.warn("no operator holds the lease: nobody acts until one does")
    end = time.monotonic() + timeout_s
    state = _Waiting(goals)
    seen: Mapping[str, KvEntry] = {}
    index = 0
    with Progress([goal.stack for goal in goals]) as progress:
        while True:
            now = time.monotonic()
            found = {goal.stack: state.decided(goal, now) for goal in goals}
            if now >= end or Verdict.UNDECIDED not in found.values():
                break
            # A rejection is noted under another key than the one that is waited for.
            most = _LOOK_AGAIN_S if _says_rolled_back(seen, goals) else ONE_WAIT_S
            until = min(end, state.next_at(now) or end, now + most)
            try:
                tree = kv.watch(keys.stack_status_key(""), index, max(0.05, until - now))
                state.see(kv, tree.entries, time.monotonic())
            except Unavailable as error:
                index = 0
                progress.say(str(error))
                waiting.after_an_outage()
                continue
            index, seen = tree.index, tree.entries
            progress.show({goal.stack: _shown(goal, seen) for goal in goals})
    for goal in goals:
        _say(goal, found[goal.stack], seen, timeout_s)
    return _worst(list(found.values()))


def _says_rolled_back(entries: Mapping[str, KvEntry], goals: Sequence[Goal]) -> bool:
    found = (StackStatus.parse(entries[g.stack].value) for g in goals if g.stack in entries)
    return any(status is not None and status.reason == "RolledBack" for status in found)


def _shown(goal: Goal, entries: Mapping[str, KvEntry]) -> StackStatus | None:
    """None while the operator has not seen the goal's revision."""
    entry = entries.get(goal.stack)
    status = StackStatus.parse(entry.value) if entry is not None else None
    if status is None or status.revision == goal.revision:
        return status
    verdict = judge(goal, entry, is_rejected=False)
    return status if verdict is Verdict.FAILED else None


def _say(goal: Goal, verdict: Verdict, entries: Mapping[str, KvEntry], timeout_s: float) -> None:
    status = _shown(goal, entries)
    text = headline(status)
    if verdict is Verdict.READY:
        click.echo(f"{goal.stack}: Ready with revision {goal.revision[:12]}")
        for condition in status.conditions if status is not None else ():
            if condition.status == "False" and condition.type != "Ready":
                text = " ".join(condition.message.split())
                output.warn(f"{goal.stack}: not {condition.type} ({condition.reason}): {text}")
    elif verdict is Verdict.FAILED:
        output.error(f"{goal.stack}: {text}")
    else:
        output.error(f"{goal.stack}: not decided within {timeout_s:g} s: {text}")


def _worst(verdicts: Sequence[Verdict]) -> int:
    if Verdict.FAILED in verdicts:
        return Verdict.FAILED
    return Verdict.UNDECIDED if Verdict.UNDECIDED in verdicts else Verdict.READY
