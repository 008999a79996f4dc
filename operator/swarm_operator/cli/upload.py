"""What `push` writes: decided from the folder in the KV as it is and the files as they shall be."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from desired_state import keys
from desired_state.folder_hash import OWN_MARKERS, folder_hash
from desired_state.records import Pushed, Pushing
from swarm_operator.cli import transactions
from swarm_operator.observed.kv import Delete, KvEntry, KvOperation, KvTree, Put, Unchanged

STALE: Final = timedelta(seconds=60)
"""A push that is still "under way" after so long has died: its place may be taken."""


@dataclass(frozen=True, slots=True)
class Upload:
    """The transactions of one push, in order, and what they do to which paths."""

    written: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    transactions: tuple[tuple[KvOperation, ...], ...] = ()
    result: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """The folder's files after it, without markers."""


class Refused(Exception):
    """The push would overwrite another hand's work, or can never fit; the text says it all."""


def upload(
    stack: str,
    tree: KvTree,
    files: Mapping[str, bytes],
    *,
    who: str,
    now: datetime,
    force: bool = False,
    gone: Collection[str] = (),
) -> Upload:
    """The upload that makes the stack's folder (`tree`) hold `files`.

    What an earlier push brought and `files` lacks is deleted, and so is what `gone` names. Every
    key that is written or deleted is compared with what was read first; as far as there is room in
    the transaction, so are the unchanged ones. Raises Refused.
    """
    folder = _Folder(stack, tree)
    if not force:
        folder.refuse_foreign_work(files, who, now)
    written = tuple(path for path in sorted(files) if folder.content(path) != files[path])
    to_go = folder.came_by_push | (frozenset(gone) & folder.files.keys())
    deleted = tuple(path for path in sorted(to_go) if path not in files)
    result = {path: entry.value for path, entry in folder.files.items() if path not in deleted}
    result.update(files)
    _refuse_too_large(stack, files)
    marker = Pushed(hash=folder_hash(result), files=tuple(sorted(files)), who=who, when=now)
    is_current = (
        folder.pushed is not None
        and folder.pushed.hash == marker.hash
        and folder.pushed.files == marker.files
        and folder.pushing is None
    )
    if not written and not deleted and is_current:
        return Upload(result=result)
    changes: list[KvOperation] = [folder.put(path, files[path]) for path in written]
    changes += [folder.delete(path) for path in deleted]
    guards = [folder.unchanged(path) for path in folder.files if path not in {*written, *deleted}]
    return Upload(written, deleted, _transactions(folder, changes, guards, marker), result)


def refuse_beside_a_push(stack: str, tree: KvTree, who: str, now: datetime) -> None:
    """Raises Refused while somebody else's push is under way."""
    folder = _Folder(stack, tree)
    if folder.pushing is not None and folder.pushing.who != who:
        folder.refuse_beside(folder.pushing, now)


def came_by_push(stack: str, tree: KvTree) -> frozenset[str]:
    """The files of a stack's folder that a push brought."""
    return _Folder(stack, tree).came_by_push


def _transactions(
    folder: "_Folder", changes: list[KvOperation], guards: list[KvOperation], marker: Pushed
) -> tuple[tuple[KvOperation, ...], ...]:
    last = [folder.put(keys.PUSHED, marker.encode())]
    # Left behind by a push that died.
    abandoned = [folder.delete(keys.PUSHING)] if folder.pushing is not None else []
    if transactions.fits([*changes, *last, *abandoned]):
        return (transactions.filled_up([*changes, *last, *abandoned], guards),)
    pushing = Pushing(who=marker.who, when=marker.when, files=marker.files)
    first = [folder.put(keys.PUSHING, pushing.encode()), folder.unchanged(keys.PUSHED)]
    finished = [*last, Delete(folder.key(keys.PUSHING))]
    return (tuple(first), *transactions.batches(changes), tuple(finished))


class _Folder:
    """A stack's folder in the KV as it was read."""

    def __init__(self, stack: str, tree: KvTree) -> None:
        self.stack = stack
        self.tree = tree
        # Consul's UI makes "folders": empty keys that end in a slash.
        self.files: dict[str, KvEntry] = {
            path: entry
            for path, entry in sorted(tree.entries.items())
            if path not in OWN_MARKERS and path and not path.endswith("/")
        }
        marker = tree.entries.get(keys.PUSHED)
        self.pushed = Pushed.parse(marker.value) if marker else None
        under_way = tree.entries.get(keys.PUSHING)
        self.pushing = (Pushing.parse(under_way.value) or Pushing()) if under_way else None

    @property
    def is_as_pushed(self) -> bool:
        contents = {path: entry.value for path, entry in self.files.items()}
        return self.pushed is not None and self.pushed.hash == folder_hash(contents)

    @property
    def came_by_push(self) -> frozenset[str]:
        came = frozenset(self.pushing.files if self.pushing else ())
        if self.pushed is not None:
            came |= frozenset(self.pushed.files)
        return came & frozenset(self.files)

    def content(self, path: str) -> bytes | None:
        entry = self.files.get(path)
        return entry.value if entry else None

    def refuse_foreign_work(self, files: Mapping[str, bytes], who: str, now: datetime) -> None:
        """Raises Refused where the push would undo what somebody else did since the last one."""
        if self.pushing is not None:
            if self.pushing.who != who:
                self.refuse_beside(self.pushing, now)
            return  # it died half-way: the differences are its own
        if not self.files or self.is_as_pushed:
            return
        if {path: entry.value for path, entry in self.files.items()} == dict(files):
            return  # the other hand did just what we would do
        folder = f"{keys.DESIRED}{keys.stack_folder(self.stack)}"
        if self.pushed is None:
            raise Refused(
                f"{folder} was not made by push, and differs from what you push "
                f"({', '.join(self.files)}): --force writes over it"
            )
        changed = ", ".join(self._changed_since_push())
        last = f"since the last push{_by(self.pushed.who, self.pushed.when)}"
        raise Refused(
            f"somebody changed {folder} {last}: {changed}. Take their work over into your folder, "
            "or write over it with --force"
        )

    def refuse_beside(self, pushing: Pushing, now: datetime) -> None:
        """Raises Refused while a push is young enough to be under way."""
        if pushing.when is not None and now - pushing.when < STALE:
            by = _by(pushing.who, pushing.when)
            raise Refused(
                f"another push{by} is under way: wait for its end, or write over it with --force"
            )

    def _changed_since_push(self) -> list[str]:
        pushed = self.pushed
        assert pushed is not None
        pushed_at = self.tree.entries[keys.PUSHED].modify_index
        changed = {path for path, entry in self.files.items() if entry.modify_index > pushed_at}
        gone = {f"{path} (deleted)" for path in pushed.files if path not in self.files}
        return sorted(changed | gone) or sorted(self.files)

    def key(self, path: str) -> str:
        return f"{keys.DESIRED}{keys.stack_key(self.stack, path)}"

    def _index(self, path: str) -> int:
        entry = self.tree.entries.get(path)
        return entry.modify_index if entry else 0

    def put(self, path: str, value: bytes) -> KvOperation:
        return Put(self.key(path), value, index=self._index(path))

    def delete(self, path: str) -> KvOperation:
        return Delete(self.key(path), index=self._index(path))

    def unchanged(self, path: str) -> KvOperation:
        return Unchanged(self.key(path), self._index(path))


def _refuse_too_large(stack: str, files: Mapping[str, bytes]) -> None:
    for path, content in sorted(files.items()):
        if not transactions.fits([Put(path, content)]):
            raise Refused(
                f"{stack}: {path} has {len(content) // 1000} kB; one write to Consul takes about "
                f"{transactions.MAX_BODY_B * 3 // 4 // 1000} kB"
            )


def _by(who: str, when: datetime | None) -> str:
    by = f" by {who}" if who else ""
    return by + (f" at {when:%Y-%m-%d %H:%M:%S} UTC" if when else "")
