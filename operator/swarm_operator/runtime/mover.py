"""Carries moves out, one write a step, and ends those that somebody else left behind.

All decisions are `plan.rebalance`'s; what this keeps between two steps may be lost at any time.
"""

from collections.abc import Callable, Iterator
from functools import partial

from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.rebalance.begun import Owns, begun
from swarm_operator.plan.rebalance.decisions import POLL_S
from swarm_operator.plan.rebalance.moves import Move
from swarm_operator.plan.rebalance.start import Limits, why_not_begun
from swarm_operator.runtime.flight import Flight
from swarm_operator.runtime.move_recovery import Recovery
from swarm_operator.runtime.move_reports import Progress, Report
from swarm_operator.runtime.ports import Clock, SwarmPort
from swarm_operator.runtime.service_desk import ServiceDesk
from swarm_operator.runtime.withdrawal import Withdrawal, Withdrawals


class Mover:
    """One move at a time. The caller holds the lease, and brings a fresh and complete snapshot."""

    def __init__(
        self,
        port: SwarmPort,
        clock: Clock,
        withdrawal: Withdrawal,
        *,
        who: str,
        new_id: Callable[[], str],
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._desk = ServiceDesk(port, clock, leads)
        self._withdrawal = withdrawal
        self._who = who
        self._new_id = new_id
        self._flight: Flight | None = None
        self._recovery = Recovery(self._desk, withdrawal)

    @property
    def in_flight(self) -> str | None:
        """The id of the service whose task is being moved by this process."""
        return self._flight.move.service_id if self._flight is not None else None

    @property
    def busy_with(self) -> frozenset[str]:
        """Ids of the services of which something is remembered: there is a step to make."""
        own = frozenset() if self._flight is None else {self._flight.move.service_id}
        return self._recovery.services | own

    def begin(self, move: Move, swarm: Swarm, limits: Limits) -> str | None:
        """Take the move on; the next step makes its first write. Returns why it may not be."""
        if self._flight is not None:
            return "another move is under way"
        service = swarm.services_by_id.get(move.service_id)
        if service is None:
            return "the service is gone"
        slots = self._desk.slots(service, swarm)
        why = why_not_begun(move, service, slots, swarm.nodes_by_id)
        if why is not None:
            return why
        withdrawals = Withdrawals(self._withdrawal, self._desk.clock)
        self._flight = Flight(self._desk, withdrawals, move, limits, self._new_id(), self._who)
        return None

    def give_up(self, service_id: str, why: str) -> None:
        """The service's desired spec changed: end the move first, without harm."""
        if self._flight is not None and self._flight.move.service_id == service_id:
            self._flight.give_up(why)

    def forget(self) -> None:
        """The lease was lost: whoever has it ends the move, from its label."""
        if self._flight is not None:
            self._flight.forget()
        self._flight = None
        self._recovery.forget()

    def step(self, swarm: Swarm, owns: Owns) -> Progress:
        """At most one write. Raises what the port raises; the next step looks again then.

        Moves that somebody left behind are ended where `owns` says that they are ours.
        """
        if not swarm.is_complete:
            return Progress(due_s=POLL_S, saw=False)
        reports: list[Report] = []
        due_s: float | None = None
        for act in self._acts(swarm, owns):
            progress = act()
            reports += progress.reports
            due_s = _sooner(due_s, progress.due_s)
            if progress.wrote:
                return Progress(tuple(reports), 0.0, wrote=True)
        return Progress(tuple(reports), due_s)

    def _acts(self, swarm: Swarm, owns: Owns) -> Iterator[Callable[[], Progress]]:
        flight = self._flight
        if flight is not None:
            yield partial(self._fly, flight, swarm)
        left = begun(swarm, owns)
        self._recovery.forget_but({service.id for service in left})
        for service in left:
            if flight is None or service.id != flight.move.service_id:
                yield partial(self._recovery.step, service, swarm)

    def _fly(self, flight: Flight, swarm: Swarm) -> Progress:
        progress = flight.step(swarm)
        if flight.outcome is not None:
            self._flight = None
        return progress


def _sooner(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
