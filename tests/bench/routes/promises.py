"""What is promised of each case and of the costs, beside what was measured."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.bench.latency import Latency
from tests.bench.routes.costs import Costs
from tests.bench.routes.row import BY_HAND, CONTROLS, LABELS, OPERATOR, WITHOUT, Row

MANY_ROUTES: Final = 2000
MANY_LIVE_S: Final = 1.5


@dataclass(frozen=True, slots=True)
class Bar:
    """What one case promises of the operator's row."""

    requests: int
    """The fewest that a count of failures may rest on."""
    failed: int | None = 0
    """The most; None: it is not about them."""
    longest_s: float | None = None
    live_s: float | None = None
    control: str = ""
    """The publisher that has to miss the bar; empty: any other."""


@dataclass(frozen=True, slots=True)
class Promise:
    """One line of the last table."""

    what: str
    measured: str
    bar: str
    is_kept: bool


BARS: Final[Mapping[str, Bar]] = {
    "blue/green, GET": Bar(500, control=BY_HAND),
    "rolling update stop-first, POST 300 ms": Bar(500),
    "rolling update start-first, POST 300 ms": Bar(500),
    "rolling update of host ports, POST 300 ms": Bar(500, control=BY_HAND),
    "one replica stop-first, GET": Bar(430, failed=1, longest_s=2.5),
    "scale 4 → 2, POST 300 ms": Bar(500),
    "scale to 0, GET": Bar(300),
    "one router name in two stacks, GET": Bar(300),
    "last route goes, GET": Bar(100, failed=None, live_s=1.0, control=LABELS),
    "KV wiped, GET": Bar(200, failed=None, live_s=5.0, control=BY_HAND),
    "node powered off, GET 20 ms": Bar(2300, failed=1, longest_s=1.1),
    "tasks moved home, POST 300 ms": Bar(1000),
    "tasks moved home, POST 3 s": Bar(1000, control=WITHOUT),
}
"""By case. The bars are those that were measured with a prototype before the first line of this."""


def of_rows(rows: Sequence[Row]) -> Iterator[Promise]:
    """Of all cases that were run."""
    for case in dict.fromkeys(row.case for row in rows):
        bar = BARS[case]
        those = [row for row in rows if row.case == case]
        own = [row for row in those if row.by == OPERATOR]
        for row in own:
            yield from _of_row(row, bar)
        if not own:
            yield Promise(f"{case}: measured", "no", "yes", is_kept=False)
        yield _of_controls(case, those, bar)


def _of_row(row: Row, bar: Bar) -> Iterator[Promise]:
    case, tally = row.case, row.tally
    requests = tally.requests
    yield Promise(f"{case}: requests", str(requests), f"≥ {bar.requests}", requests >= bar.requests)
    if bar.failed is not None:
        yield Promise(
            f"{case}: failed", str(tally.failed), f"≤ {bar.failed}", tally.failed <= bar.failed
        )
    if bar.longest_s is not None:
        yield _time(f"{case}: longest", tally.longest_s, bar.longest_s)
    if bar.live_s is not None:
        yield _time(f"{case}: live after", row.live_s, bar.live_s)


def _of_controls(case: str, rows: Sequence[Row], bar: Bar) -> Promise:
    """Somebody misses the bar here: the load, or the clock, can see it."""
    names = {bar.control} if bar.control else CONTROLS
    others = [row for row in rows if row.by in names]
    who = bar.control or "another"
    if bar.failed is not None:
        worst, least = max((row.tally.failed for row in others), default=0), bar.failed + 1
        return Promise(f"{case}: failed by {who}", str(worst), f"≥ {least}", worst >= least)
    assert bar.live_s is not None
    times = [row.live_s if row.live_s is not None else math.inf for row in others]
    latest = max(times, default=0.0)
    measured = "never" if latest == math.inf else f"{latest:.2f} s"
    is_later = latest > bar.live_s
    return Promise(f"{case}: live after, {who}", measured, f"> {bar.live_s:.2f} s", is_later)


def of_costs(costs: Costs) -> Iterator[Promise]:
    """Of what was measured of them."""
    for size in costs.sizes:
        of = f"{size.routes} routes"
        yield Promise(
            f"{of}: writes of a pass without a change",
            str(size.no_op.writes),
            "= 0",
            size.no_op.writes == 0,
        )
        yield Promise(
            f"{of}: writes of one change", str(size.change.writes), "= 1", size.change.writes == 1
        )
        if size.routes == MANY_ROUTES:
            yield _time(f"{of}: one change live, median", size.live_s, MANY_LIVE_S)
    for idle in costs.idle:
        if idle.by == OPERATOR:
            yield Promise(
                "idle: writes to the KV", str(idle.writes), "= 0", is_kept=idle.writes == 0
            )
        yield Promise(f"idle: reloads, {idle.by}", str(idle.reloads), "= 0", idle.reloads == 0)
    yield from _before_traefik(costs.label_changes)
    yield from _before_traefik(costs.creations)


def _before_traefik(latencies: Sequence[Latency]) -> Iterator[Promise]:
    """No later than Traefik itself, as it comes: it looks every 15 s."""
    own = [each for each in latencies if each.client == OPERATOR]
    others = [each for each in latencies if each.client in CONTROLS]
    for each in own:
        most = max((other.median_s for other in others), default=0.0)
        yield _time("routes live, median: before Traefik's Swarm provider", each.median_s, most)


def _time(what: str, measured: float | None, most: float) -> Promise:
    if measured is None:
        return Promise(what, "never", f"≤ {most:.2f} s", is_kept=False)
    return Promise(what, f"{measured:.2f} s", f"≤ {most:.2f} s", measured <= most)
