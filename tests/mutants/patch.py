"""A patch as a file: which guard it takes out, by which words, and which laws must notice, each.

    guard = "what the code does, in a sentence"
    laws = ["tests/laws/test_guards.py", "tests/laws/test_drift.py::test_drift_is_put_back_once"]

    [[change]]
    file = "operator/swarm_operator/plan/guard.py"
    before = '''…'''
    after = '''…'''

`before` must stand in the file just once, so that a patch whose source moved says so instead of
testing nothing. Words and not line numbers: most edits of a file leave its patches alone.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

PATCHES = Path(__file__).parent / "patches"


class PatchMoved(Exception):
    """The code that a patch is about is not there any more: mend the patch."""


@dataclass(frozen=True, slots=True)
class Change:
    """One replacement in one file, whose path is relative to the tree's root."""

    file: str
    before: str
    after: str

    def apply(self, root: Path) -> None:
        """Rewrites the file. Raises PatchMoved unless `before` is found just once."""
        path = root / self.file
        text = path.read_text() if path.exists() else ""
        found = text.count(self.before)
        if found != 1:
            raise PatchMoved(f"{self.file}: found {found} times, not once:\n{self.before}")
        path.write_text(text.replace(self.before, self.after))


@dataclass(frozen=True, slots=True)
class Patch:
    """A mutant before it lives."""

    name: str
    guard: str
    laws: tuple[str, ...]
    """What pytest is to run, one by one: files, or tests in them. Each of them must fail."""
    changes: tuple[Change, ...]

    def apply(self, root: Path) -> None:
        """Takes the guard out of the tree at `root`. Raises PatchMoved."""
        for change in self.changes:
            change.apply(root)


def all_patches() -> tuple[Patch, ...]:
    """By name. Raises KeyError or TypeError for a file that is no patch."""
    return tuple(_read(path) for path in sorted(PATCHES.glob("*.toml")))


def _read(path: Path) -> Patch:
    data = tomllib.loads(path.read_text())
    return Patch(
        name=path.stem,
        guard=data["guard"],
        laws=tuple(data["laws"]),
        changes=tuple(Change(**change) for change in data["change"]),
    )
