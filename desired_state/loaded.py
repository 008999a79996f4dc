"""A stack that was read whole and is valid by itself."""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from desired_state.document import ComposeDocument
from desired_state.model_problems import problem_at
from desired_state.operator_block import StackOptions
from desired_state.problems import Path, Problem, Severity
from desired_state.yaml_tree import YamlDocument


@dataclass(frozen=True, slots=True)
class LoadedStack:
    """A stack whose document was read whole and is valid by itself.

    `document_files` are the names of the documents in the order in which they were merged,
    `secret_files` those of the `files` that secrets are made of.
    `secret_values` are the texts that must never be shown: the values of `.env`, of every
    environment, and the contents of secrets. `revision` is the hex SHA-256 of the documents, `.env`
    and every file that they name.
    """

    name: str
    document: ComposeDocument = field(repr=False)
    options: StackOptions
    files: Mapping[str, bytes] = field(repr=False)
    warnings: tuple[Problem, ...]
    revision: str
    secret_values: frozenset[str] = field(repr=False)
    document_files: tuple[str, ...] = ()
    secret_files: frozenset[str] = frozenset()
    base: str = ""
    sources: tuple[YamlDocument, ...] = field(default=(), repr=False)

    def problem(
        self,
        path: Path,
        message: str,
        hint: str | None = None,
        severity: Severity = Severity.ERROR,
    ) -> Problem:
        """A problem at the place of `path`: in the last document that says it."""
        return problem_in(self.sources, path, message, hint, severity)

    def file_of(self, path: str) -> str:
        """The name in `files` of a path that a document holds."""
        return posixpath.normpath(posixpath.join(self.base, path))


def problem_in(
    sources: Sequence[YamlDocument],
    path: Path,
    message: str,
    hint: str | None = None,
    severity: Severity = Severity.ERROR,
) -> Problem:
    """A problem of a merged stack: in the last document that has the path, or most of it."""
    _, source = max(
        ((source.depth(path), source) for source in reversed(sources)), key=lambda pair: pair[0]
    )
    return problem_at(source, path, message, hint, severity)
