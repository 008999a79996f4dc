"""What a push of a folder would change in the KV, as text: a unified diff with secrets hidden."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from desired_state.folder import DOCUMENT_NAMES, VARIABLES_FILE, StackFolder
from desired_state.load import load_stack
from desired_state.loaded import LoadedStack
from desired_state.problems import DocumentRefused
from swarm_operator.cli.masks import Masks
from swarm_operator.plan.compose.convert import convert
from swarm_operator.plan.redact import Redaction

CONTEXT: Final = 3

State = Literal["new", "changed", "gone"]


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One file's difference."""

    path: str
    state: State
    lines: tuple[str, ...] | None
    """Of a unified diff, without its head; None where nothing of the file may be shown."""


def folder_diff(
    stack: str, before: Mapping[str, bytes], after: Mapping[str, bytes]
) -> tuple[FileDiff, ...]:
    """By path. `before` may be refused as a document: then less of it is shown."""
    changed = sorted(
        path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
    )
    if not changed:
        return ()
    masks = _masks(stack, (before, after))
    return tuple(_file(path, before.get(path), after.get(path), masks) for path in changed)


def _masks(stack: str, folders: Iterable[Mapping[str, bytes]]) -> Masks:
    """A file that is a secret on one side is one on both, and so is a value."""
    documents, variables = {*DOCUMENT_NAMES}, {VARIABLES_FILE}
    plain: set[str] = set()
    secrets: set[str] = set()
    values: frozenset[str] = frozenset()
    for files in folders:
        loaded = _loaded(stack, files)
        if loaded is None:
            continue
        documents |= set(loaded.document_files)
        secrets |= loaded.secret_files
        services = loaded.document.services.values()
        variables |= {loaded.file_of(e.path) for s in services for e in s.env_file or ()}
        plain |= {loaded.file_of(c.file) for c in loaded.document.configs.values() if c.file}
        values |= Redaction.of(convert(loaded)).values
    return Masks(
        frozenset(documents),
        frozenset(variables),
        frozenset(plain),
        frozenset(secrets),
        Redaction(values),
    )


def _loaded(stack: str, files: Mapping[str, bytes]) -> LoadedStack | None:
    try:
        loaded = load_stack(StackFolder(stack, files))
        convert(loaded)
    except DocumentRefused:
        return None
    return loaded


def _file(path: str, before: bytes | None, after: bytes | None, masks: Masks) -> FileDiff:
    state: State = "new" if before is None else "gone" if after is None else "changed"
    old = _Text.of(path, before, masks)
    new = _Text.of(path, after, masks)
    if old is None or new is None:
        return FileDiff(path, state, None)
    return FileDiff(path, state, tuple(_unified(old, new)))


@dataclass(frozen=True, slots=True)
class _Text:
    """Lines as they are, for comparing, and as they are shown: as many."""

    raw: list[str]
    shown: list[str]

    @classmethod
    def of(cls, path: str, content: bytes | None, masks: Masks) -> "_Text | None":
        if content is None:
            return cls([], [])
        shown = masks.lines(path, content)
        raw = content.decode(errors="replace").split("\n")
        if shown is None or len(shown) != len(raw):
            return None
        if not raw[-1]:  # the last line ends as it should
            raw, shown = raw[:-1], shown[:-1]
        return cls(raw, shown)


def _unified(old: _Text, new: _Text) -> Iterator[str]:
    """As `diff -u` writes it; lines are told apart by what they are, and shown masked."""
    matcher = difflib.SequenceMatcher(None, old.raw, new.raw, autojunk=False)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        first, last = group[0], group[-1]
        yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@"
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                yield from (f" {line}" for line in old.shown[old_from:old_to])
                continue
            yield from (f"-{line}" for line in old.shown[old_from:old_to])
            yield from (f"+{line}" for line in new.shown[new_from:new_to])


def _range(start: int, stop: int) -> str:
    length = stop - start
    if length == 1:
        return f"{start + 1}"
    return f"{start + 1 if length else start},{length}"
