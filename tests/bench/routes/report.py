"""The tables of a run, as Markdown."""

from collections.abc import Iterator, Sequence
from typing import Final

from tests.bench.latency import Latency
from tests.bench.markdown import table
from tests.bench.routes import promises
from tests.bench.routes.costs import Costs, Pass
from tests.bench.routes.promises import Promise
from tests.bench.routes.row import Row

_NONE: Final = "-"
_ROWS: Final = (
    "case", "by", "requests", "failed", "longest s", "live after s", "writes (keys)", "reloads",
)  # fmt: skip
LEGEND: Final = (
    "by: who tells Traefik. Traefik's Swarm provider as it comes looks every 15 s; 1 s: with "
    "refreshSeconds=1; both read the same labels of the same services at the same time. requests: of the "
    "whole load, given up after some seconds without an answer (hung, in brackets). live after: from the "
    "change to the first answer that it leads to (new version, 503 after scaling to 0, 404 after the last "
    "route; for a wiped KV until its keys are back and no request fails any more). writes: transactions "
    "to Traefik's root. reloads: configurations that Traefik took, from the first request to the last"
)
LEGEND_OF_SIZES: Final = (
    "a pass with nothing to do reads the whole swarm and all keys, as an event and the time make it do at "
    "worst; one change: its compilation, a fresh read of the keys, and the transaction; ms of wall / CPU. "
    "live: from the document to the first answer; until written: of that the operator's part, the rest is "
    "Traefik's"
)


def lines(rows: Sequence[Row], costs: Costs, facts: str) -> Iterator[str]:
    """Everything, to be printed."""
    yield facts
    if rows:
        yield from ("", *table([_ROWS, *map(_cells, rows)], 2), "", LEGEND)
        yield from (f"* {row.case}, {row.by}: {row.note}" for row in rows if row.note)
    yield from _latencies(costs)
    yield from _sizes(costs)
    yield from _idle(costs)
    kept = [*promises.of_rows(rows), *promises.of_costs(costs)]
    if kept:
        yield from ("", *table([("promise", "measured", "bar", ""), *map(_promise, kept)]))


def missed(rows: Sequence[Row], costs: Costs) -> list[str]:
    """The promises that were not kept."""
    all_of_them = [*promises.of_rows(rows), *promises.of_costs(costs)]
    return [f"{p.what}: {p.measured}, {p.bar}" for p in all_of_them if not p.is_kept]


def _cells(row: Row) -> tuple[str, ...]:
    tally = row.tally
    return (
        row.case,
        row.by,
        str(tally.requests),
        f"{tally.failed}" + (f" ({tally.hung} hung)" if tally.hung else ""),
        f"{tally.longest_s:.2f}",
        _s(row.live_s),
        f"{row.writes.transactions} ({row.writes.keys})" if row.writes else _NONE,
        str(row.reloads),
    )


def _latencies(costs: Costs) -> Iterator[str]:
    parts = (
        ("label changed → first answer by the new rule", costs.label_changes),
        ("keys written → first answer by them", costs.writes),
        ("`docker service create` → first 200", costs.creations),
    )
    cells = [(what, *_latency(each)) for what, those in parts for each in those]
    if cells:
        head = ("from → to", "by", "samples", "median s", "p99 s", "best s")
        yield from ("", *table([head, *cells], 2))


def _latency(latency: Latency) -> tuple[str, ...]:
    samples = latency.samples_s
    times = (latency.median_s, latency.p99_s, min(samples))
    return (latency.client, str(len(samples)), *map(_s, times))


def _sizes(costs: Costs) -> Iterator[str]:
    if not costs.sizes:
        return
    head = (
        "routes", "keys", "first live s", "compile ms", "diff ms", "no change ms", "KV reads, writes",
        "one change ms", "KV reads, writes (keys)", "live s, median", "worst",
        "until written s",
    )  # fmt: skip
    cells = [
        (
            str(size.routes),
            str(size.keys),
            _s(size.first_live_s),
            _ms(size.compile_s),
            _ms(size.diff_s),
            _times(size.no_op),
            f"{size.no_op.reads}, {size.no_op.writes}",
            _times(size.change),
            f"{size.change.reads}, {size.change.writes} ({size.change.keys})",
            _s(size.live_s),
            _s(size.longest_live_s),
            _s(size.written_s),
        )
        for size in costs.sizes
    ]
    yield from ("", *table([head, *cells], 0), "", LEGEND_OF_SIZES)


def _idle(costs: Costs) -> Iterator[str]:
    if not costs.idle:
        return
    head = (
        "idle, 100 routes", "seconds", "CPU s", "its Traefik's CPU s", "engine requests", "KV reads",
        "KV writes", "reloads",
    )  # fmt: skip
    cells = [
        (
            idle.by,
            f"{idle.seconds:.0f}",
            _s(idle.cpu_s),
            _s(idle.traefik_cpu_s),
            str(idle.engine_requests),
            str(idle.kv_reads),
            str(idle.writes),
            str(idle.reloads),
        )
        for idle in costs.idle
    ]
    yield from ("", *table([head, *cells]))


def _promise(promise: Promise) -> tuple[str, ...]:
    kept = "kept" if promise.is_kept else "MISSED"
    return promise.what, promise.measured, promise.bar, kept


def _times(of: Pass) -> str:
    return f"{_ms(of.wall_s)} / {_ms(of.cpu_s)}"


def _s(seconds: float | None) -> str:
    return _NONE if seconds is None else f"{seconds:.2f}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}" if seconds < 0.1 else f"{seconds * 1000:.0f}"
