"""The differences of two service specs, as paths that people recognise, with what they cost."""

from typing import Any, Final

from desired_state.secret_texts import HIDDEN
from swarm_operator.observed.json import JsonObject
from swarm_operator.plan.actions import Change, Effect
from swarm_operator.plan.ownership import PREFIX
from swarm_operator.plan.redact import Redaction

_EFFECTS: Final = (
    ("Mode.Replicated.", Effect.IN_PLACE),
    ("Mode.", Effect.RESTARTS),
    ("Labels.", Effect.NONE),
    ("UpdateConfig", Effect.NONE),
    ("RollbackConfig", Effect.NONE),
    ("TaskTemplate.Placement", Effect.IN_PLACE),
    ("TaskTemplate", Effect.RESTARTS),
    ("EndpointSpec", Effect.RESTARTS),
)
"""By prefix; the first that fits. SwarmKit replaces a task whose template or ports changed; a change
of placement alone moves only the tasks that do not fit any more (`orchestrator/task.go`)."""


def changes(before: JsonObject, after: JsonObject, redaction: Redaction) -> tuple[Change, ...]:
    """What differs between two specs in their `comparable` form, ordered by path."""
    found: list[Change] = []
    _compare("", before, after, redaction, found)
    return tuple(sorted(found, key=lambda change: change.path))


def effect_of(path: str) -> Effect:
    """What a change at this path does to the service's running tasks."""
    return next((effect for prefix, effect in _EFFECTS if path.startswith(prefix)), Effect.NONE)


def _compare(path: str, before: Any, after: Any, redaction: Redaction, found: list[Change]) -> None:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            below = f"{path}.{key}" if path else key
            _compare(below, before.get(key, _ABSENT), after.get(key, _ABSENT), redaction, found)
        return
    if _is_map(before) or _is_map(after):
        _compare(
            path,
            before if _is_map(before) else {},
            after if _is_map(after) else {},
            redaction,
            found,
        )
        return
    texts = [_text(path, value, redaction) for value in (before, after)]
    if HIDDEN in texts:  # the other one may hold a value that was secret before, and is unknown now
        texts = [None if text is None else HIDDEN for text in texts]
    found.append(Change(path, before=texts[0], after=texts[1], effect=effect_of(path)))


class _Absent:
    """Told from null, which is a value of an environment variable without one."""


_ABSENT: Final = _Absent()


def _is_map(value: Any) -> bool:
    """An object with members is compared member by member even where the other side has none."""
    return isinstance(value, dict) and bool(value)


def _text(path: str, value: Any, redaction: Redaction) -> str | None:
    return None if isinstance(value, _Absent) else redaction.show(path, value)


def is_bookkeeping(change: Change) -> bool:
    """Whether a change is only about our own labels."""
    return change.path.startswith(f"Labels.{PREFIX}")
