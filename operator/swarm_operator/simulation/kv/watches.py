"""Who waits for which part of the KV, with the wake-ups that Consul's radix trees give.

Consul watches a node of an immutable radix tree (go-memdb, go-immutable-radix). Where keys lie
below a prefix that is the prefix itself; where there are none it is the nearest node above, so
writes to neighbours wake too: with nothing in common, every write anywhere (consul#9449).
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

END: Final = "\0"
"""Terminates a key in the tree, so that a whole key and a prefix of others are told apart."""


class Node(NamedTuple):
    """Of the tree: where a watch hangs."""

    scope: str
    """Writes to paths that begin so change it."""
    parent: int
    """Where the edge to it begins: it is another node when that is cut or joined."""


@dataclass(slots=True, eq=False)
class Watch:
    """One waiting read."""

    path: str
    """The prefix that is read, or the key with its `END`."""
    is_due: Callable[[], bool]
    """Whether the read would give a newer index now."""
    wake: Callable[[], None]
    node: "Node"


class Watches:
    """Told of every write; wakes those whose read has moved on, once each."""

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys`: all keys, sorted; the owner keeps it up to date."""
        self._keys = keys
        self._waiting: dict[Watch, None] = {}

    def add(self, path: str, is_due: Callable[[], bool], wake: Callable[[], None]) -> Watch:
        """Wait until a write makes `is_due` true; `wake` is then called once."""
        watch = Watch(path, is_due, wake, self.node(path))
        self._waiting[watch] = None
        return watch

    def remove(self, watch: Watch) -> None:
        """Nothing where it has been woken."""
        self._waiting.pop(watch, None)

    def written(self, paths: Sequence[str], trees: Sequence[str]) -> None:
        """After a write: `paths` are keys with their `END`, `trees` prefixes deleted as a whole."""
        for watch in list(self._waiting):
            if watch not in self._waiting:
                continue  # another's wake-up took it back
            node = self.node(watch.path)
            moved = node != watch.node or _touches(paths, trees, node.scope)
            watch.node = node
            if moved and watch.is_due():
                del self._waiting[watch]
                watch.wake()

    def node(self, path: str) -> Node:
        """Where a read of `path` hangs, as the keys are now."""
        keys = self._keys
        at = bisect_left(keys, path.removesuffix(END))
        if at < len(keys) and (keys[at] + END).startswith(path):
            return Node(path, 0)
        neighbours = [keys[n] + END for n in (at - 1, at) if 0 <= n < len(keys)]
        common = max((_shared(path, key) for key in neighbours), key=len, default="")
        if not common:
            return Node("", 0)
        first, last = _range(keys, common)
        # The walk ended at a node, or inside the edge to the next one below.
        outside = [keys[n] + END for n in (first - 1, last + 1) if 0 <= n < len(keys)]
        parent = max((len(_shared(common, key)) for key in outside), default=0)
        if _diverge(keys[first], keys[last], common):
            return Node(common, parent)
        return Node(common[: parent + 1], parent)


def _touches(paths: Sequence[str], trees: Sequence[str], scope: str) -> bool:
    return any(path.startswith(scope) for path in (*paths, *trees)) or any(
        scope.startswith(tree) for tree in trees
    )


def _range(keys: Sequence[str], prefix: str) -> tuple[int, int]:
    first = bisect_left(keys, prefix)
    last = first
    while last + 1 < len(keys) and keys[last + 1].startswith(prefix):
        last += 1
    return first, last


def _diverge(first: str, last: str, common: str) -> bool:
    """Whether a node is just there where `common` ends: two keys go different ways from it."""
    return len(_shared(first + END, last + END)) == len(common)


def _shared(one: str, other: str) -> str:
    """The beginning that both have in common."""
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return one[:length]
