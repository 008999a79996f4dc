"""Which names of a zone are to be looked at, and for how many of them its account has requests left."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from desired_state.dns_forms import RecordType
from swarm_operator.plan.dns.budget import CHANGES_PER_RUN, Calls
from swarm_operator.runtime.dns.names import Name

Needs: TypeAlias = dict[str, tuple[RecordType, ...]]
"""Types to look at, by name."""

CALLS_OF_A_LOOK: Final = 2
"""For one type: a list, and its one record."""


@dataclass(slots=True)
class Budget:
    """Of one account, shared by its zones."""

    calls: Calls = field(default_factory=Calls)
    closed_until: float = 0.0
    """The provider asked for so much patience."""

    def wait_s(self, calls: int, now: float, *, is_urgent: bool) -> float:
        closed_s = max(0.0, self.closed_until - now)
        return max(closed_s, self.calls.wait_s(calls, now, is_urgent=is_urgent))

    def pay(self, calls: int, now: float) -> None:
        """For an order, when it is put: other zones of the account put theirs at the same moment."""
        self.calls = self.calls.spent(calls, now)

    def settle(self, calls: int, paid: int, now: float) -> None:
        """It took so many."""
        self.calls = self.calls.spent(calls - paid, now)

    def affordable(self, lane: "Lane", now: float, *, needs_publish: bool) -> tuple[Needs, float]:
        """As many of them as there are calls for and a run may change; and how long to wait where there
        is none."""
        calls = 2 if lane.is_change and needs_publish else 0
        found: Needs = {}
        for name, types in itertools.islice(lane.needs.items(), CHANGES_PER_RUN):
            calls += CALLS_OF_A_LOOK * len(types)
            waits_s = self.wait_s(calls, now, is_urgent=lane.is_urgent)
            if waits_s > 0:
                return found, waits_s
            found[name] = types
        return found, 0.0


@dataclass(frozen=True, slots=True)
class Lane:
    """Names that are looked at for the same sort of reason."""

    is_change: bool = False
    is_urgent: bool = False
    """Whether it may use the requests that are reserved."""
    needs: Needs = field(default_factory=dict)


def lanes(names: Mapping[str, Name], held: frozenset[str], now: float) -> tuple[Lane, Lane, Lane]:
    """What people ask for already and is to be otherwise, or is owed; what was never written; what is
    only looked after. `held`: names that must not change yet."""
    moves, firsts, audits = Lane(is_change=True, is_urgent=True), Lane(is_change=True), Lane()
    for key, name in names.items():
        types = name.needs(now)
        if not types or key in held:
            continue
        lane = audits
        if name.owed or name.changing():
            is_served = any(rrset.written for rrset in name.records.values())
            lane = moves if name.owed or is_served else firsts
        lane.needs[key] = types
    return moves, firsts, audits


def note_who_waits(
    names: Mapping[str, Name], lane: Lane, affordable: Needs, waits_s: float
) -> None:
    """Names that are to change, and for which the account has no requests left for now."""
    for key in lane.needs if lane.is_change else ():
        names[key].waits_for_calls = waits_s > 0 and key not in affordable
