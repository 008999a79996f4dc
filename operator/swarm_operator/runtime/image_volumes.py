"""Which images declare volumes, asked once each of the manager's engine."""

from dataclasses import dataclass, field
from typing import Final

from swarm_operator.observed.errors import OutsideError
from swarm_operator.runtime.ports import Clock, SwarmPort

ASK_AGAIN_S: Final = 600.0
"""An image that the manager does not have may be pulled some day."""


@dataclass(slots=True)
class ImageVolumes:
    """Remembers the answers: an image under one name is taken to stay as it is."""

    port: SwarmPort
    clock: Clock
    _known: dict[str, bool] = field(default_factory=dict)
    _ask_again_at: dict[str, float] = field(default_factory=dict)

    def __call__(self, image: str) -> bool | None:
        """None where it cannot be seen."""
        if image in self._known:
            return self._known[image]
        now = self.clock.monotonic()
        if now < self._ask_again_at.get(image, now):
            return None
        try:
            seen = self.port.image_volumes(image)
        except OutsideError:
            seen = None
        if seen is None:
            self._ask_again_at[image] = now + ASK_AGAIN_S
            return None
        self._known[image] = seen
        return seen
