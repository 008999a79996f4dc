"""A YAML document with the place of every value."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from desired_state.problems import Path

Mark: TypeAlias = tuple[int, int]
"""Line and column, both from 1."""


class YamlMapping(dict[str, Any]):
    """A mapping that knows where it, its keys and its values begin."""

    __slots__ = ("keys_at", "mark", "size", "values_at")

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark
        self.keys_at: dict[str, Mark] = {}
        self.values_at: dict[str, Mark] = {}
        self.size = 1


class YamlList(list[Any]):
    """A list that knows where it and its items begin."""

    __slots__ = ("items_at", "mark", "size")

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark
        self.items_at: list[Mark] = []
        self.size = 1


def has_part(node: Any, part: str | int) -> bool:
    """Whether `part` is a key of the mapping, or an index of the list, that `node` is."""
    if isinstance(node, YamlMapping):
        return isinstance(part, str) and part in node
    return isinstance(node, YamlList) and isinstance(part, int) and 0 <= part < len(node)


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """The first document of a file."""

    name: str
    root: Any
    mark: Mark = (1, 1)

    def place(self, path: Path) -> Mark:
        """Where `path` lies: its key or item, or that of its nearest parent."""
        return self._found(path)[1]

    def depth(self, path: Path) -> int:
        """How many parts of `path` are there."""
        return len(self._found(path)[0])

    def resolved(self, path: Path) -> Path:
        """`path` with the numbers of items that it names by their text; a single value has no
        parts, so what is wrong in a short form is wrong with all of it."""
        found, _, node = self._found(path)
        is_single = bool(found) and not isinstance(node, YamlMapping | YamlList)
        return found if is_single else (*found, *path[len(found) :])

    def _found(self, path: Path) -> tuple[Path, Mark, Any]:
        """How far `path` leads, and the place and value there."""
        node, mark = self.root, self.mark
        found: list[str | int] = []
        for part in path:
            if isinstance(node, YamlMapping) and isinstance(part, str) and part in node:
                node, mark = node[part], node.keys_at.get(part, mark)
                found.append(part)
            elif isinstance(node, YamlList) and (index := _index(node, part)) is not None:
                node, mark = node[index], node.items_at[index]
                found.append(index)
            else:
                break
        return tuple(found), mark, node


def _index(node: YamlList, part: str | int) -> int | None:
    """Which item `part` means: by its number, or the one that is `part` or `part=…`."""
    if isinstance(part, int):
        return part if 0 <= part < len(node) else None
    return next(
        (
            index
            for index, item in enumerate(node)
            if isinstance(item, str) and (item == part or item.startswith(f"{part}="))
        ),
        None,
    )
