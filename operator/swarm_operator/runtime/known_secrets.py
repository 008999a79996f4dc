"""The secret values that this process has met, by stack: old ones live on in the errors of old tasks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from swarm_operator.observed.swarm import Service, Task
from swarm_operator.plan.compose.specs import StackSpecs
from swarm_operator.plan.redact import Redaction, values_of_live


@dataclass(slots=True)
class KnownSecrets:
    """Never forgets while the process lives; holds values in memory only."""

    learn: Callable[[frozenset[str]], None]
    """Told every new value, so that the log hides it."""
    _values: dict[str, frozenset[str]] = field(default_factory=dict)

    def redaction(
        self,
        stack: str,
        specs: StackSpecs | None,
        services: Iterable[Service],
        tasks: Iterable[Task],
    ) -> Redaction:
        """What must not be shown of a stack. `specs` is None where its document cannot be used,
        `services` and `tasks` are those of the stack that the swarm knows."""
        known = self._values.get(stack, frozenset())
        live = values_of_live(tuple(services), tasks, specs)
        if specs is None:
            return Redaction(known | live)
        redaction = Redaction.of(specs, also=known)
        if not redaction.values <= known:
            self._values[stack] = known | redaction.values
            self.learn(redaction.values)
        return Redaction(redaction.values | live)
