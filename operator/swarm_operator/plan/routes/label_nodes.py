"""Traefik's labels as a tree of names: the first half of their grammar.

Follows `DecodeToNode` of traefik/paerser (`parser/labels_decode.go`): labels are read in the order of
their texts, names that differ only in case are one (the first spelling stays, the last value wins), and
an index such as `[0]` is a name of its own below what it follows.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

ROOT: Final = "traefik"

DEEPEST: Final = 50
"""Names in a label: more than Traefik's structs are deep, and than a plugin can want."""


@dataclass(slots=True)
class LabelNode:
    """A name of the tree, the value of the label that ends there, and the names below."""

    name: str
    label: str
    """A label that led here, for messages: the one that ends here, else the first below."""
    value: str = field(default="", repr=False)
    children: "list[LabelNode]" = field(default_factory=list)
    is_valued: bool = False

    def child(self, name: str) -> "LabelNode | None":
        """The name below that is equal but for case."""
        folded = name.casefold()
        return next((node for node in self.children if node.name.casefold() == folded), None)


@dataclass(frozen=True, slots=True)
class LabelFault:
    """A label that cannot be read. The message never holds its value."""

    label: str
    reason: str
    message: str


def selected(labels: Mapping[str, str], filters: Iterable[str]) -> Iterator[str]:
    """The labels that begin with one of the filters, in any case, in the order of their texts (bytes)."""
    prefixes = tuple(item.casefold() for item in filters)
    return (key for key in sorted(labels) if key.casefold().startswith(prefixes))


def label_tree(
    labels: Mapping[str, str], filters: Iterable[str]
) -> tuple[LabelNode, list[LabelFault]]:
    """The tree of the labels that begin with one of the filters, and those that have no place in it."""
    root = LabelNode(ROOT, "")
    faults: list[LabelFault] = []
    for label in selected(labels, filters):
        path = _path(label)
        if isinstance(path, LabelFault):
            faults.append(path)
        else:
            _add(root, path, label, labels[label])
    return root, faults


def _path(label: str) -> list[str] | LabelFault:
    """The names of a label below the root."""
    first, *rest = label.split(".")
    if first != ROOT:
        return LabelFault(label, "UnknownLabel", f"begins with {first}: write {ROOT} in lower case")
    if len(rest) > DEEPEST:
        return LabelFault(f"{label[:80]}…", "BadLabel", f"has more than {DEEPEST} names")
    path: list[str] = []
    for part in rest:
        if not part:
            return LabelFault(
                label, "BadLabel", "has an empty name between two dots, or at its end"
            )
        if part[0] == "[":
            message = "has an index without a name before it: write name[0], without a dot between"
            return LabelFault(label, "BadLabel", message)
        if not part.endswith("]"):
            path.append(part)
            continue
        name, bracket, index = part.partition("[")
        if not bracket:
            return LabelFault(label, "BadLabel", "has a ] without a [ before it")
        path += (name, bracket + index)
    return path


def _add(node: LabelNode, path: list[str], label: str, value: str) -> None:
    for name in path:
        below = node.child(name)
        if below is None:
            below = LabelNode(name, label)
            node.children.append(below)
        node = below
    node.label, node.value, node.is_valued = label, value, True
