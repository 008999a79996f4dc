"""What people do in the KV: push, edit, remove, ask; and what befalls the KV's content."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from desired_state import keys
from desired_state.folder_hash import folder_hash
from desired_state.records import Pushed, Pushing, Request, StackStatus, Tombstone
from swarm_operator.observed.kv import Delete, DeleteTree, KvOperation, Put

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab

Document = dict[str, Any]


def folder(stack: str) -> str:
    """The stack's folder in the KV, with its closing slash."""
    return keys.DESIRED + keys.stack_folder(stack)


@dataclass(frozen=True)
class Push:
    """`swarm-operator push`: the folder in one transaction, with its hash."""

    stack: str
    document: Document = field(default_factory=dict)

    def do(self, lab: "Lab") -> None:
        for monitor in lab.monitors:
            monitor.pushed(self.stack, self.document)
        text = json.dumps(self.document).encode()
        pushed = Pushed(hash=folder_hash({"compose.yaml": text}), who="ann")
        at = folder(self.stack)
        operations: list[KvOperation] = [
            DeleteTree(at),
            Put(f"{at}compose.yaml", text),
            Put(f"{at}.pushed", pushed.encode()),
        ]
        lab.people.commit(operations)


@dataclass(frozen=True)
class Edit:
    """A person writes the document's key, as in Consul's UI. `text` stands for an unusable one."""

    stack: str
    document: Document = field(default_factory=dict)
    text: str = ""

    def do(self, lab: "Lab") -> None:
        for monitor in () if self.text else lab.monitors:
            monitor.pushed(self.stack, self.document)
        text = self.text or json.dumps(self.document)
        lab.people.commit([Put(f"{folder(self.stack)}compose.yaml", text.encode())])


@dataclass(frozen=True)
class BeginPush:
    """A push too large for one transaction: its first part is there, then the network breaks.

    The half is a document by itself, which misses most of the services.
    """

    stack: str
    half: Document

    def do(self, lab: "Lab") -> None:
        at = folder(self.stack)
        marker = Put(f"{at}.pushing", Pushing(who="ann").encode())
        lab.people.commit([marker, Put(f"{at}compose.yaml", json.dumps(self.half).encode())])


@dataclass(frozen=True)
class Remove:
    """`swarm-operator remove`: the tombstone, in the transaction that deletes the folder."""

    stack: str

    def do(self, lab: "Lab") -> None:
        tombstone = Put(keys.DESIRED + keys.removed_key(self.stack), Tombstone(who="ann").encode())
        lab.people.commit([tombstone, DeleteTree(folder(self.stack))])


@dataclass(frozen=True)
class Bury:
    """A tombstone by hand, beside the document."""

    stack: str

    def do(self, lab: "Lab") -> None:
        key = keys.DESIRED + keys.removed_key(self.stack)
        lab.people.commit([Put(key, Tombstone(who="bob").encode())])


@dataclass(frozen=True)
class Vanish:
    """The folder is deleted, and nothing says why."""

    stack: str

    def do(self, lab: "Lab") -> None:
        lab.people.commit([DeleteTree(folder(self.stack))])


@dataclass(frozen=True)
class Policy:
    """`prune_stacks` with a grace time of a minute."""

    prune_stacks: str

    def do(self, lab: "Lab") -> None:
        set_policy(lab, prune_stacks=self.prune_stacks, grace=f"{lab.GRACE_S:.0f}s")


@dataclass(frozen=True)
class Rebalance:
    """The policy's word on moves, with gates that open soon."""

    mode: str
    self_test: bool = False

    def do(self, lab: "Lab") -> None:
        lab.moves = True
        gates = dict.fromkeys(["hold_off", "settle", "canary", "between_moves"], "1s")
        limits = {"min_age": "5s", "start_deadline": "20s", "moves_per_hour": 1000}
        words = {"mode": self.mode, "default": "auto", "self_test": self.self_test}
        set_policy(lab, rebalance={**words, **gates, **limits})


def set_policy(lab: "Lab", **changes: Any) -> None:
    """Writes `desired/policy` as it was, with these words changed."""
    lab.policy = {**lab.policy, **changes}
    lab.people.commit([Put(keys.DESIRED + keys.POLICY, json.dumps(lab.policy).encode())])


@dataclass(frozen=True)
class Ask:
    """A request to the lease holder: retry, redeploy or pause."""

    verb: str
    target: str

    def do(self, lab: "Lab") -> None:
        key = keys.DESIRED + keys.request_key(self.verb, self.target)
        lab.people.commit([Put(key, Request(who="ann").encode())])
        for monitor in lab.monitors:
            monitor.asked(self.verb, self.target.partition("/")[0])


@dataclass(frozen=True)
class Approve:
    """A person approves what the status says that waits."""

    stack: str

    def do(self, lab: "Lab") -> None:
        entry = lab.people.get(keys.stack_status_key(self.stack))
        status = StackStatus.parse(entry.value) if entry is not None else None
        if status is None or not status.plan:
            return
        key = keys.DESIRED + keys.request_key("approve", self.stack)
        request = Request(who="ann", digest=status.plan, names=status.waiting)
        lab.people.commit([Put(key, request.encode())])


@dataclass(frozen=True)
class LoseSentinel:
    """Somebody deletes the sentinel, and with it nothing else, or the whole of `desired/`."""

    everything: bool = False

    def do(self, lab: "Lab") -> None:
        operation = DeleteTree(keys.DESIRED) if self.everything else _SENTINEL
        lab.people.commit([operation])


_SENTINEL = Delete(keys.DESIRED + keys.INSTALLATION)


@dataclass(frozen=True)
class WipeKv:
    """Everything of the operator's is gone from the KV, the lock with it."""

    def do(self, lab: "Lab") -> None:
        lab.kv.delete_tree(lab.ROOT)
        lab.tear_lock()
