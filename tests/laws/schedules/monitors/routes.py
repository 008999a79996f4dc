"""Routes: only our own keys, whole at every moment, never the last server, no write without a change."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from swarm_operator.observed.kv import KvEntry
from swarm_operator.plan.routes.decoding import Decoded, decode
from swarm_operator.plan.routes.references import references
from swarm_operator.plan.routes.stamp import stamp_key
from swarm_operator.plan.routes.tree import ObjectId, RouteObject
from swarm_operator.runtime.withdrawal import Withdrawn
from swarm_operator.simulation.engine.records import ServiceRecord
from swarm_operator.simulation.engine.store import Change
from swarm_operator.simulation.kv.http import Outcome, Request, Response
from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.monitors.coverage import (
    CUT_SHORT,
    FROZE,
    GIVEN_UP,
    HELD,
    IN_PARTS,
    WITHDRAWN,
    Coverage,
)
from tests.laws.schedules.traefiks import Traefiks, servers_of

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab
    from tests.laws.schedules.process import Process

THEIRS: Final = "routes: no foreign key is ever changed"
WHOLE: Final = "routes: each write leaves behind what is consistent in itself"
LAST: Final = "routes: never the last server, unless the service goes"
IDLE: Final = "routes: no write when nothing changed"
GONE: Final = "routes: nobody is sent to a task that is confirmed as withdrawn"
_CRASHES: Final = ("crash before a traefik write", "crash after a traefik write")
_FORGOTTEN_S: Final = 60.0
"""What was wished so long ago nobody goes by any more: every view of the swarm is younger."""
_UNREAD_S: Final = 20.0
"""Between two reads of all keys, with the write of one change that began with the first of them."""

Keys = Mapping[str, KvEntry]


class Routes(Monitor):
    """Holds every transaction that Consul carries out against what lay there before."""

    def __init__(self, lab: "Lab") -> None:
        super().__init__(lab)
        self._emptied_at: dict[str, float] = {}
        """By service's name: when it was last seen to want no task at all, or to be no more."""

    def watch(self) -> None:
        """From now on there are routes: see every transaction at the moment when it is carried out,
        which for a frozen Consul is not when it was sent."""
        api = self.lab.world.consul_api
        carry_out = api.handle

        def handle(request: Request) -> Outcome:
            keys = self._keys_of(request)
            if not keys:
                return carry_out(request)
            before = self._traefiks.keys()
            outcome = carry_out(request)
            if isinstance(outcome, Response) and outcome.status == 200:
                self._judge(keys, before, self._traefiks.keys())
                if _is_continued(request, stamp_key(self._traefiks.installation)):
                    self._reached(IN_PARTS)
            return outcome

        api.handle = handle  # type: ignore[method-assign]
        self.lab.engine.store.observe(self._changed)

    @property
    def _traefiks(self) -> Traefiks:
        assert self.lab.traefiks is not None
        return self.lab.traefiks

    def _reached(self, word: str) -> None:
        self.lab.monitor(Coverage).reached.add(word)

    def _keys_of(self, request: Request) -> list[str]:
        """Those below Traefik's root that a transaction would write."""
        if request.path != "/v1/txn":
            return []
        below = f"{Traefiks.ROOT}/"
        found = (item["KV"]["Key"] for item in json.loads(request.body))
        return [key.removeprefix(below) for key in found if key.startswith(below)]

    # --- a write ------------------------------------------------------------------------------------

    def _judge(self, written: Iterable[str], before: Keys, after: Keys) -> None:
        for key, entry in before.items():
            if not self._traefiks.is_ours(entry) and after.get(key) != entry:
                self.lab.broke(THEIRS, f"{key} was written, or is gone")
        was, now = _decoded(before), _decoded(after)
        known = {fault.key for fault in was.faults}
        if known:
            self._reached(FROZE)
        for fault in now.faults:
            if fault.key not in known:
                self.lab.broke(WHOLE, f"{fault.key}: {fault.message}")
        ours = frozenset(key for key, entry in after.items() if self._traefiks.is_ours(entry))
        for name, wanted in sorted(_dangling(now, ours) - _dangling(was, before)):
            if not self._was_taken_away(wanted):
                self.lab.broke(WHOLE, f"{name} names {wanted}, which is not there")
        self._check_servers(was, now)
        self._check_change(written, before, after)

    def _was_taken_away(self, wanted: ObjectId) -> bool:
        """By another hand, between two transactions of one change: the second relies on what the first
        wrote, and nobody has read since then."""
        return self.lab.now < self._traefiks.touched_at.get(wanted, -_UNREAD_S) + _UNREAD_S

    def _check_servers(self, was: Decoded, now: Decoded) -> None:
        for item in now.tree:
            had = was.tree.objects.get(item.id)
            if had is None or not servers_of(had) or servers_of(item):
                continue
            if not any(self._may_be_empty(name) for name in self._services_behind(had)):
                self.lab.broke(LAST, f"{item.id} has none, and had {sorted(servers_of(had))}")

    def _services_behind(self, item: RouteObject) -> Iterator[str]:
        for server, address in servers_of(item).items():
            task = self.lab.engine.store.tasks.get(server)
            host = address.rpartition("//")[2].rpartition(":")[0]
            yield task.service_name if task is not None else host.removeprefix("tasks.")

    def _may_be_empty(self, name: str) -> bool:
        service = self.lab.service(name)
        if service is None or _wants_none(service):
            return True
        return self.lab.now < self._emptied_at.get(name, -_FORGOTTEN_S) + _FORGOTTEN_S

    def _changed(self, change: Change) -> None:
        for record in (change.old, change.new):
            if isinstance(record, ServiceRecord) and (change.new is None or _wants_none(record)):
                self._emptied_at[record.name] = self.lab.now

    def _check_change(self, written: Iterable[str], before: Keys, after: Keys) -> None:
        stamp = stamp_key(self._traefiks.installation)
        others = {key for key in written if key != stamp}
        if others and all(_content(before, key) == _content(after, key) for key in others):
            self.lab.broke(IDLE, f"{min(others)} and others are as they were")

    # --- what is reached, and what is answered ------------------------------------------------------

    def met(self, process: "Process", what: str) -> None:
        if process.routing is None or what not in _CRASHES:
            return
        left = process.routing.controller._root._left
        # What is left begins with the part that was just written, or is about to be.
        if left and (_is_later(left[0].operations) or (len(left) > 1 and "after" in what)):
            self._reached(CUT_SHORT)

    def held(self) -> None:
        """Another hand wrote into an object of ours."""
        self._reached(HELD)

    def answered(self, process: "Process", task_id: str, answer: Withdrawn) -> None:
        """A mover asked whether anybody is still sent to a task."""
        if answer is Withdrawn.TIMED_OUT:
            self._reached(GIVEN_UP)
        if answer is not Withdrawn.CONFIRMED or process.fence is None or process.is_misled:
            return
        self._reached(WITHDRAWN)
        if still := self._traefiks.sends_to(task_id):
            self.lab.broke(GONE, f"{process.name}: {task_id} is a server of {', '.join(still)}")


def _decoded(keys: Keys) -> Decoded:
    return decode({key: entry.value for key, entry in keys.items()})


def _dangling(decoded: Decoded, ours: Iterable[str]) -> set[tuple[ObjectId, ObjectId]]:
    """Objects with a key among these, and what they name in vain."""
    named = {"/".join(key.split("/")[:3]) for key in ours}
    return {
        (item.id, wanted)
        for item in decoded.tree
        if item.id.path in named
        for wanted in references(item)
        if wanted not in decoded.tree
    }


def _content(keys: Keys, key: str) -> tuple[bytes, int] | None:
    entry = keys.get(key)
    return (entry.value, entry.flags) if entry is not None else None


def _wants_none(service: ServiceRecord) -> bool:
    replicated = service.spec["Mode"].get("Replicated")
    return replicated is not None and replicated.get("Replicas", 1) == 0


def _is_continued(request: Request, stamp: str) -> bool:
    """A later transaction of one change: its stamp relies on the lease, not on an index."""
    operations: list[dict[str, Any]] = [item["KV"] for item in json.loads(request.body)]
    return any(each["Verb"] == "set" and each["Key"].endswith(stamp) for each in operations)


def _is_later(operations: Iterable[Any]) -> bool:
    """The same of a stage that is left."""
    *_, stamp = operations
    return getattr(stamp, "index", 0) is None
