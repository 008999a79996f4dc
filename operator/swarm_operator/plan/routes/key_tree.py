"""The keys below Traefik's root as its KV provider arranges them, before any field is looked at.

After Traefik's `pkg/config/kv/kv_node.go`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from swarm_operator.plan.routes.folding import folded
from swarm_operator.plan.routes.tree import PROTOCOLS

_NUMBERED: Final = re.compile(r"(.+)/[0-9]+", re.DOTALL)
_DIGITS: Final = re.compile(r"[0-9]+")


@dataclass(slots=True)
class Node:
    """A part of a path: its value, and what lies below, by folded name, in the order of the keys."""

    name: str
    """As the first key spells it; Traefik puts all-digit names in brackets."""
    value: str = ""
    keys: list[str] = field(default_factory=list)
    """The keys that end here: several of a numbered list, or where they differ in case."""
    children: "dict[str, Node]" = field(default_factory=dict)

    def below(self) -> str:
        """A key of it or below it, for people."""
        node = self
        while not node.keys:
            node = next(iter(node.children.values()))
        return node.keys[0]


def arranged(keys: Mapping[str, bytes]) -> Node:
    """All keys that Traefik takes into account, as one tree. Keys are relative to its root."""
    root = Node("")
    for path, value, sources in sorted(_with_lists(keys)):
        node = root
        for part in filter(None, path.split("/")):
            name = f"[{part}]" if _DIGITS.fullmatch(part) else part
            node = node.children.setdefault(folded(name), Node(name))
        node.value = value
        node.keys.extend(sources)
    return root


def _with_lists(keys: Mapping[str, bytes]) -> list[tuple[str, str, list[str]]]:
    """Keys that end in a number are one list, and win against its key without a number."""
    plain: dict[str, tuple[str, list[str]]] = {}
    lists: dict[str, list[tuple[str, str]]] = {}
    for key in sorted(keys):
        if not folded(key).startswith(PROTOCOLS):
            continue
        value = keys[key].decode("utf-8", "replace")
        numbered = _NUMBERED.fullmatch(key)
        if numbered is None:
            plain[key] = (value, [key])
        else:
            lists.setdefault(numbered[1], []).append((key, value))
    for path, items in lists.items():
        plain[path] = (",".join(value for _, value in items), [key for key, _ in items])
    return [(path, value, sources) for path, (value, sources) in plain.items()]
