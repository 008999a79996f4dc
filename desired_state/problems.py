"""What is wrong with a document, said to the person who wrote it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Where in a document: mapping keys and list indexes from the top."""


class Severity(StrEnum):
    """Whether a document with this problem is refused, or taken with a remark."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One defect of one document. Never holds a value of an environment or a secret.

    `line` and `column` count from 1 and are None where the defect has no place of its own.
    """

    document: str
    line: int | None
    column: int | None
    path: str
    message: str
    hint: str | None = None
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        place = ":".join(
            str(part) for part in (self.document, self.line, self.column) if part is not None
        )
        text = f"{self.path}: {self.message}" if self.path else self.message
        return f"{place}: {text}" + (f"; {self.hint}" if self.hint else "")


class DocumentRefused(Exception):
    """A stack that cannot be used, with everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = in_reading_order(problems)
        super().__init__("\n".join(map(str, self.problems)))


def in_reading_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems by document and place, each once."""
    return tuple(
        sorted(
            dict.fromkeys(problems),
            key=lambda p: (p.document, p.line or 0, p.column or 0, p.path, p.message),
        )
    )


def without_consequences(problems: Iterable[Problem], refused: Iterable[Problem]) -> list[Problem]:
    """The problems that do not follow from another: at its place, above it or below it."""
    places = {(p.document, p.path) for p in refused if p.severity is Severity.ERROR}
    above_places = {(document, above) for document, path in places for above in _parents(path)}

    def is_consequence(problem: Problem) -> bool:
        here = (problem.document, problem.path)
        if here in places or here in above_places:
            return True
        return any((problem.document, above) in places for above in _parents(problem.path))

    return [problem for problem in problems if not is_consequence(problem)]


def _parents(path: str) -> list[str]:
    """Every path above a dotted one: `a.b[0]` has `a.b` and `a`."""
    return [path[:end] for end, character in enumerate(path) if character in ".[" and end]


def shown(text: str, secrets: Iterable[str]) -> str:
    """`text`, or an ellipsis where it holds a value that must not be shown."""
    return "…" if any(secret in text for secret in secrets if secret) else text


def dotted(path: Path) -> str:
    """`("services", "web", "ports", 0)` as `services.web.ports[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text
