"""Acts of the guided tour in which somebody changes something: documents, services, images."""

from datetime import UTC, datetime
from typing import Final

from desired_state import keys
from desired_state.records import Tombstone
from swarm_operator.cli.demo import routed, scale
from swarm_operator.cli.demo.shop import (
    FOREIGN,
    ROUTES,
    STACK,
    WEB,
    WISHED,
    document,
    image,
    make_foreign_service,
    ready,
    replicas,
    tasks,
)
from swarm_operator.cli.demo.stage import Stage, pause
from swarm_operator.cli.invocation import who
from swarm_operator.observed.kv import DeleteTree, Put
from swarm_operator.simulation.faces.control import BREAKAGES

WATCHED_S: Final = 2.0
"""So long is watched whether it stays as it is: several looks of an operator's."""


def push(stage: Stage) -> None:
    make_foreign_service(stage)
    before = stage.requests()
    stage.does("pushes a Compose document of three services into the KV")
    stage.expects("a network and three services, one write each; all eight tasks run; Traefik, which "
                  "reads the KV, sends requests to seven of them")  # fmt: skip
    stage.push(STACK, document())
    first = stage.until("the first service is there", lambda: any(map(stage.service, WISHED)), 10)
    all_s = first + ready(stage)
    live_s = all_s + routed.until_live(stage, STACK, ROUTES)
    writes = stage.writes_since(before)
    stage.measured(
        f"first service after {first:.1f} s, Ready after {all_s:.1f} s; {tasks(stage)}; both routes "
        f"live in Traefik after {live_s:.1f} s; writes: {', '.join(writes)}"
    )
    stage.require("four writes", stage.requests().since(before).writes == len(WISHED) + 1, writes)


def drift(stage: Stage) -> None:
    stage.does(f"scales {WEB} to 6 and {FOREIGN} to 2 by hand, through the Engine API")
    stage.expects(f"{WEB} is put back to 3 by one write; {FOREIGN} is nobody's business")
    before = stage.others()
    scale.scale(stage.clients.swarm, FOREIGN, 2)
    scale.scale(stage.clients.swarm, WEB, 6)
    back_s = stage.until(
        f"{WEB} wishes for 3 again", lambda: replicas(stage, WEB) == 3, 10,
        lambda: replicas(stage, WEB),
    )  # fmt: skip
    ready(stage)
    stage.holds(f"{WEB} wishes for 3", lambda: replicas(stage, WEB) == 3, WATCHED_S)
    written = stage.others().since(before)
    stage.measured(
        f"put back after {back_s:.2f} s; the operator's writes, {WATCHED_S:g} s later: "
        f"{written.writes}"
    )
    stage.require("one write, and no fight", written.writes == 1, written.written())
    stage.control(f"{FOREIGN} still has {replicas(stage, FOREIGN)} replicas")
    stage.require(f"{FOREIGN} was left alone", replicas(stage, FOREIGN) == 2)


def broken_image(stage: Stage) -> None:
    broken, fixed = "shop/web:2-broken", "shop/web:2"
    stage.does(f"pushes {broken}, whose health check fails")
    stage.expects(
        "Swarm rolls back, the status says why, it is not tried again; a fixed push mends it"
    )
    stage.in_world(lambda: _break(stage, broken))
    before = stage.requests()
    stage.push(STACK, document(web=broken))
    stage.until("the update began", lambda: image(stage, WEB) == broken, 10)
    lowest = stage.running(WEB)

    def rolled_back() -> bool:
        nonlocal lowest
        lowest = min(lowest, stage.running(WEB))
        return image(stage, WEB) != broken and stage.reason(STACK) == "RolledBack"

    took_s = stage.until(
        "rolled back, and the status says so",
        rolled_back,
        20 + stage.engine_s(60),
        lambda: f"{image(stage, WEB)}, {stage.state(STACK)}",
    )
    pause(2 + stage.engine_s(1))
    writes = stage.writes_since(before)
    status = stage.status(STACK)
    said = " ".join(status.message.split()).partition(";")[0] if status else ""
    stage.measured(f"rolled back after {took_s:.1f} s; writes: {len(writes)}; status: {said}")
    stage.require(
        "one write, and no second try", stage.requests().since(before).writes == 1, writes
    )
    stage.push(STACK, document(web=fixed))
    mended_s = ready(stage, **{WEB: fixed})
    stage.measured(
        f"{fixed} runs {mended_s:.1f} s after its push; never fewer than {lowest} of "
        f"{WISHED[WEB]} ran"
    )
    stage.require("all of them ran, all the time", lowest == WISHED[WEB], lowest)


def quiet(stage: Stage) -> None:
    stage.does(f"pushes the same document again, and labels {FOREIGN} five times by hand, "
               "which wakes the operator each time")  # fmt: skip
    stage.expects("it looks, and writes nothing: not to the engine, not to the KV")
    folder = keys.DESIRED + keys.stack_folder(STACK)
    pushed = stage.clients.kv.read(folder).entries
    before, all_before = stage.others(), stage.requests()
    # As by a hand that saves without a change: `push` itself sees that nothing is to be written.
    stage.push(STACK, pushed["compose.yaml"].value.decode())
    stage.clients.kv.commit([Put(folder + "compose.yaml", pushed["compose.yaml"].value)])
    kv_before = stage.kv_requests()
    for number in range(5):
        _label_seen(stage, number)
        pause(0.4)
    pause(1.0)
    own = stage.others().since(before)
    writes = stage.requests().since(all_before).writes
    kv_writes = stage.kv_requests().since(kv_before).written()
    stage.measured(
        f"the operator's own: {own.reads} reads, {own.writes} writes (the hand's: "
        f"{writes - own.writes}); written to the KV since the push: {len(kv_writes)}"
    )
    stage.require_looked(before)
    stage.require("no write to the engine", not own.writes, own.written())
    stage.require("no write to the KV", not kv_writes, kv_writes)


def removal(stage: Stage) -> None:
    kv = stage.clients.kv
    stage.does(
        f"removes the stack as `swarm-operator remove {STACK}` does: a tombstone, its folder gone"
    )
    stage.expects(f"its services and its network go, the tombstone too; {FOREIGN} stays")
    tombstone = Tombstone(who=who(), when=datetime.now(UTC), why="the story ends")
    key = keys.DESIRED + keys.removed_key(STACK)
    kv.commit([Put(key, tombstone.encode()), DeleteTree(keys.DESIRED + keys.stack_folder(STACK))])
    gone_s = stage.until(
        "all three services are gone", lambda: not any(map(stage.service, WISHED)), 30
    )
    all_s = gone_s + stage.until(
        "the tombstone is taken away", lambda: kv.get(key) is None, 20 + stage.engine_s(30)
    )
    networks = [n.name for n in stage.clients.swarm.read().networks if n.name.startswith(STACK)]
    stage.measured(f"services gone after {gone_s:.1f} s, all of it after {all_s:.1f} s")
    stage.require("no network of it is left", not networks, networks)
    stage.until("Traefik has none of its routes", lambda: not _routes_left(stage), 10)
    stage.control(f"{FOREIGN} runs {stage.running(FOREIGN)} of {replicas(stage, FOREIGN)}")
    stage.require(f"{FOREIGN} was left alone", stage.running(FOREIGN) >= 1)


def _routes_left(stage: Stage) -> list[str]:
    return [name for name in ROUTES if routed.has_router(stage, name)]


def _break(stage: Stage, reference: str) -> None:
    stage.faces.world.images.scripted[reference] = BREAKAGES["unhealthy"][1]


def _label_seen(stage: Stage, number: int) -> None:
    so_far = stage.others()
    label(stage, number)
    stage.until("the operator looked at it", lambda: stage.others().since(so_far).reads > 0, 5)


def label(stage: Stage, number: int) -> None:
    """Changes a label of the stranger's service, as `docker service update` does."""
    swarm = stage.clients.swarm
    found = swarm.read().services_by_name[FOREIGN]
    labels = {**(found.spec.get("Labels") or {}), "touched": str(number)}
    swarm.update_service(found.id, found.version, {**found.spec, "Labels": labels})
