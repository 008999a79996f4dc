"""A stack's folder as it lies in the KV now, read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from desired_state import keys
from desired_state.folder_hash import OWN_MARKERS
from desired_state.records import Pushed
from swarm_operator.observed.kv import KvEntry, KvTree
from swarm_operator.plan.desired import DesiredStack, FolderVersion, read_stack
from swarm_operator.runtime.ports import KvPort


@dataclass(frozen=True, slots=True)
class KvFolder:
    """What the KV holds for one stack."""

    stack: str
    tree: KvTree = field(repr=False)
    files: Mapping[str, bytes] = field(repr=False)
    """Without the markers of `push`."""
    parsed: DesiredStack
    pushed: Pushed | None
    is_as_pushed: bool

    @property
    def revision(self) -> str:
        """Of its documents; empty where they are refused."""
        return self.parsed.specs.revision if self.parsed.specs is not None else ""


def read(kv: KvPort, stack: str) -> KvFolder:
    """Raises what the KV raises; a stack without a folder has no files."""
    tree = kv.read(keys.DESIRED + keys.stack_folder(stack))
    entries = {
        path: entry
        for path, entry in tree.entries.items()
        if path not in OWN_MARKERS and path and not path.endswith("/")
    }
    marker = tree.entries.get(keys.PUSHED)
    version = FolderVersion(stack, entries, Pushed.parse(marker.value) if marker else None)
    return KvFolder(
        stack=stack,
        tree=tree,
        files=version.contents,
        parsed=read_stack(version),
        pushed=version.pushed,
        is_as_pushed=version.is_as_pushed,
    )


def parse(stack: str, files: Mapping[str, bytes]) -> DesiredStack:
    """Files as the operator would read them if they lay in the KV."""
    return read_stack(
        FolderVersion(stack, {path: KvEntry(data, 0) for path, data in files.items()})
    )
