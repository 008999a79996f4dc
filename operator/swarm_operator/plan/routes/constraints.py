"""Which services are published at all: the `constraints` of Traefik's providers.

Follows `pkg/provider/constraints/constraints_labels.go`: ``Label(`name`, `value`)`` and
``LabelRegex(`name`, `regex`)`` with `&&`, `||`, `!` and parentheses. An absent label counts as empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from swarm_operator.plan.routes import go_regexes, predicates
from swarm_operator.plan.routes.predicates import Call, Predicate

_FUNCTIONS: Final = ("Label", "LabelRegex")


@dataclass(frozen=True, slots=True)
class Constraints:
    """An expression over labels; without one every service matches."""

    predicate: Predicate | None = None

    @classmethod
    def parse(cls, text: str) -> "Constraints":
        """Raises ValueError with a message for people."""
        if not text.strip():
            return cls()
        predicate = predicates.parse(text)
        for call in predicates.calls(predicate):
            _check(call)
        return cls(predicate)

    def match(self, labels: Mapping[str, str]) -> bool:
        """Whether a service with these labels is to be published."""

        def of_call(call: Call) -> bool:
            name, wanted = call.arguments
            value = labels.get(name, "")
            if call.name == "Label":
                return value == wanted
            return go_regexes.compiled(wanted).search(value) is not None

        return self.predicate is None or predicates.holds(self.predicate, of_call)


def _check(call: Call) -> None:
    if call.name not in _FUNCTIONS:
        raise ValueError(f"{call.name} is unknown here: use Label or LabelRegex")
    if len(call.arguments) != 2:
        raise ValueError(f"{call.name} takes two texts: the label's name and its value")
    if call.name == "LabelRegex":
        go_regexes.compiled(call.arguments[1])
