"""Reads documents once for each change: a folder is parsed again only when a file's index moved."""

from collections.abc import Collection
from dataclasses import dataclass, field

from swarm_operator.plan.desired import DesiredStack, FolderVersion, read_stack

Fingerprint = frozenset[tuple[str, int]]


@dataclass(slots=True)
class DocumentReader:
    """A cache of parsed folders by stack."""

    _read: dict[str, tuple[Fingerprint, DesiredStack]] = field(default_factory=dict)

    def stack(self, folder: FolderVersion) -> DesiredStack:
        """The folder, parsed."""
        known = self._read.get(folder.stack)
        fingerprint = folder.fingerprint
        if known is not None and known[0] == fingerprint:
            return known[1]
        parsed = read_stack(folder)
        self._read[folder.stack] = fingerprint, parsed
        return parsed

    def keep_only(self, stacks: Collection[str]) -> None:
        """Forget folders that are gone."""
        for stack in self._read.keys() - set(stacks):
            del self._read[stack]
