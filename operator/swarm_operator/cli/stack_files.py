"""A stack on disk: which files a command line names, and reading of them what is needed, no more.

Nothing outside the folder is read for a path that a document names, over a symbolic link neither:
what lies in the KV must be able to say the same.
"""

import os
import posixpath
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click

from desired_state.folder import DOCUMENT_NAMES, VARIABLES_FILE, StackFolder

STDIN: Final = "-"
STDIN_NAME: Final = "<stdin>"
LIMIT_B: Final = 16 << 20
"""No file of a stack is anywhere near as large; /dev/zero is."""


class DiskFiles(Mapping[str, bytes]):
    """The files below a folder by relative path, read when they are asked for.

    `given` are contents that stand for paths, whatever the disk holds there.
    """

    def __init__(self, base: Path, given: Mapping[str, bytes]) -> None:
        self._base = base.resolve()
        self._given = given
        self.read: dict[str, bytes] = dict(given)
        """All that was read up to now."""

    def __getitem__(self, path: str) -> bytes:
        if path not in self.read:
            self.read[path] = read_limited(self._inside(path))
        return self.read[path]

    def __contains__(self, path: object) -> bool:
        try:
            return path in self._given or (isinstance(path, str) and bool(self._inside(path)))
        except KeyError:
            return False

    def __iter__(self) -> Iterator[str]:
        """Names in the folder itself and the given ones: enough to say "did you mean"."""
        on_disk = {entry.name for entry in self._base.iterdir() if entry.is_file()}
        return iter(sorted(on_disk | set(self._given)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _inside(self, path: str) -> Path:
        # As in the KV, a file has one name only: "./a" and "b/../a" are not "a".
        if path.startswith("/") or posixpath.normpath(path) != path:
            raise KeyError(path)
        try:
            found = (self._base / path).resolve()
            is_inside = found.is_relative_to(self._base) and found.is_file()
        except (OSError, RuntimeError, ValueError):  # a loop of links, a name that cannot be
            is_inside = False
        if not is_inside:
            raise KeyError(path)
        return found


@dataclass(frozen=True, slots=True)
class StackFiles:
    """A stack as the command line names it."""

    folder: StackFolder
    documents: tuple[str, ...] | None
    """The documents in their order; None: the folder's own."""
    disk: DiskFiles
    shown_as: Mapping[str, str] = field(default_factory=dict)
    """Names for people, where they are not those in the folder."""


def locate(paths: tuple[str, ...], stack: str | None, env_file: Path | None = None) -> StackFiles:
    """The stack that FOLDER or FILE… names. Raises click.UsageError or click.ClickException."""
    given: dict[str, bytes] = {}
    shown_as: dict[str, str] = {}
    if env_file is not None:
        given[VARIABLES_FILE], shown_as[VARIABLES_FILE] = read_limited(env_file), str(env_file)
    if len(paths) == 1 and Path(paths[0]).is_dir():
        base, documents = Path(paths[0]), None
        shown_as |= {name: str(base / name) for name in (*DOCUMENT_NAMES, VARIABLES_FILE)}
        if env_file is not None:
            shown_as[VARIABLES_FILE] = str(env_file)
    else:
        base = Path() if paths[0] == STDIN else Path(paths[0]).parent
        documents = tuple(_document(path, base, given, shown_as) for path in paths)
    name = stack or _name_of(base, paths)
    disk = DiskFiles(base, given)
    return StackFiles(StackFolder(name, disk), documents, disk, shown_as)


def _name_of(base: Path, paths: tuple[str, ...]) -> str:
    if paths[0] == STDIN:
        raise click.UsageError("a document from standard input has no folder: give --stack NAME")
    name = base.resolve().name
    if not name:
        raise click.UsageError("the folder / gives the stack no name: give --stack NAME")
    return name


def _document(path: str, base: Path, given: dict[str, bytes], shown_as: dict[str, str]) -> str:
    """The name of a document in the folder; one from elsewhere is given under its path."""
    if path == STDIN:
        given[STDIN_NAME] = sys.stdin.buffer.read(LIMIT_B)
        return STDIN_NAME
    if Path(path).is_dir():
        raise click.UsageError(f"{path} is a folder: give one folder, or files")
    content = read_limited(Path(path))
    relative = os.path.relpath(path, base)
    name = path if relative.startswith("..") else relative
    given[name], shown_as[name] = content, path
    return name


def read_limited(path: Path) -> bytes:
    """A file's content. Raises click.ClickException with the reason."""
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT_B + 1)
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None
    if len(content) > LIMIT_B:
        raise click.ClickException(f"{path}: is larger than {LIMIT_B >> 20} MiB")
    return content
