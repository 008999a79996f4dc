"""The same load through every publisher, while one thing changes; the rows of a case."""

import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Final, Self

from tests.bench.routes.floor import Arm, Floor
from tests.bench.routes.row import OPERATOR, WITHOUT, Goal, Row, Tally, Writes, seconds_to
from tests.cluster.harness import eventually
from tests.cluster.harness.faults import Request
from tests.cluster.traefik_lab import ROOT
from tests.load import running
from tests.load.results import Result

WARM_UP: Final = 60
"""Requests before the change."""
GIVEN_UP_S: Final = 5.0
TAIL_S: Final = 3.0
"""After all is as it should be: what goes wrong late is to be seen too."""
_CHECKED_EVERY_S: Final = 0.5


class Measuring:
    """Loads for as long as the `with`; `changed` in the middle of it, `rows` at its end."""

    def __init__(self, floor: Floor, case: str, arms: Sequence[Arm], **load: Any) -> None:
        self.floor = floor
        self.case = case
        self._arms = list(arms)
        self._options = {"rate": 50, "timeout": GIVEN_UP_S, **load}
        self._stack = ExitStack()
        self._loads: dict[str, running.Load] = {}
        self._reloads: dict[str, int] = {}
        self._results: dict[str, Result] = {}
        self.changed_at = 0.0

    def __enter__(self) -> Self:
        self.floor.say(self.case)
        for arm in self._arms:
            self._reloads[arm.by] = arm.traefik.reloads()
            load = running.on(self.floor.lab, arm.host, at=arm.traefik.at, **self._options)
            self._loads[arm.by] = self._stack.enter_context(load)
        self.floor.stage.forget()
        for begun in self._loads.values():
            begun.wait_for(WARM_UP)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def changed(self) -> None:
        """What follows is the change: times count from here."""
        self.changed_at = time.monotonic()

    def wait_for(self, requests: int) -> None:
        """Wait until each load has so many answers, the last of them well after now."""
        for load in self._loads.values():
            load.wait_for(max(requests, load.so_far().total + WARM_UP), within=120)

    def wait_until_reached(self, goal: Goal, within: float) -> None:
        """Wait until every publisher's load has seen an answer of the goal, or long enough.

        Raises AssertionError where the operator's has not.
        """
        deadline = self.changed_at + within
        missing = set(self._loads)
        while missing and time.monotonic() < deadline:
            time.sleep(_CHECKED_EVERY_S)
            missing = {by for by in missing if self._seconds_to(by, goal) is None}
        assert not missing & {OPERATOR, WITHOUT}, f"{self.case}: {missing}"

    def wait_until_failed(self, by: str, within: float) -> None:
        """Wait until a publisher's load has failed some, or long enough."""
        deadline = self.changed_at + within
        while not self._loads[by].so_far().failed and time.monotonic() < deadline:
            time.sleep(_CHECKED_EVERY_S)

    def end(self) -> dict[str, Result]:
        """End the loads; what each publisher's got."""
        time.sleep(TAIL_S)
        self._results = {by: load.end() for by, load in self._loads.items()}
        return self._results

    def rows(self, goal: Goal | None = None, fine: Collection[int] = ()) -> list[Row]:
        """End the loads, if they run. `fine`: statuses that are no failure here."""
        results = self._results or self.end()
        writes = written(self.floor.stage.consul.writes())
        return [
            Row(
                case=self.case,
                by=arm.by,
                tally=Tally.of(results[arm.by], fine),
                live_s=seconds_to(results[arm.by], goal, self.changed_at) if goal else None,
                reloads=arm.traefik.reloads() - self._reloads[arm.by],
                writes=writes if arm.by in {OPERATOR, WITHOUT} else None,
            )
            for arm in self._arms
        ]

    def _seconds_to(self, by: str, goal: Goal) -> float | None:
        return seconds_to(self._loads[by].so_far(), goal, self.changed_at)


def written(requests: Sequence[Request]) -> Writes:
    """What of these requests to Consul went to Traefik's root."""
    found = [keys for request in requests if (keys := keys_below_traefik(request))]
    return Writes(len(found), sum(map(len, found)))


def keys_below_traefik(request: Request) -> list[str]:
    """The keys below Traefik's root that a request set or deleted."""
    if request.path != "/v1/txn" or request.status != 200:
        return []
    operations: Any = request.json()
    return [
        one["KV"]["Key"]
        for one in operations
        if "KV" in one
        and one["KV"]["Key"].startswith(f"{ROOT}/")
        and not one["KV"]["Verb"].startswith(("check", "get"))
    ]


def wait_for_settled_routes(floor: Floor) -> None:
    """Wait until what is written is what every instance has, and nothing more is to be written."""

    def settled() -> bool:
        return floor.stage.traefik_status().get("state") in {"Publishing", "Idle"}

    eventually(settled, 30, "the routes are settled", 0.2)
