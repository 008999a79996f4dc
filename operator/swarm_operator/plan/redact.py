"""What may be shown of a value: secrets are said to have changed, never shown.

A secret is the content of every `secrets:` file, every environment value (of the document, its
env files and `.env`), the data of basic-auth labels, credentials; of labels about routes also what
headers are, or must be.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from desired_state.secret_texts import HIDDEN, SHORT, spellings
from swarm_operator.observed.json import JsonObject, canonical, dig
from swarm_operator.observed.swarm import Service, Task, container_words
from swarm_operator.plan.compose.specs import StackSpecs
from swarm_operator.plan.routes.hiding import shown_label

_SECRET_LABEL = re.compile(
    r"basicauth|digestauth|password|passwd|secret|token|api[-_.]?key", re.IGNORECASE
)
_SECRET_PATHS = ("TaskTemplate.ContainerSpec.Env",)
_LABELS = ("Labels.", "TaskTemplate.ContainerSpec.Labels.")

_ASSIGNED = re.compile(r"(?:passw(?:or)?d|secret|token|api[-_.]?key)=", re.IGNORECASE)
"""In a command, or in the options of a volume or a log driver."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """Knows the secret values of a stack, and hides every text that would give one away."""

    values: frozenset[str] = frozenset()

    @classmethod
    def of(cls, specs: StackSpecs, also: frozenset[str] = frozenset()) -> "Redaction":
        """All secret values of a stack, and those in `also`, but its own public names.

        A database called as the stack is must not black out the stack's name everywhere.
        """
        # No value has this character: one search for each value, not one for each name besides.
        names = "\0".join(
            (
                specs.stack,
                *specs.services,
                *specs.networks,
                *specs.configs,
                *specs.secrets,
            )
        )
        values = specs.secret_values | also
        return cls(frozenset(value for value in values if value not in names))

    def show(self, path: str, value: Any) -> str:
        """The text of a field's value as people may see it."""
        if path.startswith(_SECRET_PATHS) or _is_secret_key(path):
            return HIDDEN
        if any(self._gives_away(text) or _ASSIGNED.search(text) for text in _texts(value)):
            return HIDDEN
        if isinstance(value, str):
            label = _label(path)
            return shown_label(label, value) if label else value
        return canonical(value)

    def _gives_away(self, text: str) -> bool:
        return any(
            text == value or (len(value) >= SHORT and value in text) for value in self.values
        )

    def scrub(self, text: str) -> str:
        """A message of somebody else's (an engine's, a task's) without any secret value in it."""
        if not text:
            return text
        shown = {each for value in self.values for each in spellings(value)}
        for each in sorted(shown, key=lambda part: (-len(part), part)):
            if len(each) >= SHORT:
                text = text.replace(each, HIDDEN)
        return text


def values_of_live(
    services: Collection[Service], tasks: Iterable[Task], specs: StackSpecs | None
) -> frozenset[str]:
    """What may be secret in what runs, in what ran before it, and in what failed.

    A failing task's error repeats its command: that may hold a value of a `.env` that is not in the
    document any more. So beside every environment value each word of a live command counts that the
    document's own commands (None: it cannot be read) do not have; a tag of an image, too.
    """
    live = [spec for item in services for spec in (item.spec, item.previous_spec) if spec]
    wished = [item.spec for item in specs.services.values()] if specs is not None else []
    public = {word for spec in wished for word in _words(spec)} - set(_environment_values(wished))
    words = {word for spec in live for word in _words(spec)}
    words |= {word for task in tasks for word in task.words}
    values = (words - public) | set(_environment_values(live))
    names = {item.name for item in services}
    return frozenset(text for text in values if text and not any(text in name for name in names))


def _words(spec: JsonObject) -> tuple[str, ...]:
    return container_words(dig(spec, "TaskTemplate", "ContainerSpec") or {})


def _environment_values(specs: Iterable[JsonObject]) -> Iterator[str]:
    for spec in specs:
        for item in dig(spec, "TaskTemplate", "ContainerSpec", "Env") or []:
            yield item.partition("=")[2]


def _texts(value: Any) -> Iterator[str]:
    """All leaves of a JSON value, and its keys, as text."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield str(key)
            yield from _texts(member)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    else:
        yield str(value)


def _label(path: str) -> str:
    """The label at a path of a service's spec; empty where there is none."""
    return next((path.removeprefix(at) for at in _LABELS if path.startswith(at)), "")


def _is_secret_key(path: str) -> bool:
    """Of a label, or of an option of a driver."""
    return ("Labels." in path or "Options." in path) and _SECRET_LABEL.search(path) is not None
