"""The gauges of names: set when they are asked for, in whatever thread, from what the last step showed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from swarm_operator.plan.dns.budget import Calls
from swarm_operator.plan.dns.wishes import BindingId
from swarm_operator.runtime.ports import Metrics

Labels: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """One name after a step."""

    id: BindingId
    state: str
    empty_since: float | None
    owed: bool
    records: frozenset[tuple[str, str]] = frozenset()
    """Type and value of what the operator wrote."""
    servers: Mapping[str, int] = field(default_factory=dict)
    """By name server that answered: how many of its record sets it serves otherwise than as it is to."""
    silent: Mapping[str, int] = field(default_factory=dict)
    """By name server: of how many of its record sets it has not said anything for a while."""


@dataclass(frozen=True, slots=True)
class Picture:
    """All names after a step, and what each account may still be asked."""

    names: tuple[Shown, ...] = ()
    budgets: Mapping[str, Calls] = field(default_factory=dict)
    successes: Mapping[str, float] = field(default_factory=dict)
    """By zone: when it was last found or made as it is wished, in seconds since 1970."""


@dataclass(slots=True)
class Gauges:
    """Remembers what it set, so that what is gone is forgotten."""

    metrics: Metrics
    _states: frozenset[str] = frozenset()
    _names: frozenset[BindingId] = frozenset()
    _zones: frozenset[str] = frozenset()
    _series: dict[str, frozenset[Labels]] = field(default_factory=dict)
    """By metric."""

    def show(self, picture: Picture, now: float) -> None:
        """Set everything."""
        states = Counter(name.state for name in picture.names)
        for state in self._states | states.keys():
            self.metrics.gauge("dns_bindings", {"state": state}, states[state])
        self._states |= states.keys()
        names = frozenset(name.id for name in picture.names)
        for id_ in self._names - names:
            labels = {"zone": id_.zone, "name": id_.name}
            self.metrics.forget("dns_in_sync", labels)
            self.metrics.forget("dns_endpoint_missing_seconds", labels)
        self._names = names
        for name in picture.names:
            labels = {"zone": name.id.zone, "name": name.id.name}
            missing_s = 0.0 if name.empty_since is None else now - name.empty_since
            self.metrics.gauge("dns_in_sync", labels, float(name.state == "InSync"))
            self.metrics.gauge("dns_endpoint_missing_seconds", labels, max(0.0, missing_s))
        owed = Counter(name.id.zone for name in picture.names if name.owed)
        zones = frozenset(name.id.zone for name in picture.names)
        for zone in zones | self._zones:
            self.metrics.gauge("dns_publish_owed", {"zone": zone}, owed[zone])
        self._zones |= zones
        for account, calls in picture.budgets.items():
            left = max(0.0, calls.filled(now).tokens)
            self.metrics.gauge("dns_calls_left", {"provider": account}, left)
        self._show_records(picture)
        self._show_servers(picture)
        self._show_all(
            "dns_last_success_timestamp_seconds",
            {(("zone", zone),): when for zone, when in picture.successes.items()},
        )

    def _show_records(self, picture: Picture) -> None:
        found: dict[Labels, float] = {}
        for name in picture.names:
            of = (("zone", name.id.zone), ("name", name.id.name))
            found |= {(*of, ("type", type_), ("value", value)): 1 for type_, value in name.records}
        self._show_all("dns_record_info", found)

    def _show_servers(self, picture: Picture) -> None:
        differ: Counter[Labels] = Counter()
        silent: Counter[Labels] = Counter()
        for name in picture.names:
            for found, of_name in ((differ, name.servers), (silent, name.silent)):
                for server, sets in of_name.items():
                    found[("zone", name.id.zone), ("server", server)] += sets
        self._show_all("dns_authoritative_mismatch", differ)
        self._show_all("dns_authoritative_silent", silent)

    def _show_all(self, metric: str, values: Mapping[Labels, float]) -> None:
        """Set these series, and forget those that are gone."""
        for labels in self._series.get(metric, frozenset()) - values.keys():
            self.metrics.forget(metric, dict(labels))
        for labels, value in values.items():
            self.metrics.gauge(metric, dict(labels), value)
        self._series[metric] = frozenset(values)
