"""What every part of a conversion shares: names, labels, and the problems found on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from desired_state import LoadedStack, Problem, Severity
from desired_state.objects import Config, Network, Secret, Volume
from desired_state.problems import Path, shown
from swarm_operator.observed.json import JsonObject

NAMESPACE_LABEL: Final = "com.docker.stack.namespace"
IMAGE_LABEL: Final = "com.docker.stack.image"
DEFAULT_NETWORK: Final = "default"


@dataclass(slots=True)
class Conversion:
    """A stack on its way to specs, collecting what is wrong."""

    stack: LoadedStack
    problems: list[Problem] = field(default_factory=list)

    def scoped(self, key: str) -> str:
        """`<stack>_<key>`: the full name of what the stack owns."""
        return f"{self.stack.name}_{key}"

    def name_of(self, key: str, item: Network | Volume | Config | Secret | None) -> str:
        """The full name of an object: as given, its own key where external, else scoped."""
        if item is not None and item.given_name:
            return item.given_name
        return key if item is not None and item.is_external else self.scoped(key)

    def labels(self, own: Mapping[str, str] | None) -> dict[str, str]:
        """Labels of an object with that of the stack."""
        return {**(own or {}), NAMESPACE_LABEL: self.stack.name}

    def shown(self, value: object) -> str:
        """A value of the document for a message; it may have come out of `.env`."""
        return shown(str(value), self.stack.secret_values)

    def error(self, path: Path, message: str, hint: str | None = None) -> None:
        """Notes what refuses the stack."""
        self.problems.append(self.stack.problem(path, message, hint))

    def warn(self, path: Path, message: str, hint: str | None = None) -> None:
        """Notes what the stack is taken with."""
        self.problems.append(self.stack.problem(path, message, hint, Severity.WARNING))


def is_user_defined(network: str) -> bool:
    """Whether a network has aliases and must exist (container.NetworkMode of the Engine API)."""
    predefined = network in {"bridge", "host", "none", "default"}
    return not predefined and not network.startswith("container:")


def present(**fields: Any) -> JsonObject:
    """The fields that Go's `omitempty` sends: neither absent, nor false, 0 or empty."""
    return {name: value for name, value in fields.items() if value}


def given(**fields: Any) -> JsonObject:
    """The fields that Go sends for a pointer: all that are not absent."""
    return {name: value for name, value in fields.items() if value is not None}
