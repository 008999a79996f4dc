"""Invariant 4 and its like: a move costs one restart and never a copy, and leaves no trace."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.engine.records import ServiceRecord, TaskRecord
from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.monitors.coverage import (
    CARRIED_OUT,
    ENDED_BY_ANOTHER,
    MEDDLED_WITH,
    UNDONE,
    Coverage,
)
from tests.laws.schedules.monitors.journeys import (
    Journey,
    Journeys,
    constraints_of,
    is_marked,
    label_of,
)

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab
    from tests.laws.schedules.process import Process

COPIES = "invariant 4 (a move never takes a copy that is needed)"
RESTARTS = "a move restarts one task, and makes nothing worse"
TRACES = "a move leaves the service as it was"
THEIRS = "what another hand wrote in a move stays"


class Moves(Monitor):
    """Judges what operators write, and what Swarm does because of it."""

    def __init__(self, lab: "Lab") -> None:
        super().__init__(lab)
        self.journeys = Journeys(lab, self._taken, self._ended)
        self.begun = 0
        """Moves so far."""
        self.ended_at: dict[str, float] = {}
        """By service's name, of its newest move."""
        self._before: ServiceRecord | None = None
        self._newest_end: Journey | None = None
        """The move of which the last trace went, perhaps by the very write that is judged."""
        self._written: dict[str, list[tuple[tuple[str, ...], Any]]] = {}
        """By service id: every leaf that operators wrote in its move, as the engine stored it."""
        self._looked: dict[int, int] = {}
        """By process: the tick of its last look at the tasks."""
        self._writer: int = 0

    def read(self, process: "Process", request: ApiRequest, response: ApiResponse) -> None:
        del response
        if request.path == "/tasks":
            self.journeys.tick += 1
            self._looked[process.number] = self.journeys.tick

    def by_hand(self, name: str) -> None:
        self.journeys.hand = name

    # --- writes -----------------------------------------------------------------------------------

    def before_write(self, process: "Process", request: ApiRequest) -> None:
        del request
        self.journeys.decides(process.number)

    def write_goes_out(self, process: "Process", request: ApiRequest) -> None:
        self._writer = process.number
        self.journeys.hand = ""
        service_id = request.path.removeprefix("/services/").removesuffix("/update")
        self._before = self.lab.engine.store.services.get(service_id)
        if self._before is not None and request.path.endswith("/update") and label_of(request.body):
            self.journeys.announce(self._before, request.body, process.number)

    def wrote(self, process: "Process", request: ApiRequest, response: ApiResponse) -> None:
        del response
        before = self._before
        after = self.lab.engine.store.services.get(before.id) if before is not None else None
        if before is None or after is None or not request.path.endswith("/update"):
            return
        if label_of(after.spec) and not is_marked(before):
            self.begun += 1
        self._check_traces(process, before, after)
        if label_of(before.spec):
            self._check_theirs(process, before, after)
        if not is_marked(before):
            self._written[after.id] = []
        self._written.setdefault(after.id, []).extend(_leaves(after.spec))

    def _check_traces(
        self, process: "Process", before: ServiceRecord, after: ServiceRecord
    ) -> None:
        fences = [c for c in constraints_of(after.spec) if c.startswith("node.id")]
        if fences and not label_of(after.spec):
            self.lab.broke(TRACES, f"{process.name} fences {after.name} in without an intent")
        journey = self.journeys.by_id.get(before.id) or self._newest_end
        # Of another hand's update the operator may have to make something else at once.
        is_by_hand = journey is not None and journey.by_hand
        is_seal = not label_of(before.spec) and label_of(before.previous_spec) and not is_by_hand
        if is_seal and not label_of(after.spec) and after.spec != before.spec:
            self.lab.broke(TRACES, f"{process.name} writes {after.name} before its move is sealed")

    def _check_theirs(
        self, process: "Process", before: ServiceRecord, after: ServiceRecord
    ) -> None:
        """Leaf by leaf: what no operator wrote in this move, nobody but another hand can have."""
        ours, now = self._written.get(before.id), dict(_leaves(after.spec))
        for path, value in _leaves(before.spec) if ours else ():
            if (path, value) not in (ours or ()) and now.get(path) != value:
                name = ".".join(path)
                self.lab.broke(THEIRS, f"{process.name} overwrites {name} of {after.name}")

    # --- tasks ------------------------------------------------------------------------------------

    def _taken(self, journey: Journey, task: TaskRecord, left: int) -> None:
        """A serving task is told to stop; so many slots serve without it."""
        if journey.by_hand or journey.stops_first or left >= journey.wished:
            return
        if journey.lost > self._looked.get(self._writer, 0):
            return  # one ended between the operator's look and its write
        node = self.lab.engine.store.nodes[task.node_id].hostname
        said = f"{journey.service}: {left} of {journey.wished} serve, a task on {node} is stopped"
        self.lab.broke(COPIES, said)

    # --- the end ----------------------------------------------------------------------------------

    def _ended(self, journey: Journey, service: ServiceRecord) -> None:
        if not journey.by_hand and service.spec != _restored(journey.original):
            self.lab.broke(TRACES, f"{service.name} is not as before its move")
        if not journey.by_hand and service.previous_spec not in (None, service.spec):
            self.lab.broke(TRACES, f"a rollback of {service.name} would undo its move's end")
        self._newest_end = journey
        self._note(journey, service)
        self.ended_at[service.name] = self.lab.now
        if not journey.is_clean:
            return
        gone = [task for task in journey.taken if task in journey.old]
        if len(gone) > 1:
            self.lab.broke(RESTARTS, f"{service.name}: {len(gone)} tasks were stopped for one move")
        self._check_balance(journey, service)

    def _note(self, journey: Journey, service: ServiceRecord) -> None:
        reached = self.lab.monitor(Coverage).reached
        is_moved = self.journeys.copies(service.id) != journey.copies
        reached.add(CARRIED_OUT if is_moved else UNDONE)
        if journey.by_hand:
            reached.add(MEDDLED_WITH)
        if self._writer != journey.writer:
            reached.add(ENDED_BY_ANOTHER)

    def _check_balance(self, journey: Journey, service: ServiceRecord) -> None:
        after = self.journeys.copies(service.id)
        if after == journey.copies or after.total() != journey.copies.total():
            return
        change = tuple(
            measure(after) - measure(journey.copies)
            for measure in (*self._branches(service), _squares)
        )
        if self._writer != journey.writer and change <= (0,) * len(change):
            return  # who finds a surge ends it where Swarm does: a task may have gone elsewhere instead
        totals = Counter(journey.totals)
        totals.update(after)
        totals.subtract(journey.copies)
        if (*change, _squares(totals) - _squares(journey.totals)) >= (0,) * (len(change) + 1):
            self.lab.broke(RESTARTS, f"{service.name} was moved, and nothing is more even")

    def _branches(self, service: ServiceRecord) -> Iterator[Any]:
        """For each spread preference, level by level, the sum of squares over its branches."""
        preferences = dig(service.spec, "TaskTemplate", "Placement", "Preferences") or ()
        words = [dig(each, "Spread", "SpreadDescriptor") for each in preferences]
        nodes = self.lab.engine.store.nodes
        for level in range(1, len(words) + 1):

            def measure(copies: Counter[str], level: int = level) -> int:
                branches: Counter[tuple[str, ...]] = Counter()
                for node_id, count in copies.items():
                    labels = nodes[node_id].labels
                    names = [word.removeprefix("node.labels.") for word in words[:level]]
                    branches[tuple(labels.get(name, "") for name in names)] += count
                return _squares(branches)

            yield measure


def _squares(counts: "Counter[Any]") -> int:
    return sum(count * count for count in counts.values())


def _restored(spec: JsonObject) -> JsonObject:
    """No service is written without `Placement`: that panics the manager."""
    template = spec["TaskTemplate"]
    return {**spec, "TaskTemplate": {**template, "Placement": template.get("Placement") or {}}}


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict) and value:
        for key, member in value.items():
            yield from _leaves(member, (*path, str(key)))
    elif value is not None:
        yield path, value
