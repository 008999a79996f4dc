"""The table, and which promises were missed."""

import statistics
from collections.abc import Iterator, Sequence
from typing import Final

from tests.bench.dns.moves import Move
from tests.bench.markdown import table

REFRESHED_S: Final = 1.0
SERVED_S: Final = 1.2
CALLS: Final = 4
"""Of the API, for a change."""
BETTER: Final = 5.0
"""So many times sooner than the loop of a minute, in the median."""


def lines(
    moves: Sequence[Move], ours: Sequence[float], script: Sequence[float], facts: str
) -> Iterator[str]:
    """For people; values in seconds."""
    yield f"{len(moves)} moves; {facts}"
    yield ""
    rows = [
        ["task running →", "least", "median", "most"],
        _row("refresh accepted", [move.refreshed_s for move in moves]),
        _row("the name server answers", [move.served_s for move in moves]),
        _row(f"the same, {len(ours)} moves beside the loop", ours),
        _row("the loop of 60 s", script),
        ["calls of the API for a change", *_three([move.calls for move in moves], "{:.0f}")],
    ]
    yield from table(rows)


def missed(moves: Sequence[Move], ours: Sequence[float], script: Sequence[float]) -> list[str]:
    """Promises that were not kept; a comparison that saw no difference is one."""
    found = []
    for number, move in enumerate(moves, start=1):
        if move.refreshed_s > REFRESHED_S:
            found.append(f"move {number}: refresh after {move.refreshed_s:.2f} s")
        if move.served_s > SERVED_S:
            found.append(f"move {number}: served after {move.served_s:.2f} s")
        if move.calls > CALLS:
            found.append(f"move {number}: {move.calls} calls")
        if move.others:
            found.append(f"move {number}: {move.others} answers were neither old nor new")
    if script and statistics.median(script) < BETTER * statistics.median(ours):
        found.append("the loop of a minute was hardly later")
    return found


def _row(name: str, values: Sequence[float]) -> list[str]:
    return [name, *_three(values, "{:.2f}")]


def _three(values: Sequence[float], form: str) -> list[str]:
    if not values:
        return ["-", "-", "-"]
    return [form.format(f(values)) for f in (min, statistics.median, max)]
