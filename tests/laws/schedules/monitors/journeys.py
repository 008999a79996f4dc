"""Moves as the engine sees them: which are under way, what they began with, who else had a hand in."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.simulation.engine.records import (
    NodeRecord,
    ServiceRecord,
    TaskRecord,
    TaskState,
)
from swarm_operator.simulation.engine.store import Change

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab

LABEL: Final = "io.swarm-operator.move"
"""Written here once more: the product's own word is not its own judge."""


UNHEARD_S: Final = 15.0
"""A new leader calls every node unknown until it hears of it; three heartbeats are enough for that."""


def label_of(spec: JsonObject | None) -> str:
    """The intent as text; "" where there is none."""
    return str(((spec or {}).get("Labels") or {}).get(LABEL, ""))


def is_marked(service: ServiceRecord) -> bool:
    """Whether a move of it has not ended: the intent is in the spec, or a rollback would bring it."""
    return bool(label_of(service.spec) or label_of(service.previous_spec))


@dataclass
class Journey:
    """One service from the first write with an intent to the last trace of it."""

    service: str
    intent: JsonObject
    original: JsonObject
    """The spec before."""
    copies: Counter[str]
    """By node id, before."""
    totals: Counter[str]
    """The same of all services, when the writer decided."""
    old: frozenset[str]
    """Ids of the tasks that served before."""
    writer: int = 0
    """Number of the process that began it."""
    by_hand: bool = False
    """Another hand wrote the service since then, or brought the intent back."""
    shaken: set[str] = field(default_factory=set)
    """Ids of nodes that died, or that a person drained, paused or labelled since then: what runs
    there Swarm may stop by itself."""
    taken: list[str] = field(default_factory=list)
    """Ids of tasks that served, and that Swarm was made to stop."""
    lost: int = 0
    """The newest tick at which a task ended by itself, or with its node."""

    @property
    def wished(self) -> int:
        return int(self.intent["replicas"])

    @property
    def stops_first(self) -> bool:
        return bool(self.intent["how"] == "stop-first")

    @property
    def is_clean(self) -> bool:
        """Whether nobody but the operators and Swarm had anything to do with it."""
        return not self.by_hand and not self.shaken and not self.lost


class Journeys:
    """Follows the managers' store, change by change."""

    def __init__(
        self,
        lab: "Lab",
        on_taken: Callable[[Journey, TaskRecord, int], None],
        on_end: Callable[[Journey, ServiceRecord], None],
    ) -> None:
        """`on_taken` is told how many slots serve without the task that is stopped."""
        self._lab = lab
        self._on_taken = on_taken
        self._on_end = on_end
        self.by_id: dict[str, Journey] = {}
        self.tick = 0
        """Counts looks and losses, to tell which came first."""
        self.steady_since = {node.id: lab.now for node in lab.engine.store.nodes.all()}
        """By node id: since when it is ready and active."""
        self._unknown_since: dict[str, float] = {}
        self.hand = ""
        """The service that another hand writes at this moment."""
        self._writing: tuple[str, str, Journey] | None = None
        self._decided: dict[int, Counter[str]] = {}
        """By process: all tasks by node id when it decided on its newest write."""
        lab.engine.store.observe(self._changed)

    # --- who writes -------------------------------------------------------------------------------

    def decides(self, writer: int) -> None:
        """A process makes up its mind; what another hand does to other services until the write is done
        (a rollout, say) it cannot know, and no version tells it."""
        self._decided[writer] = self._totals()

    def _totals(self) -> Counter[str]:
        return Counter(
            task.node_id for task in self._lab.engine.store.tasks.all() if _is_live(task)
        )

    def announce(self, service: ServiceRecord, body: JsonObject, writer: int) -> None:
        """An operator is about to write this body, which has an intent."""
        text = label_of(body)
        made = self._journey(service, json.loads(text), writer)
        self._writing = (service.id, text, made)

    def _journey(self, service: ServiceRecord, intent: JsonObject, writer: int) -> Journey:
        tasks = self._lab.engine.store.tasks.all()
        live = [t for t in tasks if _is_live(t)]
        return Journey(
            service.name,
            intent,
            service.spec,
            self.copies(service.id),
            self._decided.get(writer, self._totals()),
            frozenset(t.id for t in live if t.service_id == service.id and self._serves(t)),
            writer,
            by_hand=writer == 0,
        )

    # --- what serves ------------------------------------------------------------------------------

    def copies(self, service_id: str) -> Counter[str]:
        """By node id: tasks that are wished to run there."""
        tasks = self._lab.engine.store.tasks_of_service(service_id)
        return Counter(task.node_id for task in tasks if _is_live(task))

    def serving(self, service_id: str) -> set[int]:
        """The slots of which a task serves, as far as Swarm can know."""
        tasks = self._lab.engine.store.tasks_of_service(service_id)
        return {task.slot for task in tasks if self._serves(task)}

    def _serves(self, task: TaskRecord) -> bool:
        node = self._lab.engine.store.nodes.get(task.node_id)
        return _runs(task) and node is not None and node.state != "down"

    # --- what happens -----------------------------------------------------------------------------

    def _changed(self, change: Change) -> None:
        record = change.record
        if isinstance(record, NodeRecord):
            self._node_changed(change.old, change.new)
        elif isinstance(record, TaskRecord):
            self._task_changed(change.old, change.new)
        elif isinstance(record, ServiceRecord):
            self._service_changed(record, change.new is None)

    def _node_changed(self, old: Any, new: Any) -> None:
        self._note_steady((new or old).id, new)
        if old is None or new is None:
            return
        is_edited = (old.availability, old.labels) != (new.availability, new.labels)
        if is_edited or (new.state != old.state and new.state == "down"):
            for journey in self.by_id.values():
                journey.shaken.add(new.id)
        if new.state == "down":
            self._lose(*self.by_id.values())

    def _note_steady(self, node_id: str, new: Any) -> None:
        unheard_s = self._lab.now - self._unknown_since.get(node_id, self._lab.now)
        if new is not None and (new.state, new.availability) == ("unknown", "active"):
            self._unknown_since.setdefault(node_id, self._lab.now)
            return
        self._unknown_since.pop(node_id, None)
        is_steady = new is not None and (new.state, new.availability) == ("ready", "active")
        if not is_steady or unheard_s > UNHEARD_S:
            self.steady_since.pop(node_id, None)
        if is_steady:
            self.steady_since.setdefault(node_id, self._lab.now)

    def _task_changed(self, old: Any, new: Any) -> None:
        if old is None or not _runs(old):
            return
        journey = self.by_id.get(old.service_id)
        if journey is None:
            return
        if new is not None and new.state is not TaskState.RUNNING:
            self._lose(journey)
        elif new is None or new.desired_state > TaskState.RUNNING:
            left = self.serving(old.service_id)
            if old.slot not in left and old.node_id not in journey.shaken:
                journey.taken.append(old.id)
                self._on_taken(journey, old, len(left))

    def _lose(self, *journeys: Journey) -> None:
        self.tick += 1
        for journey in journeys:
            journey.lost = self.tick

    def _service_changed(self, service: ServiceRecord, is_gone: bool) -> None:
        journey = self.by_id.get(service.id)
        if journey is not None and service.name == self.hand:
            journey.by_hand = True
        if is_gone:
            self.by_id.pop(service.id, None)
        elif journey is not None and not is_marked(service):
            del self.by_id[service.id]
            self._on_end(journey, service)
        elif journey is None and label_of(service.spec):
            self.by_id[service.id] = self._begun(service)

    def _begun(self, service: ServiceRecord) -> Journey:
        if self._writing is not None:
            service_id, text, made = self._writing
            if (service_id, text) == (service.id, label_of(service.spec)):
                return made
        return self._journey(service, json.loads(label_of(service.spec)), writer=0)


def _runs(task: TaskRecord) -> bool:
    return task.state is TaskState.RUNNING and task.desired_state is TaskState.RUNNING


def _is_live(task: TaskRecord) -> bool:
    return bool(task.node_id) and task.desired_state <= TaskState.RUNNING


def constraints_of(spec: JsonObject) -> list[str]:
    """Of the placement."""
    return list(dig(spec, "TaskTemplate", "Placement", "Constraints") or ())
