"""How containers of an image behave: scripted, for a model has no processes."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Of all containers of an image. Times in seconds."""

    start_s: float | None = None
    """Until it runs (or is healthy); None: the engine's usual time."""
    healthy: bool = True
    """False: where the task has a health check it fails before the task ever runs."""
    becomes_unhealthy_after_s: float | None = None
    """After running this long its health check fails, where it has one."""
    exit_after_s: float | None = None
    """The process ends by itself after running this long."""
    exit_code: int = 0
    missing: bool = False
    """No node has it and no registry: tasks are rejected."""
    ignores_sigterm: bool = False
    """Stopping takes the whole grace period (StopGracePeriod, 10 s by default)."""
    declares_volumes: bool = False


@dataclass
class ImageLibrary:
    """Behaviour by image reference, tag included; whatever is not named here simply works."""

    scripted: dict[str, Behaviour] = field(default_factory=dict)
    pulled: set[tuple[str, str]] = field(default_factory=set)
    """Node ids and images, without digest: a node has what a task of its own needed."""

    def behaviour(self, image: str) -> Behaviour:
        """The longest matching of: the whole reference, without digest, without tag."""
        name = image.split("@", 1)[0]
        for candidate in (image, name, untagged(name)):
            if candidate in self.scripted:
                return self.scripted[candidate]
        return Behaviour()


def untagged(name: str) -> str:
    """The reference without its tag; a registry's port is none."""
    head, colon, tail = name.rpartition(":")
    return head if colon and "/" not in tail else name
