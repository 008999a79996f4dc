"""The benchmark's table, and its bars: what was promised beside what was measured."""

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tests.bench.bench import Results
from tests.bench.cost import Cost
from tests.bench.docker_deploy import CLIENT as DOCKER
from tests.bench.operator_passes import CLIENT as OPERATOR


@dataclass(frozen=True, slots=True)
class Bar:
    """A promise. `is_count` bars hold on every machine; the others are times."""

    name: str
    measured: float
    limit: float
    unit: str = ""
    is_count: bool = False
    exactly: bool = False

    @property
    def is_met(self) -> bool:
        return self.measured == self.limit if self.exactly else self.measured <= self.limit


def bars(results: Results) -> list[Bar]:
    """All promises about what was measured."""
    found: list[Bar] = []
    unchanged = results.cost("unchanged", OPERATOR)
    one = results.cost("one changed", OPERATOR)
    created = results.cost("create", OPERATOR)
    services = float(results.facts["services"])
    if (counts := unchanged.counts) is not None:
        found += [
            Bar("unchanged: writes to the swarm", counts.docker_writes, 0, is_count=True),
            # Seven of the stacks; the thread of routes may just look whether a service wishes one.
            Bar("unchanged: reads of the swarm", counts.docker_reads, 8, is_count=True),
            Bar("unchanged: reads of the KV", counts.kv_reads, 1, is_count=True),
        ]
    if (counts := one.counts) is not None:
        found.append(_exactly("one changed: writes to services", counts.service_writes, 1))
    if (counts := created.counts) is not None:
        found.append(_exactly("create: writes to services", counts.service_writes, services))
    # Without this a proxy that counts nothing would look like an operator that writes nothing.
    if (counts := results.cost("unchanged", DOCKER).counts) is not None:
        found.append(_exactly(f"{DOCKER}, unchanged: writes", counts.service_writes, services))
    if unchanged.wall_s is not None and unchanged.cpu_s is not None:
        found += [
            Bar("unchanged: wall time of a pass", unchanged.wall_s * 1000, 50, "ms"),
            Bar("unchanged: CPU time of a pass", unchanged.cpu_s * 1000, 50, "ms"),
        ]
    if len(results.latencies) == 2:
        ours, script = results.latencies
        found.append(
            Bar("push → answer: median, operator / script", ours.median_s / script.median_s, 2)
        )
    return found


def _exactly(name: str, measured: float, limit: float) -> Bar:
    return Bar(name, measured, limit, is_count=True, exactly=True)


def show(results: Results, console: Console) -> None:
    """Print everything."""
    facts = results.facts
    title = (
        f"{facts['services']} services, 1 manager and 2 workers, "
        f"Docker {facts['engine']}, command line {facts['client']}"
    )
    console.print(_costs(results.costs, title))
    if results.latencies:
        console.print(_latencies(results))
    if results.idles:
        console.print(_idles(results))
    console.print(_bars(bars(results)))
    if results.profile:
        console.print(results.profile, markup=False, highlight=False)


def _table(title: str, *columns: str, texts: int = 1) -> Table:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < texts else "right")
    return table


def _costs(costs: list[Cost], title: str) -> Table:
    columns = ("case", "client", "wall ms", "CPU ms", "reads", "writes", "KV reads", "KV writes")
    table = _table(title, *columns, texts=2)
    for cost in sorted(costs, key=lambda cost: _CASES.index(cost.case)):
        counts = cost.counts
        kv = (
            (counts.kv_reads, counts.kv_writes)
            if counts and cost.client == OPERATOR
            else (_NONE, _NONE)
        )
        table.add_row(
            f"{cost.case} {cost.note}".strip(),
            cost.client,
            _ms(cost.wall_s),
            _ms(cost.cpu_s),
            str(counts.docker_reads) if counts else _NONE,
            str(counts.docker_writes) if counts else _NONE,
            *map(str, kv),
        )
    return table


_NONE = "-"
_CASES = ("create", "unchanged", "one changed")


def _latencies(results: Results) -> Table:
    title = "push → engine's answer, through the proxies"
    table = _table(title, "client", "pushes", "median ms", "p99 ms", "best ms")
    for latency in results.latencies:
        samples = latency.samples_s
        table.add_row(
            latency.client,
            str(len(samples)),
            _ms(latency.median_s),
            _ms(latency.p99_s),
            _ms(min(samples)),
        )
    return table


def _idles(results: Results) -> Table:
    columns = ("idle", "seconds", "CPU s", "CPU %", "memory MiB", "reads", "writes")
    table = _table("swarm-operator, nothing happens", *columns)
    for idle in results.idles:
        table.add_row(
            idle.case,
            f"{idle.seconds:.0f}",
            f"{idle.cpu_s:.2f}",
            f"{idle.cpu_percent:.2f}",
            f"{idle.rss_bytes / 2**20:.1f}",
            str(idle.docker_reads),
            str(idle.writes),
        )
    return table


def _bars(found: list[Bar]) -> Table:
    table = _table("Promised and measured", "promise", "measured", "limit", "")
    for bar in found:
        measured = f"{bar.measured:.0f}" if bar.is_count else f"{bar.measured:.2f}"
        relation = "=" if bar.exactly else "≤"
        table.add_row(
            bar.name,
            f"{measured} {bar.unit}".strip(),
            f"{relation} {bar.limit:g} {bar.unit}".strip(),
            "met" if bar.is_met else "MISSED",
        )
    return table


def _ms(seconds: float | None) -> str:
    return _NONE if seconds is None else f"{seconds * 1000:.1f}"
