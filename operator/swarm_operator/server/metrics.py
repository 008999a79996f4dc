"""The metrics that the daemon exports: one table, and the counting on top of it.

Names, labels and buckets follow the conventions of Prometheus. No image, task id or message is
ever a label: they have no bound.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

PREFIX: Final = "swarm_operator_"


class Type(Enum):
    """The kinds of metric that we use."""

    COUNTER = Counter
    GAUGE = Gauge
    HISTOGRAM = Histogram


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `known` are the labels' values where they are known in advance: series of
    counters and histograms that start at zero, so that a rate sees their first step."""

    name: str
    type: Type
    help: str
    labels: tuple[str, ...] = ()
    known: Mapping[str, tuple[str, ...]] | None = None
    buckets: tuple[float, ...] | None = None


_CALLS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_CONTROLLERS: Final = ("stacks", "rebalance", "routes", "dns")
_KINDS: Final = ("network", "config", "secret", "service")
_VERBS: Final = ("create", "update", "remove")
_RESULTS: Final = ("done", "conflict", "later", "refused")
_OUTCOMES: Final = ("moved", "aborted", "yielded", "lost")
_SOURCES: Final = ("docker", "consul")

METRICS: Final = (
    Metric("build_info", Type.GAUGE, "Always 1; the version is a label.", ("version",)),
    Metric(
        "reconcile_total",
        Type.COUNTER,
        "Reconciles by their result.",
        ("controller", "result"),
        {"controller": _CONTROLLERS, "result": ("success", "error")},
    ),
    Metric(
        "reconcile_duration_seconds",
        Type.HISTOGRAM,
        "Time from the start of a reconcile to its end, its actions included.",
        ("controller",),
        {"controller": _CONTROLLERS},
        _CALLS,
    ),
    Metric(
        "reconcile_errors_total",
        Type.COUNTER,
        "Reconciles that ended in an error, by its kind.",
        ("controller", "reason"),
    ),
    Metric(
        "actions_total",
        Type.COUNTER,
        "Actions by what became of them.",
        ("kind", "verb", "result"),
        {"kind": _KINDS, "verb": _VERBS, "result": _RESULTS},
    ),
    Metric("actions_held", Type.GAUGE, "Actions that wait now.", ("stack", "reason")),
    Metric(
        "stack_condition",
        Type.GAUGE,
        "1 for the status that a condition of a stack has, 0 for the others.",
        ("stack", "type", "status"),
    ),
    Metric(
        "stack_last_attempt_timestamp_seconds",
        Type.GAUGE,
        "When the stack was last acted on.",
        ("stack",),
    ),
    Metric(
        "stack_last_success_timestamp_seconds",
        Type.GAUGE,
        "When the stack was last found or made as it is wanted.",
        ("stack",),
    ),
    Metric("watch_connected", Type.GAUGE, "1 while the watch has its connection.", ("source",)),
    Metric(
        "watch_last_progress_timestamp_seconds",
        Type.GAUGE,
        "When the watch last heard of its source, be it that nothing changed.",
        ("source",),
    ),
    Metric(
        "watch_reconnects_total",
        Type.COUNTER,
        "Connections that a watch had to make anew.",
        ("source",),
        {"source": _SOURCES},
    ),
    Metric("snapshot_complete", Type.GAUGE, "1 where the last read was whole.", ("source",)),
    Metric("snapshot_age_seconds", Type.GAUGE, "Age of the last whole read.", ("source",)),
    Metric("leader", Type.GAUGE, "1 while this process holds the lease."),
    Metric("leader_transitions_total", Type.COUNTER, "Times the lease was won or lost here."),
    Metric("lease_remaining_seconds", Type.GAUGE, "How long the lease still holds by itself."),
    Metric("fenced_writes_total", Type.COUNTER, "Writes refused because the lease was lost."),
    Metric(
        "api_request_duration_seconds",
        Type.HISTOGRAM,
        "Requests to Docker, Consul, Traefik and DNS providers.",
        ("api", "verb", "code"),
        None,
        _CALLS,
    ),
    Metric(
        "rebalance_spread",
        Type.GAUGE,
        "Copies of a service on the fullest of its nodes less those on the emptiest; 1 is even.",
        ("service",),
    ),
    Metric("rebalance_totals_gap", Type.GAUGE, "Tasks on the fullest node less the emptiest."),
    Metric(
        "rebalance_moves_total",
        Type.COUNTER,
        "Moves of one task by how they ended and why they were made.",
        ("outcome", "reason"),
        {"outcome": _OUTCOMES, "reason": ("spread", "load", "recovery")},
    ),
    Metric("rebalance_wished_moves", Type.GAUGE, "Moves that would mend what is out of balance."),
    Metric("rebalance_blocked_moves", Type.GAUGE, "Moves that failed and are not tried again."),
    Metric(
        "rebalance_hold_off_seconds",
        Type.GAUGE,
        "How long a node must be steady before it gets tasks.",
        ("node",),
    ),
    Metric(
        "rebalance_duration_seconds",
        Type.HISTOGRAM,
        "Time from a node's being ready to its having its share of the tasks.",
        (),
        None,
        (30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 14400),
    ),
    Metric("routes", Type.GAUGE, "Routers of services and documents, by state.", ("state",)),
    Metric("route_servers", Type.GAUGE, "Addresses that Traefik's services have."),
    Metric(
        "traefik_writes_total",
        Type.COUNTER,
        "Write transactions to Traefik's keys, by result; each is a reload of every instance.",
        ("result",),
        {"result": ("done", "conflict", "failed")},
    ),
    Metric("traefik_conflicts", Type.GAUGE, "Objects left alone because of another hand's keys."),
    Metric("traefik_unreadable_keys", Type.GAUGE, "Keys that keep Traefik from taking changes."),
    Metric(
        "route_live_seconds",
        Type.HISTOGRAM,
        "Time from a write to Traefik's keys to every instance's showing it.",
        (),
        None,
        (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30),
    ),
    Metric(
        "traefik_stamp_age_seconds",
        Type.GAUGE,
        "Time since an instance was last seen with what is written.",
        ("traefik",),
    ),
    Metric("dns_bindings", Type.GAUGE, "Names that follow services, by state.", ("state",)),
    Metric(
        "dns_in_sync",
        Type.GAUGE,
        "1 while a name is served as it is wished, 0 while it is not.",
        ("zone", "name"),
    ),
    Metric(
        "dns_endpoint_missing_seconds",
        Type.GAUGE,
        "For how long nothing has run of what a name follows; 0 while something does.",
        ("zone", "name"),
    ),
    Metric(
        "dns_record_info",
        Type.GAUGE,
        "1 for each value that the operator wrote and that stands.",
        ("zone", "name", "type", "value"),
    ),
    Metric(
        "dns_desired_changes_total",
        Type.COUNTER,
        "Record sets that were to become something else, by why.",
        ("reason",),
        {"reason": ("first", "moved", "address", "binding", "empty")},
    ),
    Metric(
        "dns_flap_suppressed_total",
        Type.COUNTER,
        "Times a name was held where it was because it had moved too often.",
    ),
    Metric(
        "dns_authoritative_mismatch",
        Type.GAUGE,
        "Record sets that a name server serves otherwise than it is to.",
        ("zone", "server"),
    ),
    Metric(
        "dns_authoritative_silent",
        Type.GAUGE,
        "Record sets of which a name server has said nothing for a while; others decide.",
        ("zone", "server"),
    ),
    Metric(
        "dns_last_success_timestamp_seconds",
        Type.GAUGE,
        "When a zone was last found or made as it is wished.",
        ("zone",),
    ),
    Metric("dns_publish_owed", Type.GAUGE, "Names written and not published yet.", ("zone",)),
    Metric(
        "dns_writes_total",
        Type.COUNTER,
        "Changes of record sets, by what became of them (create, update, delete) and result.",
        ("provider", "op", "result"),
    ),
    Metric(
        "dns_publish_total",
        Type.COUNTER,
        "Orders to serve what was written, by result.",
        ("provider", "result"),
    ),
    Metric(
        "dns_switch_seconds",
        Type.HISTOGRAM,
        "detect: from a task's running, by its node's clock, to its node's being chosen for a name; "
        "from then on to its address being written, published, and served.",
        ("phase",),
        {"phase": ("detect", "write", "publish", "verify")},
        (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300),
    ),
    Metric(
        "dns_conflicts_total",
        Type.COUNTER,
        "Record sets left alone because of another hand's records, and names that another service "
        "has already (owner).",
        ("kind",),
        {"kind": ("foreign", "cname", "owner")},
    ),
    Metric(
        "dns_auth_errors_total",
        Type.COUNTER,
        "Requests that a provider refused for want of rights.",
        ("provider",),
    ),
    Metric(
        "dns_untrusted_reads_total",
        Type.COUNTER,
        "Looks at the swarm from which nothing was concluded.",
        ("reason",),
        {"reason": ("quorum", "timeout")},
    ),
    Metric(
        "dns_calls_left", Type.GAUGE, "Requests that an account may be sent now.", ("provider",)
    ),
    Metric(
        "docker_writes_total",
        Type.COUNTER,
        "Writes to the Docker Engine, by result.",
        ("result",),
        {"result": ("done", "failed")},
    ),
    Metric(
        "kv_writes_total",
        Type.COUNTER,
        "Write transactions to Consul, by result.",
        ("result",),
        {"result": ("done", "failed")},
    ),
)
"""Every metric there is; names without the prefix."""


class UndeclaredMetric(Exception):
    """A mistake of the programmer: a name or a set of labels that the table does not have."""


class PrometheusMetrics:
    """`swarm_operator.runtime.ports.Metrics` on a Prometheus registry."""

    def __init__(
        self, registry: CollectorRegistry, version: str, table: Iterable[Metric] = METRICS
    ) -> None:
        # A process-wide switch is all that the library offers against the `_created` lines.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry
        self._declared = {metric.name: metric for metric in table}
        self._made = {name: _make(metric, registry) for name, metric in self._declared.items()}
        self._start_at_zero()
        self.gauge("build_info", {"version": version}, 1)

    def count(self, name: str, labels: Mapping[str, str], amount: float = 1.0) -> None:
        """Add to a counter."""
        series = self._series(name, labels, Counter)
        assert isinstance(series, Counter)
        series.inc(amount)

    def observe(self, name: str, labels: Mapping[str, str], seconds: float) -> None:
        """Add an observation to a histogram."""
        series = self._series(name, labels, Histogram)
        assert isinstance(series, Histogram)
        series.observe(seconds)

    def gauge(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """Set a gauge."""
        series = self._series(name, labels, Gauge)
        assert isinstance(series, Gauge)
        series.set(value)

    def forget(self, name: str, labels: Mapping[str, str]) -> None:
        """Drop the series whose labels include these: their object is gone."""
        metric = self._declaration(name)
        if not labels or not set(labels) <= set(metric.labels):
            raise UndeclaredMetric(f"{name} has the labels {metric.labels}, not {sorted(labels)}")
        self._made[name].remove_by_labels(dict(labels))

    def _series(
        self, name: str, labels: Mapping[str, str], kind: type[Counter | Gauge | Histogram]
    ) -> Counter | Gauge | Histogram:
        metric = self._declaration(name)
        if metric.type.value is not kind:
            raise UndeclaredMetric(f"{name} is a {metric.type.name.lower()}")
        if set(labels) != set(metric.labels):
            raise UndeclaredMetric(f"{name} has the labels {metric.labels}, not {sorted(labels)}")
        made = self._made[name]
        return made.labels(**labels) if labels else made

    def _declaration(self, name: str) -> Metric:
        if name not in self._declared:
            raise UndeclaredMetric(f"{name} is in no table of metrics")
        return self._declared[name]

    def _start_at_zero(self) -> None:
        for metric in self._declared.values():
            if metric.known:
                for values in itertools.product(*(metric.known[label] for label in metric.labels)):
                    self._made[metric.name].labels(*values)


def _make(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    name = PREFIX + metric.name
    if metric.type is Type.HISTOGRAM:
        buckets = metric.buckets or Histogram.DEFAULT_BUCKETS
        return Histogram(name, metric.help, metric.labels, registry=registry, buckets=buckets)
    kind = Counter if metric.type is Type.COUNTER else Gauge
    return kind(name, metric.help, metric.labels, registry=registry)


def process_registry() -> CollectorRegistry:
    """A registry with what is conventional for a process in Python: memory, CPU, descriptors."""
    registry = CollectorRegistry()
    prometheus_client.ProcessCollector(registry=registry)
    prometheus_client.PlatformCollector(registry=registry)
    prometheus_client.GCCollector(registry=registry)
    return registry
