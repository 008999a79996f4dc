"""YAML as go-yaml v3 reads it (what docker/cli uses since 28.0), with the place of every value.

PyYAML by itself speaks YAML 1.1: `yes` would be true, `22:22` would be 1342, `0o755` a text, and a
duplicate key would win silently. So only its C parser is used, whose events are built up here, in a
loop that cannot be driven into deep recursion, by a resolver of our own.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from yaml import MarkedYAMLError, YAMLError
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # its stubs forget to export it
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml.reader import ReaderError

from desired_state.problems import Path, Problem, Severity, dotted
from desired_state.yaml_scalars import INFINITE, plain_value, tag_of
from desired_state.yaml_tree import Mark, YamlDocument, YamlList, YamlMapping

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 100
MAX_VALUES: Final = 100_000
"""Values of a document once its aliases are followed; a billion laughs stop here."""


class Unreadable(Exception):
    """The file is not a YAML document that can be used; with the reason."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__()
        self.problems = problems


def read(name: str, source: bytes) -> tuple[YamlDocument, list[Problem]]:
    """The first document of `source`, and its warnings. Raises Unreadable, with all reasons."""
    if len(source) > MAX_BYTES:
        message = f"the document is larger than {MAX_BYTES // 1024} KiB"
        raise Unreadable([Problem(name, None, None, "", message, "split it into several stacks")])
    builder = _Builder(name)
    try:
        for event in _events(source):
            builder.take(event)
            if builder.stopped:
                break
    except MarkedYAMLError as error:
        builder.fail(_mark_of(error), error.problem or "is not YAML", error.context)
    except ReaderError as error:
        builder.fail((1, 1), f"is not text that YAML allows ({error.reason})")
    except (YAMLError, UnicodeDecodeError, ValueError) as error:
        builder.fail((1, 1), f"is not YAML ({type(error).__name__})")
    if any(problem.severity is Severity.ERROR for problem in builder.problems):
        raise Unreadable(builder.problems)
    return YamlDocument(name, builder.root, builder.root_mark), builder.problems


def _events(source: bytes) -> Iterator[Any]:
    parser = CParser(source)
    try:
        while parser.check_event():
            yield parser.get_event()
    finally:
        parser.dispose()


def _mark_of(error: MarkedYAMLError) -> Mark:
    mark = error.problem_mark or error.context_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


@dataclass(slots=True)
class _Frame:
    """A mapping or list whose end has not come yet."""

    node: YamlMapping | YamlList
    anchor: str | None
    keys: dict[tuple[str, str], Mark] = field(default_factory=dict)
    key: Any = None
    has_key: bool = False
    merges: list[Any] = field(default_factory=list)


_MERGE: Final = object()


@dataclass(slots=True)
class _Builder:
    """Builds values from events. Problems are collected; what cannot go on is `stopped`."""

    name: str
    root: Any = None
    root_mark: Mark = (1, 1)
    finished: bool = False
    stopped: bool = False
    problems: list[Problem] = field(default_factory=list)
    stack: list[_Frame] = field(default_factory=list)
    anchors: dict[str, tuple[Any, str]] = field(default_factory=dict)

    def take(self, event: Any) -> None:
        kind = type(event)
        if kind is ScalarEvent:
            mark = (event.start_mark.line + 1, event.start_mark.column + 1)
            value, is_text = self._scalar(event, mark)
            if event.anchor:
                self.anchors[event.anchor] = (value, event.value)
            self._add(value, mark, event.value, is_text=is_text)
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            mark = (event.start_mark.line + 1, event.start_mark.column + 1)
            self._open(event, mark)
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            self._close()
        elif kind is AliasEvent:
            self._alias(event)
        elif kind is DocumentEndEvent:
            self.finished = True
        elif kind is DocumentStartEvent:
            self._begin((event.start_mark.line + 1, event.start_mark.column + 1))

    def _begin(self, mark: Mark) -> None:
        if not self.finished:
            self.root_mark = mark
            return
        self.stopped = True
        message = "only the first document of a file is read, as in docker stack deploy"
        self._problem(mark, message, "put it into a file of its own", severity=Severity.WARNING)

    # Containers

    def _open(self, event: Any, mark: Mark) -> None:
        if len(self.stack) >= MAX_DEPTH:
            self._stop(mark, f"is nested more than {MAX_DEPTH} levels deep")
            return
        frame = self.stack[-1] if self.stack else None
        if frame and isinstance(frame.node, YamlMapping) and not frame.has_key:
            self._stop(mark, "a key must be text, not a mapping or list")
            return
        if event.tag and event.tag not in _PLAIN_COLLECTIONS:
            self._unknown_tag(event.tag, mark)
        node = YamlMapping(mark) if type(event) is MappingStartEvent else YamlList(mark)
        self.stack.append(_Frame(node, event.anchor))

    def _close(self) -> None:
        frame = self.stack.pop()
        if isinstance(frame.node, YamlMapping):
            for source in frame.merges:
                self._merge(frame.node, source)
        if frame.anchor:
            self.anchors[frame.anchor] = (frame.node, "")
        self._add(frame.node, frame.node.mark, "", is_text=False)

    def _alias(self, event: Any) -> None:
        mark = (event.start_mark.line + 1, event.start_mark.column + 1)
        if event.anchor not in self.anchors:
            own = any(frame.anchor == event.anchor for frame in self.stack)
            reason = "contains itself" if own else "is not defined above this place"
            self._stop(mark, f"the anchor &{event.anchor} {reason}")
            return
        value, text = self.anchors[event.anchor]
        self._add(value, mark, text, is_text=isinstance(value, str))

    def _add(self, value: Any, mark: Mark, text: str, *, is_text: bool) -> None:
        if self.stopped:
            return
        if not self.stack:
            self.root = value
            return
        frame = self.stack[-1]
        node = frame.node
        if isinstance(node, YamlMapping):
            if not frame.has_key:
                self._take_key(frame, value, mark, text, is_text=is_text)
                return
            frame.has_key = False
            if frame.key is _MERGE:
                frame.merges.append((value, mark))
            elif isinstance(frame.key, str):
                node[frame.key] = value
                node.values_at[frame.key] = mark
        else:
            node.append(value)
            node.items_at.append(mark)
        node.size += value.size if isinstance(value, YamlMapping | YamlList) else 1
        if node.size > MAX_VALUES:
            self._stop(mark, f"has more than {MAX_VALUES} values once its aliases are followed")

    def _take_key(self, frame: _Frame, value: Any, mark: Mark, text: str, *, is_text: bool) -> None:
        assert isinstance(frame.node, YamlMapping)
        frame.has_key = True
        frame.key = None
        kind = "scalar" if not isinstance(value, YamlMapping | YamlList) else "collection"
        first = frame.keys.setdefault((kind, text), mark)
        if first is not mark:
            message = f"the key is there twice, first in line {first[0]}"
            self._problem(mark, message, "remove one of the two", path=(text,))
        elif value is _MERGE:
            frame.key = _MERGE
        elif is_text and isinstance(value, str):
            frame.key = value
            frame.node.keys_at[value] = mark
        else:
            self._problem(
                mark, "a key must be text", f'put it in quotes: "{text}"' if text else None
            )

    def _merge(self, node: YamlMapping, source: tuple[Any, Mark]) -> None:
        """Takes the keys of a merge (`<<`) that the mapping does not have itself."""
        value, mark = source
        for mapping in value if isinstance(value, YamlList) else [value]:
            if not isinstance(mapping, YamlMapping):
                self._problem(mark, "<< takes a mapping, or a list of mappings", path=("<<",))
                return
            for key, item in mapping.items():
                if key not in node:
                    node[key] = item
                    node.keys_at[key] = mapping.keys_at[key]
                    node.values_at[key] = mapping.values_at[key]

    # Scalars

    def _scalar(self, event: Any, mark: Mark) -> tuple[Any, bool]:
        """The value of a scalar, and whether go-yaml sees a text in it."""
        text: str = event.value
        tag: str | None = event.tag
        plain = event.implicit[0]
        if tag in {None, "!"}:
            if not plain and event.style:
                return text, True
            if text == "<<":
                return _MERGE if self._is_key_next() else text, True
            value = plain_value(text)
            return self._finite(value, mark), isinstance(value, str)
        return self._tagged(str(tag), text, mark)

    def _is_key_next(self) -> bool:
        frame = self.stack[-1] if self.stack else None
        return bool(frame and isinstance(frame.node, YamlMapping) and not frame.has_key)

    def _tagged(self, tag: str, text: str, mark: Mark) -> tuple[Any, bool]:
        short = tag.removeprefix("tag:yaml.org,2002:")
        if short == "str":
            return text, True
        if short == "binary":
            try:
                return base64.b64decode(text, validate=False).decode(), True
            except (binascii.Error, UnicodeDecodeError):
                self._problem(mark, "!!binary holds no base64 of a text")
                return None, False
        if short not in {"int", "float", "bool", "null", "timestamp"}:
            self._unknown_tag(tag, mark)
            return text, True
        value = plain_value(text)
        if short == "float" and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if tag_of(value) != short:
            self._problem(mark, f"is marked as !!{short}, which it is not")
        return self._finite(value, mark), False

    def _finite(self, value: Any, mark: Mark) -> Any:
        if (isinstance(value, float) and value in INFINITE) or value != value:
            self._problem(mark, "infinities and NaN are no values of a Compose document")
            return None
        return value

    # Problems

    def fail(self, mark: Mark, message: str, context: str | None = None) -> None:
        """The file is not YAML at `mark`; behind its first document that is of no interest."""
        if self.finished:
            return
        self._problem(mark, f"{context}: {message}" if context else message)

    def _unknown_tag(self, tag: str, mark: Mark) -> None:
        short = tag.replace("tag:yaml.org,2002:", "!!")
        message = f"the YAML tag {short} has no effect, as in docker stack deploy"
        self._problem(mark, message, "remove it", severity=Severity.WARNING)

    def _stop(self, mark: Mark, message: str) -> None:
        self.stopped = True
        self._problem(mark, message)

    def _problem(
        self,
        mark: Mark,
        message: str,
        hint: str | None = None,
        path: Path = (),
        severity: Severity = Severity.ERROR,
    ) -> None:
        keys = [frame.key if frame.has_key else None for frame in self.stack]
        indexes = [len(frame.node) for frame in self.stack]
        here: list[str | int] = []
        for frame, key, index in zip(self.stack, keys, indexes, strict=True):
            if isinstance(frame.node, YamlList):
                here.append(index)
            elif isinstance(key, str):
                here.append(key)
        where = dotted((*here, *path))
        self.problems.append(Problem(self.name, *mark, where, message, hint, severity))


_PLAIN_COLLECTIONS: Final = {"!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
