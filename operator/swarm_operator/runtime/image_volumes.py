"""Which images declare volumes, asked once each of the manager's engine."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from swarm_operator.observed.errors import OutsideError
from swarm_operator.runtime.ports import Clock, SwarmPort

ASK_AGAIN_S: Final = 600.0
"""An image that the manager does not have may be pulled some day."""
REMEMBERED: Final = 4096
"""Images. Each release is another one; those asked for longest ago are forgotten first, and asked for
anew if they come again."""


@dataclass(slots=True)
class ImageVolumes:
    """Remembers the answers: an image under one name is taken to stay as it is."""

    port: SwarmPort
    clock: Clock
    remembered: int = REMEMBERED
    _known: OrderedDict[str, tuple[bool | None, float]] = field(default_factory=OrderedDict)
    """By image, the answer, and when it was asked for."""

    def __call__(self, image: str) -> bool | None:
        """None where it cannot be seen."""
        now = self.clock.monotonic()
        answer, asked_at = self._known.get(image, (None, None))
        if asked_at is None or (answer is None and now - asked_at >= ASK_AGAIN_S):
            answer = self._ask(image)
            self._known[image] = answer, now
        self._known.move_to_end(image)
        while len(self._known) > self.remembered:
            self._known.popitem(last=False)
        return answer

    def _ask(self, image: str) -> bool | None:
        try:
            return self.port.image_volumes(image)
        except OutsideError:
            return None
