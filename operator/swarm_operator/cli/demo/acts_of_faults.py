"""Acts of the guided tour in which something fails: a node, the KV, the operator itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from desired_state import keys
from desired_state.records import OperatorStatus
from swarm_operator.cli.demo.shop import (
    API,
    DB,
    STACK,
    WEB,
    WISHED,
    document,
    image,
    ready,
    tasks,
)
from swarm_operator.cli.demo.stage import SESSION_TTL_S, Stage, pause
from swarm_operator.cli.demo.workers import busiest_worker, node_state, tasks_on
from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.kv import DeleteTree, Put

FROZEN_S: Final = 12.0
"""Longer than the lease lasts."""
EMPTY_S: Final = 2.0
"""So long is watched that nothing happens: Swarm moves nothing back by itself, and the operator
removes nothing."""


def node_loss(stage: Stage) -> None:
    engine = stage.faces.world.engine
    victim = busiest_worker(stage)
    before, others_before = stage.requests(), stage.others()
    stage.does(f"powers {victim} off")
    stage.expects(
        "Swarm moves its tasks; the operator writes nothing. It comes back, and Swarm leaves it empty"
    )
    stage.in_world(lambda: engine.kill_node(victim))
    down_s = stage.until(
        f"{victim} is down", lambda: node_state(stage, victim) == "down", 10 + stage.engine_s(20)
    )
    fled_s = down_s + ready(stage)
    reads = stage.require_looked(others_before)
    stage.in_world(lambda: engine.return_node(victim))
    stage.until(f"{victim} is ready", lambda: node_state(stage, victim) == "ready", 10)
    stage.holds(f"{victim} is empty", lambda: tasks_on(stage, victim) == 0, EMPTY_S)
    writes = stage.writes_since(before)
    stage.measured(
        f"down after {down_s:.1f} s, all eight run elsewhere after {fled_s:.1f} s; the operator's "
        f"reads: {reads}, its writes: {len(writes)}; tasks on {victim} since: 0, for now"
    )
    stage.require("no write to the engine", not writes, writes)


def blind(stage: Stage) -> None:
    before = stage.requests()
    services = {name: stage.service(name) for name in WISHED}
    stage.does(
        "freezes the KV for longer than the lease lasts; then wipes everything desired in it"
    )
    stage.expects("no service is touched, for nothing proves that it should go; all goes on after")
    _freeze(stage)
    stage.until("the operator leads again", lambda: _leads(stage), 20, lambda: _state(stage))
    with _wiped(stage):
        told_s = stage.until(
            "the operator says that it waits",
            lambda: _state(stage) == "Waiting",
            20,
            lambda: _state(stage),
        )
        stage.holds(
            "every service is as it was",
            lambda: all(_same(stage, name, record) for name, record in services.items()),
            EMPTY_S + stage.engine_s(1),
        )
    back_s = ready(stage)
    writes = stage.writes_since(before)
    stage.measured(
        f"{FROZEN_S:g} s frozen, then wiped: said after {told_s:.1f} s, {tasks(stage)}, writes: "
        f"{len(writes)}; Ready {back_s:.1f} s after the KV was restored"
    )
    stage.require("no write to the engine", not writes, writes)


def _freeze(stage: Stage) -> None:
    stage.in_world(stage.faces.consul.freeze)
    try:
        pause(FROZEN_S)
    finally:
        stage.in_world(stage.faces.consul.thaw)


@contextmanager
def _wiped(stage: Stage) -> Iterator[None]:
    """Nothing is desired within the block. What was there is put back even where the act fails: the
    acts after it find it."""
    kv = stage.clients.kv
    saved = kv.read(keys.DESIRED).entries
    kv.commit([DeleteTree(keys.DESIRED)])
    try:
        yield
    finally:
        kv.commit([Put(keys.DESIRED + key, entry.value) for key, entry in saved.items()])


def killed(stage: Stage) -> None:
    new = {WEB: "shop/web:3", API: "shop/api:3", DB: "shop/db:3"}
    victim = next(op for op in stage.operators if op.exit_code is None)
    before = stage.requests()
    stage.does("lets the engine answer slowly, pushes a change of all three services, and kills -9 "
               "the operator after its first write")  # fmt: skip
    stage.expects("another operator takes the lease when it runs out and ends the change, "
                  "each service written once")  # fmt: skip

    def slow(delay_s: float) -> None:
        stage.faces.gate.delay_s = delay_s

    stage.in_world(lambda: slow(0.3))
    try:
        stage.push(STACK, document(web=new[WEB], api=new[API], db=new[DB]))
        stage.until("the first write", lambda: _changed(stage, new), 20)
        victim.kill()
    finally:
        stage.in_world(lambda: slow(0.0))
    done = _changed(stage, new)
    stage.require("killed in the middle", 0 < len(done) < len(new), done)
    stage.start_operator()
    lease = f"Consul keeps a dead session for {2 * SESSION_TTL_S} s"
    if stage.is_fast:
        lock = f"{stage.root}/{keys.LOCK}"
        stage.in_world(lambda: stage.faces.consul.end_session_of(lock))
        lease = "the dead session was ended by hand"
    took_s = ready(stage, **new)
    updates = stage.requests().since(before).writes
    stage.measured(
        f"killed with {len(done)} of 3 written; all runs {took_s:.0f} s after the next one started "
        f"({lease}); writes in all: {updates}"
    )
    stage.require("each service written once", updates == len(new), stage.writes_since(before))


def _leads(stage: Stage) -> bool:
    """Somebody holds the lease; what it says is of now: it does not wait yet."""
    try:
        lock = stage.clients.kv.get(keys.LOCK)
    except OutsideError:
        return False
    return lock is not None and lock.session is not None and _state(stage) == "Acting"


def _state(stage: Stage) -> str:
    """What the operator says of itself."""
    try:
        entry = stage.clients.kv.get(keys.OPERATOR_STATUS)
    except OutsideError as error:
        return f"({error})"
    status = OperatorStatus.parse(entry.value) if entry is not None else None
    return status.state if status is not None else "(none)"


def _same(stage: Stage, name: str, record: object) -> bool:
    """The spec is the very same; what the model noted besides may have moved."""
    now = stage.service(name)
    return now is not None and getattr(record, "spec", None) == now.spec


def _changed(stage: Stage, new: dict[str, str]) -> list[str]:
    return [name for name, reference in new.items() if image(stage, name) == reference]
