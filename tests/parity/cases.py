"""The corpus: Compose documents on disk, and what the Docker CLI made of each.

A case is a folder of `corpus/valid`, `corpus/invalid` or `corpus/differences`:

=================  ==========================================================================
compose.yaml, …    the document and the files it names
.env               variables: a file for us, the process environment for the Docker CLI
command.json       optional: `stack`, `documents` (merged in this order by the
                   CLI, by us for `x-operator.files`), `project_directory` (the CLI runs in it),
                   `externals` (objects that must exist before, by kind)
expected.json      captured: the bodies that the CLI sent, by kind and name
error.json         captured: who refused the document (`cli` or `engine`) and its text
warnings.txt       captured: the CLI's own words about keys that it ignores
problem.json       of our problem the `document`, the `lines` that are right, a word of the `path`
difference.json    differences: `reason`, and `ours`: `refused`, `specs` (others than the CLI's, or
                   where it refuses) or `warned` (the same specs, and a warning that it has not)
ours.json          differences with `ours: specs`: the specs that we make
=================  ==========================================================================
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parent / "corpus"
NOT_CONTENT = frozenset(
    {
        "command.json",
        "expected.json",
        "error.json",
        "warnings.txt",
        "problem.json",
        "difference.json",
        "ours.json",
    }
)


@dataclass(frozen=True, slots=True)
class Case:
    """One document (or several that are merged) of the corpus."""

    folder: Path
    stack: str = "demo"
    documents: tuple[str, ...] = ("compose.yaml",)
    project_directory: str = "/srv/demo"
    externals: dict[str, list[str]] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.folder.name

    def content(self) -> dict[str, bytes]:
        """The files of the stack's folder, by their path in it."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and path.name not in NOT_CONTENT
        }

    def stored(self, name: str) -> Any:
        """The content of one of the case's JSON files, None where there is none."""
        path = self.folder / name
        return json.loads(path.read_text()) if path.exists() else None

    def warnings(self) -> str:
        """The CLI's own warnings, empty where it has none."""
        path = self.folder / "warnings.txt"
        return path.read_text() if path.exists() else ""


def cases(group: str) -> list[Case]:
    """All cases of `valid`, `invalid` or `differences`, in the order of their numbers."""
    return [load(folder) for folder in sorted((CORPUS / group).iterdir()) if folder.is_dir()]


def load(folder: Path) -> Case:
    """Read the case of one folder; `command.json` may leave anything out."""
    command_file = folder / "command.json"
    command = json.loads(command_file.read_text()) if command_file.exists() else {}
    defaults = Case(folder)
    return Case(
        folder=folder,
        stack=command.get("stack", defaults.stack),
        documents=tuple(command.get("documents", defaults.documents)),
        project_directory=command.get("project_directory", defaults.project_directory),
        externals=command.get("externals", {}),
        environment=_environment(folder / ".env"),
    )


def _environment(path: Path) -> dict[str, str]:
    """Plain `NAME=value` lines: the corpus uses no quotes, so that both readers agree."""
    if not path.exists():
        return {}
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)
