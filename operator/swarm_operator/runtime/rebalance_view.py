"""What people see of rebalancing: `status/rebalance`, an event for each step, metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from desired_state import keys
from desired_state.policy import Policy
from desired_state.rebalance_records import RebalanceStatus
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.desired import is_unread
from swarm_operator.plan.rebalance.gates import UNREAD, Gates
from swarm_operator.plan.rebalance.mobility import Mobility
from swarm_operator.plan.rebalance.moves import Move
from swarm_operator.plan.rebalance.placement import Placement
from swarm_operator.plan.rebalance.recommendation import COSTS, Recommendation, headline
from swarm_operator.plan.rebalance.steps import Outcome
from swarm_operator.runtime.events import EventLog
from swarm_operator.runtime.move_reports import Progress, Report
from swarm_operator.runtime.ports import Clock, Metrics
from swarm_operator.runtime.record import StatusWriter

if TYPE_CHECKING:
    from swarm_operator.runtime.rebalancer import Rebalancer


@dataclass(slots=True)
class RebalanceView:
    """Says each thing once."""

    statuses: StatusWriter
    events: EventLog
    clock: Clock
    log: Any
    metrics: Metrics
    _said: dict[str, str] = field(default_factory=dict)
    """By service, what was said last of its move."""
    _spread: frozenset[str] = frozenset()
    _held: frozenset[str] = frozenset()

    # --- the status -------------------------------------------------------------------------------

    def off(self, rebalancer: "Rebalancer", policy: Policy) -> None:
        why = "the policy says rebalance: {mode: off}"
        if is_unread(policy):
            why = UNREAD
        self._publish(rebalancer, "Off", why)

    def testing(self, rebalancer: "Rebalancer") -> None:
        self._publish(rebalancer, "Testing", "moves are tried on a service of the operator's own")

    def moving(
        self, rebalancer: "Rebalancer", progress: Progress, move: Move | None, swarm: Swarm
    ) -> None:
        """`move` is the one that this process began."""
        texts = []
        for report in progress.reports:
            is_ours = move is not None and move.service == report.service
            way = f", {_way(move, swarm)}" if move is not None and is_ours else ""
            texts.append(f"{report.service}{way}: {report.why}")
        self._publish(rebalancer, "Moving", "; ".join(texts))

    def considered(
        self, rebalancer: "Rebalancer", found: Recommendation, gates: Gates, swarm: Swarm
    ) -> None:
        """No move is under way; one may have begun just now."""
        self._measure_gates(rebalancer.memory, found, gates, swarm)
        if rebalancer.mover.in_flight is not None:
            return
        state, message = headline(found, gates, swarm)
        self._publish(rebalancer, state, message)

    def _publish(self, rebalancer: "Rebalancer", state: str, message: str) -> None:
        last = rebalancer.memory
        since = last.since if last.state == state else self.clock.utc()
        moving = message if state == "Moving" else ""
        changes = {"state": state, "message": message, "since": since, "moving": moving}
        rebalancer.memory = last.model_copy(update=changes)
        self.statuses.want(keys.REBALANCE_STATUS, rebalancer.memory)

    # --- events -----------------------------------------------------------------------------------

    def planned(self, move: Move, swarm: Swarm) -> None:
        self._note(move.service, swarm, "planned", _way(move, swarm), effect=COSTS[move.how])

    def step(self, report: Report, move: Move | None, swarm: Swarm) -> None:
        """One step of a move; waiting on is said once."""
        if report.outcome is not None or self._said.get(report.service) == report.why:
            return
        self._said[report.service] = report.why
        way = _way(move, swarm) if move is not None and not report.is_recovery else ""
        cause = {"cause": way} if way else {}
        self._note(report.service, swarm, "step", report.why, **cause)

    def ended(
        self, report: Report, outcome: Outcome, reason: str, swarm: Swarm, move: Move | None
    ) -> None:
        """`move` is None for what somebody else began."""
        self._said.pop(report.service, None)
        way = _way(move, swarm) if move is not None else ""
        is_moved = outcome is Outcome.MOVED and move is not None
        why = "the new task serves in place of the old one" if is_moved else report.why
        cause = {"cause": way} if way else {}
        self._note(report.service, swarm, str(outcome), why, reason=reason, **cause)
        self.metrics.count("rebalance_moves_total", {"outcome": str(outcome), "reason": reason})

    def _note(self, service: str, swarm: Swarm, result: str, message: str, **words: str) -> None:
        live = swarm.services_by_name.get(service)
        stack = (live.stack if live is not None else None) or ""
        words |= {"result": result, "message": message}
        event = self.events.note(self.clock.utc(), stack, service, "move", **words)
        self.log.info("acted", **event.model_dump(exclude={"when"}))

    # --- metrics ----------------------------------------------------------------------------------

    def balanced(self, hostname: str, seconds: float) -> None:
        """A node has its share, so long after it was ready."""
        self.metrics.observe("rebalance_duration_seconds", {}, seconds)
        self.log.info("balanced", node=hostname, took_s=round(seconds, 1))

    def measure(self, swarm: Swarm, utc: datetime, known: Mapping[str, Mobility]) -> None:
        """Spreads and totals, when the swarm changed."""
        placement = Placement(swarm, utc)
        spreads: dict[str, int] = {}
        for service in swarm.services:
            if service.id not in known:
                continue
            if "Replicated" in (service.spec.get("Mode") or {}) and placement.eligible(service):
                held, fewest = placement.on_eligible(service)
                spreads[service.name] = max(held.values(), default=0) - fewest
        for name in self._spread - spreads.keys():
            self.metrics.forget("rebalance_spread", {"service": name})
        self._spread = frozenset(spreads)
        for name, spread in spreads.items():
            self.metrics.gauge("rebalance_spread", {"service": name}, spread)
        ready = [n for n in swarm.nodes if n.state == "ready" and n.availability == "active"]
        totals = [placement.totals.get(node.id, 0) for node in ready]
        gap = max(totals) - min(totals) if totals else 0
        self.metrics.gauge("rebalance_totals_gap", {}, gap)

    def _measure_gates(
        self, memory: RebalanceStatus, found: Recommendation, gates: Gates, swarm: Swarm
    ) -> None:
        self.metrics.gauge("rebalance_wished_moves", {}, len(found.wished.moves))
        self.metrics.gauge("rebalance_blocked_moves", {}, len(memory.blocked))
        names = frozenset(node.hostname for node in swarm.nodes)
        for name in self._held - names:
            self.metrics.forget("rebalance_hold_off_seconds", {"node": name})
        self._held = names
        for known in memory.nodes.values():
            seconds = gates.hold_off(known).total_seconds()
            self.metrics.gauge("rebalance_hold_off_seconds", {"node": known.hostname}, seconds)


def _way(move: Move, swarm: Swarm) -> str:
    names = {node.id: node.hostname for node in swarm.nodes}
    return f"{names.get(move.source, move.source)} → {names.get(move.target, move.target)}"
