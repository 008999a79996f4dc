"""Placeholders that Swarm fills in on the node: `{{.Node.Hostname}}` and the like.

The engine checks them when the service is created (swarmkit's template package), so an unknown
field is found here first.
"""

import re
from collections.abc import Iterator
from typing import Final

from desired_state.problems import Path
from desired_state.service import Service
from swarm_operator.plan.compose.stack import Conversion

_KNOWN: Final = frozenset(
    (
        *(".Service", ".Service.ID", ".Service.Name", ".Service.Labels"),
        *(".Node", ".Node.ID", ".Node.Hostname", ".Node.Platform"),
        *(".Node.Platform.OS", ".Node.Platform.Architecture"),
        *(".Task", ".Task.ID", ".Task.Name", ".Task.Slot"),
    )
)
_ACTION: Final = re.compile(r"\{\{(.*?)(\}\}|$)", re.DOTALL)
_TEXT: Final = re.compile(r'"(?:\\.|[^"\\])*"|`[^`]*`|\'(?:\\.|[^\'\\])*\'|/\*.*?\*/', re.DOTALL)
_FIELD: Final = re.compile(r"(?<![\w)$])(?:\.[A-Za-z_]\w*)+", re.ASCII)
_WORD: Final = re.compile(r"(?<![\w.$])[A-Za-z_]\w*", re.ASCII)
_OPENERS: Final = frozenset(("if", "range", "with", "define", "block"))
_FUNCTIONS: Final = frozenset(
    (
        *("and", "call", "html", "index", "join", "js", "len", "not", "or", "print", "printf"),
        *(
            "println",
            "slice",
            "urlquery",
            "eq",
            "ge",
            "gt",
            "le",
            "lt",
            "ne",
            "nil",
            "true",
            "false",
        ),
        *("if", "else", "end", "range", "with", "define", "template", "block", "break", "continue"),
    )
)


def check(conversion: Conversion, path: Path, service: Service) -> None:
    """Notes every placeholder of a service that the engine does not know."""
    for where, text in _texts(conversion, path, service):
        if text and "{{" in text:
            for message, name in defects(text):
                hint = "known are .Service, .Node and .Task with ID and Name, and a few more"
                conversion.error(where, message.format(conversion.shown(name)), hint)


def defects(text: str) -> Iterator[tuple[str, str]]:
    """What is wrong with the placeholders of a text, with a gap for the name that is wrong."""
    actions: list[str] = []
    for match in _ACTION.finditer(text):
        if not match[2]:
            yield "a placeholder is not closed", ""
        else:
            actions.append(_TEXT.sub('""', match[1]).strip("- \t\r\n"))
    opened = [action for action in actions if action.split(" ")[0] in _OPENERS]
    if "" in actions or _OPENERS & set(actions):
        yield "a placeholder is empty", ""
    elif len(opened) != actions.count("end"):
        yield "a placeholder that begins a block has no end, or the other way round", ""
    for action in actions:
        # Inside a block the dot is something else, so fields mean nothing to us.
        yield from _action_defects(action, are_fields_known=not opened)


def _action_defects(action: str, *, are_fields_known: bool) -> Iterator[tuple[str, str]]:
    for field in _FIELD.findall(action) if are_fields_known else ():
        if field.startswith(".Service.Labels."):
            label = field.removeprefix(".Service.Labels.")
            yield 'a label is read by its name only: index .Service.Labels "{}"', label
        elif field not in _KNOWN:
            yield "the placeholder {} is unknown to the engine", field
    for word in _WORD.findall(action):
        if word not in _FUNCTIONS:
            yield "the placeholder's function {} is unknown to the engine", word


def _texts(
    conversion: Conversion, path: Path, service: Service
) -> Iterator[tuple[Path, str | None]]:
    """The texts in which the engine expands placeholders."""
    yield (*path, "hostname"), service.hostname
    for name, value in (service.environment or {}).items():
        yield (*path, "environment", name), value
    for index, mount in enumerate(service.volumes or ()):
        where = (*path, "volumes", index)
        yield where, mount.source
        yield where, mount.target
        volume = conversion.stack.document.volumes.get(mount.source)
        if volume is not None and not volume.is_external:
            at = ("volumes", mount.source)
            yield (*at, "name"), volume.name
            for name, value in (volume.labels or {}).items():
                yield (*at, "labels", name), value
            for name, value in (volume.driver_opts or {}).items():
                yield (*at, "driver_opts", name), value
