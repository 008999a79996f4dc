"""What routes cost: how soon they are live, what a pass does, what an idle minute takes."""

from dataclasses import dataclass, field

from tests.bench.latency import Latency


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass of the operator's thread of routes took."""

    wall_s: float
    cpu_s: float
    reads: int
    """Of the KV."""
    writes: int
    """Transactions to Traefik's root."""
    keys: int
    """Set or deleted by them."""


@dataclass(frozen=True, slots=True)
class Size:
    """So many routes."""

    routes: int
    keys: int
    """Below Traefik's root."""
    first_live_s: float
    """From the first document to the last route."""
    compile_s: float
    """All of them, with nothing remembered."""
    diff_s: float
    no_op: Pass
    change: Pass
    live_s: float
    """From the document of one change to its first answer: the median."""
    longest_live_s: float
    written_s: float
    """Of that, from the document to the transaction: the operator's part; the median."""


@dataclass(frozen=True, slots=True)
class Idle:
    """A period in which nothing changed, of one publisher."""

    by: str
    seconds: float
    cpu_s: float
    traefik_cpu_s: float | None
    """Of the Traefik that it publishes for; None where that is the publisher itself."""
    engine_requests: int
    kv_reads: int
    writes: int
    """To any key; the lease's renewals are none."""
    reloads: int


@dataclass(slots=True)
class Costs:
    """All that was measured of them."""

    label_changes: list[Latency] = field(default_factory=list)
    writes: list[Latency] = field(default_factory=list)
    """From the transaction to the first answer."""
    creations: list[Latency] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)
    idle: list[Idle] = field(default_factory=list)
