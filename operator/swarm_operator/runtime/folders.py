"""When a stack's folder in the KV is whole: what people edit key by key is left to settle."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from swarm_operator.plan.desired import FolderVersion

DEBOUNCE_S: Final = 0.25
"""How long a folder that people edit must be quiet before it is acted on."""
PUSHING_WARN_S: Final = 60.0
"""How long a `.pushing` marker may stand before it is reported."""
_LOOK_AGAIN_S: Final = 5.0


@dataclass(slots=True)
class _Known:
    fingerprint: frozenset[tuple[str, int]]
    changed_at: float
    pushing_since: float | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a folder is not acted on yet, and when it is looked at again."""

    until: float
    interrupted: bool = False
    """A push began so long ago that it will hardly end by itself."""


@dataclass(slots=True)
class Folders:
    """What is remembered of the folders between two answers of the KV."""

    _known: dict[str, _Known] | None = field(default=None)

    def note(self, folders: Mapping[str, FolderVersion], now: float) -> frozenset[str]:
        """Take an answer in. Returns the stacks whose files changed."""
        # What lay there before we came needs no debounce: nobody is typing.
        before = self._known
        changed_at = now - DEBOUNCE_S if before is None else now
        self._known = {
            stack: _noted(folder, (before or {}).get(stack), changed_at, now)
            for stack, folder in folders.items()
        }
        return frozenset(
            stack
            for stack, known in self._known.items()
            if before is None
            or stack not in before
            or before[stack].fingerprint != known.fingerprint
        )

    def changed_at(self, stack: str) -> float:
        """When a file of the folder changed last, as far as we have seen."""
        known = (self._known or {}).get(stack)
        return known.changed_at if known is not None else 0.0

    def waiting(self, folder: FolderVersion, now: float) -> Waiting | None:
        """None where the folder is whole."""
        known = (self._known or {})[folder.stack]
        if known.pushing_since is not None:
            warned_at = known.pushing_since + PUSHING_WARN_S
            if now >= warned_at:
                return Waiting(now + _LOOK_AGAIN_S, interrupted=True)
            return Waiting(warned_at)
        quiet_at = known.changed_at + DEBOUNCE_S
        if now < quiet_at and not folder.is_as_pushed:
            return Waiting(quiet_at)
        return None


def _noted(folder: FolderVersion, known: _Known | None, changed_at: float, now: float) -> _Known:
    fingerprint = folder.fingerprint
    since = known.pushing_since if known is not None else None
    if folder.pushing is None:
        since = None
    elif since is None:
        since = now
    if known is not None and known.fingerprint == fingerprint:
        changed_at = known.changed_at
    return _Known(fingerprint, changed_at, since)
