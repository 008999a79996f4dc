"""What is desired: one answer of the KV, read into typed parts. Nothing here is acted on yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from desired_state import keys
from desired_state.folder import DOCUMENT_NAMES, VARIABLES_FILE, StackFolder
from desired_state.folder_hash import folder_hash
from desired_state.loaded import LoadedStack
from desired_state.node_documents import NodeDocument
from desired_state.policy import Policy
from desired_state.problems import DocumentRefused, Problem
from desired_state.rebalance_policy import RebalancePolicy
from desired_state.records import SCHEMA_VERSION, Installation, Pushed, Pushing, Request, Tombstone
from swarm_operator.observed.kv import KvEntry, KvTree
from swarm_operator.plan.compose import specs_of
from swarm_operator.plan.compose.specs import StackSpecs


@dataclass(frozen=True, slots=True)
class FolderVersion:
    """A stack's folder as it lies in the KV, not read yet: what changes when it changes."""

    stack: str
    files: Mapping[str, KvEntry] = field(repr=False)
    """By path, without our own markers."""
    pushed: Pushed | None = None
    pushing: Pushing | None = None

    @property
    def fingerprint(self) -> frozenset[tuple[str, int]]:
        """Path and ModifyIndex of every file: equal means that nothing was written."""
        return frozenset((path, entry.modify_index) for path, entry in self.files.items())

    @property
    def document_index(self) -> int:
        """The raft index at which the document was written last; 0 without a document."""
        return max(
            (entry.modify_index for path, entry in self.files.items() if path in DOCUMENT_NAMES),
            default=0,
        )

    @property
    def is_as_pushed(self) -> bool:
        """Whether the folder is just what `push` wrote: then nothing needs to be waited for."""
        if self.pushed is None:
            return False
        return self.pushed.hash == folder_hash(self.contents)

    @property
    def newest_key(self) -> tuple[str, int]:
        """The file that was written last (of several at once the document), and its raft index: the
        cause of what follows."""
        path, entry = max(
            self.files.items(), key=lambda item: (item[1].modify_index, item[0] in DOCUMENT_NAMES)
        )
        return path, entry.modify_index

    @property
    def contents(self) -> Mapping[str, bytes]:
        return {path: entry.value for path, entry in self.files.items()}


@dataclass(frozen=True, slots=True)
class DesiredStack:
    """A stack's folder, read: specs, or the problems because of which there are none."""

    stack: str
    specs: StackSpecs | None = None
    problems: tuple[Problem, ...] = ()
    kept: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """What the history keeps: the documents and the files they name, without those of secrets."""

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return self.specs.warnings if self.specs is not None else ()


@dataclass(frozen=True, slots=True)
class DesiredTree:
    """One answer of `desired/`, sorted into its parts."""

    index: int = 0
    installation: Installation | None = None
    folders: Mapping[str, FolderVersion] = field(default_factory=dict)
    tombstones: Mapping[str, tuple[Tombstone, int]] = field(default_factory=dict)
    """Who asked for a stack's removal, and the ModifyIndex of the wish."""
    requests: Mapping[keys.RequestKey, tuple[Request, int]] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Public addresses by host name, from the nodes' documents that can be read."""
    unread_nodes: frozenset[str] = frozenset()
    """Host names of nodes whose documents cannot be read."""
    incomplete: tuple[str, ...] = ()
    """Why this answer is no evidence that something is absent."""
    warnings: tuple[str, ...] = ()

    def is_removed(self, stack: str) -> bool:
        """Whether the stack is to go: it has a tombstone that is younger than its document."""
        tombstone = self.tombstones.get(stack)
        if tombstone is None:
            return False
        folder = self.folders.get(stack)
        return folder is None or folder.document_index < tombstone[1]

    def is_back(self, stack: str) -> bool:
        """Whether a tombstone is outlived by a younger document."""
        folder = self.folders.get(stack)
        return stack in self.tombstones and folder is not None and not self.is_removed(stack)


def is_unread(policy: Policy) -> bool:
    """Whether this stands for a policy that cannot be read."""
    return policy is _CAREFUL


def read_tree(tree: KvTree) -> DesiredTree:
    """Sort the keys of one answer; documents are not parsed yet."""
    installation, incomplete = _installation(tree)
    policy, policy_problems = _policy(tree)
    folders = _folders(tree)
    tombstones, unreadable = _tombstones(tree)
    addresses, unread_nodes, node_problems = _addresses(tree)
    return DesiredTree(
        index=tree.index,
        installation=installation,
        folders=folders,
        tombstones=tombstones,
        requests=_requests(tree),
        policy=policy,
        addresses=addresses,
        unread_nodes=unread_nodes,
        incomplete=incomplete,
        warnings=(*policy_problems, *unreadable, *node_problems),
    )


def _installation(tree: KvTree) -> tuple[Installation | None, tuple[str, ...]]:
    entry = tree.entries.get(keys.INSTALLATION)
    if entry is None:
        return None, (
            "the sentinel desired/.installation is not in the answer (a wiped or restarted KV, or a "
            "token that may not read it, looks just so): run `swarm-operator init --recover`",
        )
    installation = Installation.parse(entry.value)
    if installation is None:
        return None, ("the sentinel desired/.installation cannot be read as JSON: restore it",)
    if installation.schema_version > SCHEMA_VERSION:
        return installation, (
            f"the KV has schema {installation.schema_version}, this version knows {SCHEMA_VERSION}: "
            "upgrade the operator",
        )
    return installation, ()


def _policy(tree: KvTree) -> tuple[Policy, tuple[str, ...]]:
    entry = tree.entries.get(keys.POLICY)
    if entry is None:
        return Policy(), ()
    try:
        return Policy.parse_yaml(entry.value), ()
    except DocumentRefused as refused:
        return _CAREFUL, tuple(str(problem) for problem in refused.problems)


_CAREFUL: Final = Policy(rebalance=RebalancePolicy(mode="off"))
"""Where the policy cannot be read: it may be the one that forbids."""


def _tombstones(tree: KvTree) -> tuple[dict[str, tuple[Tombstone, int]], tuple[str, ...]]:
    """The tombstones, and what is said about those that cannot be read: they remove nothing."""
    tombstones: dict[str, tuple[Tombstone, int]] = {}
    unreadable: list[str] = []
    for key, entry in tree.entries.items():
        stack = key.removeprefix(keys.REMOVED)
        if not key.startswith(keys.REMOVED) or not stack:
            continue
        tombstone = Tombstone.parse(entry.value)
        if tombstone is None:
            unreadable.append(
                f"desired/{key} is no tombstone, and removes nothing: use `swarm-operator remove {stack}`, "
                "or write {} into it"
            )
        else:
            tombstones[stack] = tombstone, entry.modify_index
    return tombstones, tuple(unreadable)


def _folders(tree: KvTree) -> Mapping[str, FolderVersion]:
    files: dict[str, dict[str, KvEntry]] = {}
    for key, entry in tree.entries.items():
        parsed = keys.parse_stack_key(key)
        if parsed is not None:
            files.setdefault(parsed.stack, {})[parsed.path] = entry
    return {stack: _folder(stack, entries) for stack, entries in sorted(files.items())}


def _folder(stack: str, entries: dict[str, KvEntry]) -> FolderVersion:
    pushed = entries.pop(keys.PUSHED, None)
    pushing = entries.pop(keys.PUSHING, None)
    return FolderVersion(
        stack=stack,
        files=entries,
        pushed=Pushed.parse(pushed.value) if pushed else None,
        pushing=(Pushing.parse(pushing.value) or Pushing()) if pushing else None,
    )


def _requests(tree: KvTree) -> Mapping[keys.RequestKey, tuple[Request, int]]:
    requests = {}
    for key, entry in tree.entries.items():
        parsed = keys.parse_request_key(key)
        if parsed is not None:
            requests[parsed] = (Request.parse(entry.value) or Request(), entry.modify_index)
    return requests


def _addresses(
    tree: KvTree,
) -> tuple[dict[str, tuple[str, ...]], frozenset[str], tuple[str, ...]]:
    """What the nodes' documents say, and what is said about those that cannot be read."""
    found: dict[str, tuple[str, ...]] = {}
    unread: set[str] = set()
    problems: list[str] = []
    for key, entry in sorted(tree.entries.items()):
        host = key.removeprefix(keys.NODES)
        if not key.startswith(keys.NODES) or not host:
            continue
        try:
            document = NodeDocument.parse_yaml(host, entry.value)
        except DocumentRefused as refused:
            unread.add(host)
            problems += [str(problem) for problem in refused.problems]
        else:
            found[host] = document.addresses
    return found, frozenset(unread), tuple(problems)


def read_stack(folder: FolderVersion) -> DesiredStack:
    """Parse, validate and convert a folder: specs or problems, never half of either."""
    try:
        loaded, specs = specs_of(StackFolder(folder.stack, folder.contents))
        return DesiredStack(folder.stack, specs=specs, kept=_kept(folder, loaded))
    except DocumentRefused as refused:
        return DesiredStack(folder.stack, problems=refused.problems)


def _kept(folder: FolderVersion, loaded: LoadedStack) -> Mapping[str, bytes]:
    named = {*loaded.document_files, *loaded.files, VARIABLES_FILE} - loaded.secret_files
    return {path: data for path, data in folder.contents.items() if path in named}
