"""Files of a stack as people may see them: line by line, secrets hidden in place.

What is secret is said by the documents: the files of `secrets:`, every environment value (of a
document, an env file, `.env`), inline contents of secrets, labels and options with a secret's name.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import yaml

from desired_state.secret_texts import HIDDEN
from swarm_operator.plan.redact import Redaction
from swarm_operator.plan.routes.hiding import shown_label, shown_rule

_TELLING = re.compile(
    r"basicauth|digestauth|passw|secret|token|api[-_.]?key|credential", re.IGNORECASE
)
_ASSIGNED = re.compile(r"(?:passw\w*|secret|token|api[-_.]?key)[=:]", re.IGNORECASE)
_ENVIRONMENT: Final = frozenset({"environment"})
_LABELLED: Final = frozenset({"labels", "driver_opts", "options"})


@dataclass(frozen=True, slots=True)
class Masks:
    """Which of a stack's files are of which kind; what is none of them is hidden whole."""

    documents: frozenset[str]
    variables: frozenset[str]
    """`.env` and the env files."""
    plain: frozenset[str]
    """The contents of configs."""
    secrets: frozenset[str]
    redaction: Redaction

    def lines(self, path: str, content: bytes) -> list[str] | None:
        """The file's lines, as many as it has; None where nothing of it may be shown."""
        if path in self.secrets:
            return None
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return None
        if path in self.documents:
            masked = _document(text)
        elif path in self.variables:
            masked = "\n".join(_variable(line) for line in text.split("\n"))
        elif path in self.plain:
            masked = text
        else:
            return None
        if masked is None:
            return None
        return [self.redaction.scrub(line) for line in masked.split("\n")]


def _variable(line: str) -> str:
    """Of a line that is not `KEY=VALUE` (the middle of a quoted value, a comment) nothing is
    known."""
    if not line.strip():
        return line
    key, equals, _ = line.partition("=")
    is_key = re.fullmatch(r"\s*(?:export\s+)?[\w.-]+\s*", key) is not None
    return f"{key}={HIDDEN}" if equals and is_key else HIDDEN


def _document(text: str) -> str | None:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    spans = {(n.start_mark.index, n.end_mark.index): shown for n, shown in _secrets(root, ())}
    for (start, end), shown in sorted(spans.items(), reverse=True):
        # Lines stay lines, so that two files can be compared line by line.
        text = text[:start] + shown + "\n" * text.count("\n", start, end) + text[end:]
    return text


def _secrets(
    node: yaml.Node | None, path: tuple[str, ...], seen: Collection[int] = ()
) -> Iterator[tuple[yaml.ScalarNode, str]]:
    """Scalars that are hidden, and what stands in their place."""
    if node is None or id(node) in seen:
        return
    inside = {*seen, id(node)}
    if isinstance(node, yaml.ScalarNode):
        if (shown := _shown(node.value, path)) is not None:
            yield node, shown
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _secrets(item, (*path, "[]"), inside)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            yield from _secrets(value, (*path, str(name)), inside)


def _shown(value: str, path: tuple[str, ...]) -> str | None:
    """None where the scalar is no secret."""
    if not value:
        return None
    if _ENVIRONMENT & set(path) or (path[:1] == ("secrets",) and "content" in path[2:]):
        # A list below a variable's own name is refused, and may be shown as what a push replaces.
        return _assignment(value) if path[-2:] == ("environment", "[]") else HIDDEN
    if _LABELLED & set(path):
        is_listed = path[-1] == "[]"
        label, equals, content = value.partition("=") if is_listed else (path[-1], "=", value)
        shown = HIDDEN if _TELLING.search(label) else shown_label(label, content)
        if equals and shown != content and not _ASSIGNED.search(content):
            return f"{label}={shown}" if is_listed else shown
    if path[-1:] == ("rule",) and "x-operator" in path:
        return shown if (shown := shown_rule(value)) != value else None
    if path[-1:] and _is_extension(path) and _TELLING.search(path[-1]):
        return HIDDEN
    return HIDDEN if _ASSIGNED.search(value) else None


def _is_extension(path: tuple[str, ...]) -> bool:
    """Below `x-…` anything may be kept for an anchor, environments too."""
    return path[0].startswith("x-") and path[0] != "x-operator"


def _assignment(value: str) -> str:
    key, equals, _ = value.partition("=")
    return f"{key}={HIDDEN}" if equals else key
