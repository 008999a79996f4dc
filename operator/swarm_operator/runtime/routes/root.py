"""Traefik's keys: read when that is due, written stage by stage.

Level-triggered: whoever finds half of a write done reads, compares and goes on. So nothing but the
stages that are left is remembered of a write, and a wish that changes meanwhile makes them void.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from swarm_operator.observed import errors
from swarm_operator.observed.kv import Delete, Fence, KvTree, Put
from swarm_operator.plan.routes.changes import Changes, diff
from swarm_operator.plan.routes.decoding import decode
from swarm_operator.plan.routes.keys import object_of
from swarm_operator.plan.routes.ownership import owns
from swarm_operator.plan.routes.stages import Stage, stages
from swarm_operator.plan.routes.stamp import stamp_key, stamp_object
from swarm_operator.plan.routes.states import Writes
from swarm_operator.plan.routes.tree import ObjectId, RouteTree
from swarm_operator.runtime.ports import Clock, KvPort, Metrics

DEBOUNCE_S: Final = 0.1
"""What changes in a burst is one write: each is a reload, and resets Traefik's health checks."""
GAP_S: Final = 0.25
"""Between two writes that do not belong together."""
READ_EVERY_S: Final = 4.0
READ_SHARE: Final = 50.0
"""A read of everything that took a second is not repeated for so many seconds."""
LONGEST_READ_EVERY_S: Final = 30.0
CHECK_EVERY_S: Final = 1.5
"""Between looks at the stamp alone: a KV that lost its data gets it back soon."""
POKE_EVERY_S: Final = 15.0
UNCONFIRMED_S: Final = 10.0
"""A stage that waits for instances goes on after this time: one that is frozen must not stop it."""


@dataclass(slots=True)
class Root:
    """The keys below Traefik's root, and what is to become of them."""

    kv: KvPort
    clock: Clock
    metrics: Metrics
    observed: KvTree | None = None
    """What the last read found; None where it is to be read anew before anything is decided."""
    changes: Changes | None = None
    """Against the last read; None where there was none yet."""
    writes: Writes = field(default_factory=Writes)
    generation: str = ""
    """Of our newest write, or of what was found at the start."""
    installation: str = ""
    _last_read: KvTree | None = None
    _read_at: float | None = None
    _read_due: float = 0.0
    _check_due: float = 0.0
    _poked_at: float = 0.0
    _changed_at: float | None = None
    """Since when there is something to write."""
    _left: tuple[Stage, ...] = ()
    _asked: tuple[object, ...] = ()
    _objects: tuple[KvTree | None, frozenset[ObjectId], frozenset[ObjectId]] = (
        None, frozenset(), frozenset(),
    )  # fmt: skip
    _compared: KvTree | None = None
    """The read that `changes` are against."""

    def forget(self, installation: str) -> None:
        """Another hand may have written meanwhile."""
        self.installation = installation
        self.observed, self.changes, self._last_read = None, None, None
        self.writes, self.generation = Writes(), ""
        self._left, self._asked, self._changed_at = (), (), None
        self._read_due = self._check_due = 0.0

    # --- reading ------------------------------------------------------------------------------------

    def look(self, now: float) -> None:
        """Read what is due. Raises what the KV raises."""
        if self.observed is not None and self._check_due <= now < self._read_due:
            self._check(now)
        if self.observed is None or now >= self._read_due:
            self._read(now)

    def freshen(self, now: float) -> None:
        """Read anew where this pass is going to write: another hand's keys may collide with ours
        though none of those that we write is touched by it."""
        writes = self._changed_at is not None and not self._left and now >= self._due_at()
        if writes and self._read_at != now:
            self._read(now)

    def _check(self, now: float) -> None:
        self._check_due = now + CHECK_EVERY_S
        assert self.observed is not None
        key = stamp_key(self.installation)
        known = self.observed.entries.get(key)
        if self.kv.get(key) != known:
            self.observed = None

    def _read(self, now: float) -> None:
        began = self.clock.monotonic()
        tree = self.kv.read("")
        last = self._last_read
        if last is not None and (last.index, len(last.entries)) == (tree.index, len(tree.entries)):
            tree = last  # what was concluded from it holds
        self.observed = self._last_read = tree
        took_s = self.clock.monotonic() - began
        every = min(max(READ_EVERY_S, READ_SHARE * took_s), LONGEST_READ_EVERY_S)
        self._read_at, self._read_due = now, now + every
        self._check_due = now + CHECK_EVERY_S
        stamp = self.observed.entries.get(stamp_key(self.installation))
        if stamp is not None and not owns(stamp, self.installation):
            stamp = None  # another hand's says nothing of our writes
        generation = stamp.value.decode("utf-8", "replace") if stamp is not None else ""
        if generation and not self.generation:
            # Written by an earlier holder of the lease: nobody knows when.
            self.writes = Writes(0, now, {generation: (0, 0.0)})
        elif generation and generation != self.generation:
            # A write of ours whose answer was lost, or another hand's.
            self.writes = self.writes.next(generation, now)
        self.generation = generation or self.generation

    @property
    def has_ours(self) -> bool:
        """Whether any key there is ours."""
        entries = self.observed.entries if self.observed is not None else {}
        return any(owns(entry, self.installation) for entry in entries.values())

    def objects(self, *, ours: bool) -> frozenset[ObjectId]:
        """The objects with a key of ours, or of somebody else."""
        if self._objects[0] is not self.observed:
            found: tuple[set[ObjectId], set[ObjectId]] = (set(), set())
            for key, entry in (self.observed.entries if self.observed is not None else {}).items():
                named = object_of(key)
                if named is not None:
                    found[owns(entry, self.installation)].add(named)
            self._objects = self.observed, frozenset(found[False]), frozenset(found[True])
        return self._objects[2] if ours else self._objects[1]

    def own_tree(self) -> RouteTree:
        """What our keys say, without the stamp."""
        entries = self.observed.entries if self.observed is not None else {}
        ours = {k: e.value for k, e in entries.items() if owns(e, self.installation)}
        stamp = stamp_object(self.installation)
        return RouteTree.of(item for item in decode(ours).tree if item.id != stamp)

    def publishes(self, task_id: str) -> bool:
        """Whether a key still sends anybody to a task."""
        part = f"/servers/{task_id}"
        entries = self.observed.entries if self.observed is not None else {}
        return any(part in key for key in entries)

    # --- writing ------------------------------------------------------------------------------------

    def want(self, tree: RouteTree, adopt: Collection[ObjectId], now: float) -> None:
        """Compare with the last read; stages that were left are void where the wish changed."""
        assert self.observed is not None
        asked = (tree, frozenset(adopt))
        if self._asked and self._asked != asked:
            self._left = ()
        if self._asked != asked or self.changes is None or not self._compared_with_last_read:
            self.changes = diff(tree, self.observed, self.installation, adopt)
            self._compared = self.observed
        self._asked = asked
        if self.changes.is_empty:
            self._changed_at, self._left = None, ()
        elif self._changed_at is None:
            self._changed_at = now

    @property
    def _compared_with_last_read(self) -> bool:
        return self._compared is self.observed

    def write(self, fence: Fence, now: float, confirmed: Callable[[int], bool]) -> bool:
        """The next stage, where one is due. Returns whether anything was written.

        Raises LeaseLost, Unavailable, Denied, TooLarge. A conflict is no error: what was read is old.
        """
        if self._changed_at is None or now < self._due_at():
            return False
        if not self._left:
            assert self.changes is not None
            self._left = stages(self.changes)
        wrote = False
        while self._left:
            stage = self._left[0]
            if stage.awaits_confirmation and not self._may_go_on(now, confirmed):
                return wrote
            if not self._commit(stage, fence, now):
                return wrote
            wrote = True
            self._left = self._left[1:]
        self.observed, self._changed_at = None, None
        return wrote

    def poke(self, fence: Fence, now: float) -> None:
        """Write the stamp anew as it is: an instance whose right to read was taken and given back
        waits for the next change, without any route. The others see nothing new in it."""
        key = stamp_key(self.installation)
        stamp = self.observed.entries.get(key) if self.observed is not None else None
        if stamp is None or not self.is_in_step or now < self._poked_at + POKE_EVERY_S:
            return
        self._poked_at = now
        # The same value alone would be no change for Consul.
        operations = (
            Delete(key, index=stamp.modify_index),
            Put(key, stamp.value, flags=stamp.flags),
        )
        self._commit(Stage(operations, self.generation), fence, now, is_new=False)
        self.observed = None

    def _commit(self, stage: Stage, fence: Fence, now: float, *, is_new: bool = True) -> bool:
        try:
            self.kv.commit(stage.operations, fence=fence)
        except errors.LeaseLost:
            raise
        except errors.Conflict:
            self.metrics.count("traefik_writes_total", {"result": "conflict"})
            self.observed, self._left, self._changed_at = None, (), None
            return False
        except errors.OutsideError:
            # It may have been done all the same. The next pass tries at once, or is no success either.
            self.metrics.count("traefik_writes_total", {"result": "failed"})
            self.observed, self._left, self._changed_at = None, (), now - DEBOUNCE_S
            raise
        self.metrics.count("traefik_writes_total", {"result": "done"})
        if stage.generation is not None:
            self.generation = stage.generation
        if is_new:
            self.writes = self.writes.next(self.generation, now)
        return True

    def _may_go_on(self, now: float, confirmed: Callable[[int], bool]) -> bool:
        if now >= self.writes.written_at + UNCONFIRMED_S:
            return True
        return confirmed(self.writes.number)

    def _due_at(self) -> float:
        assert self._changed_at is not None
        if self._left:
            return 0.0
        gap_ends = self.writes.written_at + GAP_S if self.writes.number else 0.0
        return max(self._changed_at + DEBOUNCE_S, gap_ends)

    # --- what comes next ----------------------------------------------------------------------------

    def is_about_to_write(self, now: float) -> bool:
        """Whether more changes are waited for, for a moment."""
        return self._changed_at is not None and not self._left and now < self._due_at()

    @property
    def is_in_step(self) -> bool:
        """What lies there is what is wished, as far as it may be written."""
        return (
            self.observed is not None
            and self._compared_with_last_read
            and self.changes is not None
            and self.changes.is_empty
        )

    def next_at(self, now: float) -> float:
        """When there is something to do again, instances aside."""
        if self.observed is None:
            return now
        due = min(self._read_due, self._check_due)
        if self._changed_at is not None and not self._left:
            due = min(due, self._due_at())
        if self._left:
            due = min(due, self.writes.written_at + UNCONFIRMED_S)
        return due
