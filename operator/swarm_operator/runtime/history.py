"""The last good documents of each stack, in the KV: the truth that a rollback goes back to.

`PreviousSpec` cannot serve for that: it holds one step of one service, and every write moves it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from desired_state import archive, keys
from desired_state.records import History, Revision
from swarm_operator.observed.kv import DeleteTree, Fence, KvOperation, Put
from swarm_operator.runtime.ports import KvPort

KEEP: Final = 10
"""Revisions kept of each stack."""


@dataclass(slots=True)
class HistoryWriter:
    """Writes a revision once: when its stack is first ready with it."""

    kv: KvPort
    _known: dict[str, History] = field(default_factory=dict)

    def forget_all(self) -> None:
        """At the take-over of the lease: another hand may have written meanwhile."""
        self._known.clear()

    def keep(
        self,
        stack: str,
        revision: str,
        files: Mapping[str, bytes],
        who: str,
        when: datetime,
        fence: Fence,
    ) -> bool:
        """Whether it was written now: the newest kept revision is never written twice.

        Chunks go first and the index last, so that an index never names what is not there. Raises
        what the KV raises.
        """
        history = self._history(stack)
        newest = history.revisions[-1] if history.revisions else None
        if newest is not None and newest.revision == revision:
            return False
        chunks = archive.pack(files)
        entry = Revision(
            number=newest.number + 1 if newest else 1,
            revision=revision,
            when=when,
            who=who,
            chunks=len(chunks),
            files=tuple(sorted(files)),
        )
        kept = History(revisions=(*history.revisions, entry)[-KEEP:])
        for number, chunk in enumerate(chunks):
            key = keys.history_chunk_key(stack, entry.number, number)
            self.kv.commit([Put(key, chunk)], fence=fence)
        self.kv.commit(_index_and_leftovers(stack, history, kept), fence=fence)
        self._known[stack] = kept
        return True

    def _history(self, stack: str) -> History:
        if stack not in self._known:
            entry = self.kv.get(keys.history_index_key(stack))
            parsed = History.parse(entry.value) if entry is not None else None
            self._known[stack] = parsed or History()
        return self._known[stack]


def _index_and_leftovers(stack: str, before: History, kept: History) -> list[KvOperation]:
    numbers = {revision.number for revision in kept.revisions}
    dropped = [r.number for r in before.revisions if r.number not in numbers]
    return [
        Put(keys.history_index_key(stack), kept.encode()),
        *(DeleteTree(keys.history_revision_folder(stack, number)) for number in dropped),
    ]


def read_history(kv: KvPort, stack: str) -> History:
    """The kept revisions, for the command line. Raises what the KV raises."""
    entry = kv.get(keys.history_index_key(stack))
    return (History.parse(entry.value) if entry is not None else None) or History()


def read_files(kv: KvPort, stack: str, revision: Revision) -> Mapping[str, bytes]:
    """The files of a kept revision, without secrets. Raises ArchiveDamaged, and what the KV raises."""
    tree = kv.read(keys.history_revision_folder(stack, revision.number))
    chunks = [entry.value for _, entry in sorted(tree.entries.items())]
    if len(chunks) != revision.chunks:
        raise archive.ArchiveDamaged(f"{len(chunks)} of {revision.chunks} chunks are there")
    return archive.unpack(chunks)
