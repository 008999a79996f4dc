"""What a move under way says of itself: one label of the service, written with the surge itself.

It holds all that is needed to end the move by somebody who knows nothing else: after a crash, by
another replica of the operator, by a later version. A service's label restarts nothing (SwarmKit
manager/orchestrator/task.go compares task specs only), and it is as durable as the spec it is in.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from swarm_operator.observed.json import JsonObject, canonical, dig
from swarm_operator.plan.ownership import PREFIX
from swarm_operator.plan.rebalance.mobility import How

LABEL: Final = f"{PREFIX}move"
"""On a service whose task is being moved: the intent as JSON."""

PLACEMENT: Final = ("TaskTemplate", "Placement")
UPDATE_CONFIG: Final = ("UpdateConfig",)
REPLICAS: Final = ("Mode", "Replicated", "Replicas")
LABELS: Final = ("Labels",)
CHANGED: Final = (PLACEMENT, UPDATE_CONFIG, REPLICAS)
"""What a move changes of a spec, besides its own label."""


class Step(StrEnum):
    """The last write of a move; the original that ends it has no intent any more."""

    SURGE = "surge"
    """One replica more, steered to the target."""
    MARK = "mark"
    """The source's slot gets a second task, which nobody can place: it is the one to go."""
    ABORT = "abort"
    """The same done to the extra task's slot."""
    PIN = "pin"
    """Of a stop-first move: the only task belongs on the target."""
    REST = "rest"
    """The original already, but for the label: Swarm still replaces tasks that carry a fence."""


@dataclass(frozen=True, slots=True)
class Fence:
    """What a step adds to the placement."""

    constraints: tuple[str, ...] = ()
    """Only those that the original does not have."""
    max_replicas: int | None = None
    """Per node; None leaves the original's."""


@dataclass(frozen=True, slots=True)
class MoveIntent:
    """One task of a service, from a node to a node, and how the service was before."""

    id: str
    who: str
    """Who began it: the operator's replica."""
    how: How
    source: str
    target: str
    landings: frozenset[str]
    """Ids of the nodes on which the new task may land: the target, and those as good."""
    replicas: int
    source_copies: int
    """On the source before the first write; on all of `sources` where there are several."""
    slots: frozenset[int]
    """Slot numbers before the first write: the extra task is known by its slot."""
    before: Mapping[str, Any]
    """By dotted path, what each key of `CHANGED` held, and "Labels"; a key that was absent is
    missing here."""
    settle_s: float
    """How long the new task has to run steadily before the old one goes."""
    limit_s: float
    """How long a step may take."""
    deadline: datetime
    """Of the present step, aware, in UTC."""
    step: Step = Step.SURGE
    fence: Fence = Fence()
    parallelism: int = 1
    """Of the update config in force."""
    wrote: str = ""
    """Digest of the last write, as the engine shows it, without this label."""
    tasks: str = ""
    """Of the original, what `tasks_digest` says; "" where it was not noted."""
    sources: frozenset[str] = frozenset()
    """Ids of the nodes that the old task may leave, where Swarm's choice among several as good is not
    known; empty: the source alone."""

    def renewed(
        self, step: Step, fence: Fence, utc: datetime, parallelism: int = 1
    ) -> "MoveIntent":
        """The intent of the next step, with a deadline of its own; `wrote` is still to be set."""
        deadline = utc + timedelta(seconds=self.limit_s)
        return replace(
            self, step=step, fence=fence, parallelism=parallelism, deadline=deadline, wrote=""
        )

    @property
    def leaves(self) -> frozenset[str]:
        """Ids of the nodes that the old task may leave."""
        return self.sources or frozenset({self.source})

    @property
    def surged(self) -> int:
        """Replicas in force."""
        return self.replicas + (self.how is How.DIRECTED and self.step is not Step.REST)

    def held_before(self, path: tuple[str, ...]) -> Any:
        """What was at the path before; None where the key was absent."""
        return self.before.get(".".join(path))


class Unreadable(ValueError):
    """The label is there and cannot be understood: another version's, or a person's."""


def digest(spec: JsonObject) -> str:
    """Of a spec without our label: equal specs, equal texts."""
    return hashlib.sha256(canonical(unlabelled(spec)).encode()).hexdigest()[:32]


_NOT_OF_TASKS: Final = frozenset({"Name", "Labels", "Mode", "UpdateConfig", "RollbackConfig"})


def tasks_digest(spec: JsonObject) -> str:
    """Of all for which Swarm replaces tasks (SwarmKit manager/orchestrator/task.go): equal where a
    change of the one spec to the other replaces none."""
    template = spec.get("TaskTemplate") or {}
    placement = {key: value for key, value in (template.get("Placement") or {}).items() if value}
    of_tasks = {key: value for key, value in spec.items() if key not in _NOT_OF_TASKS}
    of_tasks["TaskTemplate"] = {**template, "Placement": placement}
    return hashlib.sha256(canonical(of_tasks).encode()).hexdigest()[:32]


def unlabelled(spec: JsonObject) -> JsonObject:
    """The spec without the intent, all else as it is."""
    labels = spec.get("Labels") or {}
    if LABEL not in labels:
        return spec
    return {**spec, "Labels": {key: labels[key] for key in labels if key != LABEL}}


def labelled(spec: JsonObject, intent: MoveIntent) -> JsonObject:
    """The spec with the intent, which then holds the spec's own digest."""
    plain = unlabelled({**spec, "Labels": spec.get("Labels") or {}})
    noted = replace(intent, wrote=digest(plain))
    return {**plain, "Labels": {**plain["Labels"], LABEL: to_text(noted)}}


def intent_of(spec: JsonObject | None) -> MoveIntent | None:
    """The intent in the spec's labels; None where there is none. Raises Unreadable."""
    text = dig(spec, "Labels", LABEL)
    return from_text(text) if isinstance(text, str) else None


def has_label(spec: JsonObject | None) -> bool:
    """Whether an intent is there, readable or not."""
    return isinstance(dig(spec, "Labels", LABEL), str)


def holds_our_write(spec: JsonObject, intent: MoveIntent) -> bool:
    """Whether nobody changed the spec since the move's last write."""
    return digest(spec) == intent.wrote


def to_text(intent: MoveIntent) -> str:
    """The label's value; people read it too."""
    fence: JsonObject = {"constraints": list(intent.fence.constraints)}
    if intent.fence.max_replicas is not None:
        fence["max_replicas"] = intent.fence.max_replicas
    return json.dumps(
        {
            "version": 1,
            "id": intent.id,
            "who": intent.who,
            "how": intent.how.value,
            "from": intent.source,
            "to": intent.target,
            "landings": sorted(intent.landings),
            "replicas": intent.replicas,
            "source_copies": intent.source_copies,
            "slots": _ranges(intent.slots),
            "before": dict(intent.before),
            "settle_s": intent.settle_s,
            "limit_s": intent.limit_s,
            "deadline": intent.deadline.astimezone(UTC).isoformat(),
            "step": intent.step.value,
            "fence": fence,
            "parallelism": intent.parallelism,
            "wrote": intent.wrote,
            "tasks": intent.tasks,
            **({"sources": sorted(intent.sources)} if intent.sources else {}),
        },
        separators=(",", ":"),
    )


def from_text(text: str) -> MoveIntent:
    """Raises Unreadable."""
    try:
        value = json.loads(text)
        if value["version"] != 1:
            raise Unreadable(f"the intent is of version {value['version']}")
        fence = value["fence"]
        return MoveIntent(
            id=str(value["id"]),
            who=str(value["who"]),
            how=How(value["how"]),
            source=str(value["from"]),
            target=str(value["to"]),
            landings=frozenset(map(str, value["landings"])),
            replicas=int(value["replicas"]),
            source_copies=int(value["source_copies"]),
            slots=_numbers(value["slots"]),
            before=dict(value["before"]),
            settle_s=float(value["settle_s"]),
            limit_s=float(value["limit_s"]),
            deadline=_aware(value["deadline"]),
            step=Step(value["step"]),
            fence=Fence(tuple(map(str, fence["constraints"])), fence.get("max_replicas")),
            parallelism=int(value["parallelism"]),
            wrote=str(value["wrote"]),
            tasks=str(value.get("tasks") or ""),
            sources=frozenset(map(str, value.get("sources") or ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"the label {LABEL} cannot be read: {error}") from None


def _aware(text: str) -> datetime:
    made = datetime.fromisoformat(text)
    if made.tzinfo is None:
        raise Unreadable("the intent's deadline has no time zone")
    return made.astimezone(UTC)


def _ranges(numbers: Iterable[int]) -> str:
    """1-4,7: a service of a thousand tasks has a short label too."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in runs)


def _numbers(text: str) -> frozenset[int]:
    found: set[int] = set()
    for run in filter(None, text.split(",")):
        first, _, last = run.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)
