"""The benchmark's table, as Markdown, and the bars that were missed."""

from collections.abc import Iterator, Sequence

from tests.bench.markdown import table
from tests.bench.rebalance.row import OPERATOR, Row

_COLUMNS = (
    "scenario",
    "by",
    "restarts",
    "enough",
    "others",
    "failed requests",
    "below n",
    "uneven",
    "spread",
    "gap",
    "specs changed",
    "s to balance",
    "of which moving",
)
_TEXTS = 2
"""Columns that are aligned to the left."""
LEGEND = (
    "restarts: tasks that ended in all; enough: the fewest moves to an end as good, proved by going "
    "through all ways that Swarm's choice among several copies on a node leaves (in brackets: if any "
    "task could go); others: tasks that ended and were not to be moved; below n: services of which "
    "fewer ran than wished; uneven: services that are not as even as they can be in the end; spread: "
    "the most copies of a service on a node against its fewest, over the nodes that it may run on; gap: "
    "tasks between the fullest and the emptiest worker; specs changed: raw JSON not as before"
)


def lines(rows: Sequence[Row], facts: str) -> Iterator[str]:
    """Everything, to be printed."""
    yield facts
    yield ""
    yield from table([_COLUMNS, *map(_cells, rows)], texts=_TEXTS)
    yield ""
    yield LEGEND
    yield ""
    for row in rows:
        yield f"* {row.scenario}, {row.arm}: {'; '.join(_details(row))}"
    yield from (f"MISSED {text}" for text in missed(rows))


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.scenario,
        row.arm,
        str(row.restarts),
        str(row.fewest)
        + (f" ({row.if_free})" if row.if_free < row.fewest else "")
        + (f" + ≤ {row.slack}" if row.slack else ""),
        str(row.others),
        f"{row.answers.failed} of {row.answers.requests}",
        str(len(row.below)),
        str(len(row.uneven)),
        str(row.spread),
        str(row.gap) + (f" (least {row.least_gap})" if row.gap > row.least_gap else ""),
        str(len(row.changed_specs)),
        f"{row.took_s:.0f}",
        f"{row.moving_s:.0f}",
    )


def _details(row: Row) -> list[str]:
    found = [row.note] if row.note else []
    if row.arm == OPERATOR:
        found.append(", ".join(f"{n} {how}" for how, n in sorted(row.ends.items())))
    if row.arm == OPERATOR and row.restarts > row.fewest:
        found.append(f"was {row.world}; moved {', '.join(row.moves)}")
    if row.below:
        found.append("below n: " + ", ".join(f"{name} {few}" for name, few in row.below.items()))
    if row.uneven:
        found.append("uneven: " + ", ".join(row.uneven))
    if row.answers.failed:
        failed = (f"{name} {count}" for name, count in sorted(row.answers.by_target.items()))
        found.append("failed requests: " + ", ".join(failed))
        found += [
            f"the first: {answer.target}: {answer.said}" for answer in row.answers.examples[:1]
        ]
    return [*found, f"load {row.machine_load:.0f}"]


def missed(rows: Sequence[Row]) -> list[str]:
    """Every bar that was not reached, by the operator or, as a control, by the loop."""
    found = []
    for row in rows:
        texts = row.missed() if row.arm == OPERATOR else []
        found += [f"{row.scenario}, {row.arm}: {text}" for text in texts]
    loops = [row for row in rows if row.arm != OPERATOR]
    if loops and all(row.why_no_control() for row in loops):
        found += [f"control: {text}" for row in loops for text in row.why_no_control()]
    return found
