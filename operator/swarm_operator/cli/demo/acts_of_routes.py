"""The act of the guided tour in which a route appears, and follows its service's tasks."""

from datetime import UTC, datetime
from typing import Final

from desired_state import keys
from desired_state.records import Tombstone
from swarm_operator.cli.demo import quick_policy, routed
from swarm_operator.cli.demo.route_witness import WINDOW_S, RouteWitness
from swarm_operator.cli.demo.stage import Stage
from swarm_operator.cli.invocation import who
from swarm_operator.observed.kv import Delete, DeleteTree, Put
from swarm_operator.simulation.engine.records import TaskState

STACK: Final = "front"
WEB: Final = f"{STACK}_web"
ROUTE: Final = "front"
"""The name of Traefik's router, and of its service."""
_TASKS: Final = 3
_POLICY: Final = keys.DESIRED + keys.POLICY
_ON_WORKERS: Final = "node.role == worker"


def document(image: str, where: str = "") -> str:
    """One service, with labels as Traefik's own Swarm provider reads them. `where`: a constraint."""
    placement = f"placement: {{constraints: [{where}]}}" if where else "placement: {}"
    return f"""\
services:
  web:
    image: {image}
    deploy:
      replicas: {_TASKS}
      labels:
        traefik.http.routers.{ROUTE}.rule: Host(`front.example.org`)
        traefik.http.routers.{ROUTE}.entrypoints: web
        traefik.http.services.{ROUTE}.loadbalancer.server.port: "80"
      update_config: {{order: start-first, monitor: 1s}}
      {placement}
"""


def follows(stage: Stage) -> None:
    """A Traefik that reads the KV, and nothing else, is part of the world."""
    stage.does(
        "pushes a service with Traefik's labels, for the two workers alone; then another image of it; "
        "then lets it run anywhere; then removes it. A Traefik reads the KV, and no Docker socket"
    )
    stage.expects(
        "the route is live with a server for each task; through the rolling update, and while one of "
        "two tasks on a worker moves, requests go to tasks that serve, at every instant; with the stack "
        "the route goes"
    )
    stage.push(STACK, document("front/web:1", _ON_WORKERS))
    live_s = routed.until_live(stage, STACK, {ROUTE: _TASKS})
    stage.measured(
        f"live {live_s:.1f} s after the push, by Traefik's own API; servers: "
        f"{len(routed.servers(stage, ROUTE))}"
    )
    witness = routed.watched(stage, {WEB: ROUTE})
    try:
        updated_s = _updated(stage, "front/web:2")
    finally:
        stage.in_world(witness.rest)
    _judged(stage, witness, updated_s)
    _move(stage, "front/web:2")
    gone_s = _removed(stage)
    stage.measured(f"the route is gone {gone_s:.1f} s after the stack's removal was asked for")


def _updated(stage: Stage, image: str) -> float:
    stage.push(STACK, document(image, _ON_WORKERS))
    return stage.until(
        f"{image} runs, and the route is live with it",
        lambda: (
            stage.running(WEB, image) == _TASKS and routed.is_live(stage, STACK, {ROUTE: _TASKS})
        ),
        60,
        lambda: routed.said(stage, STACK, {ROUTE: _TASKS}),
    )


def _judged(stage: Stage, witness: RouteWitness, updated_s: float) -> None:
    fewest = witness.fewest[WEB]
    stage.measured(
        f"rolling update in {updated_s:.1f} s: {len(witness.told)} tasks told to stop, out of Traefik "
        f"{witness.longest_s:.2f} s later at most (they serve for {WINDOW_S:g} s more); never fewer "
        f"than {fewest} servers that run"
    )
    stage.require("each task was replaced", len(witness.told) == _TASKS, witness.told)
    stage.require("no server was a task whose time is up", not witness.too_long, witness.too_long)
    stage.require("there were servers all the time", fewest >= _TASKS - 1, fewest)


def _move(stage: Stage, image: str) -> None:
    """The operator's own: where the service may run anywhere, two of its tasks on one node are one too
    many."""
    kv = stage.clients.kv
    quick_policy.push(kv, quick_policy.text(hold_off="1s", between="1s", settle="1s", min_age="1s"))
    witness = routed.watched(stage, {WEB: ROUTE})
    try:
        stage.push(STACK, document(image))
        moved_s = stage.until(
            "each task has a node of its own, and the route is live with them",
            lambda: _nodes(stage) == _TASKS and routed.is_live(stage, STACK, {ROUTE: _TASKS}),
            100,
            lambda: f"{_nodes(stage)} nodes; {routed.said(stage, STACK, {ROUTE: _TASKS})}",
        )
    finally:
        stage.in_world(witness.rest)
        kv.commit([Delete(_POLICY)])
    fewest = witness.fewest[WEB]
    stage.measured(
        f"the move, done {moved_s:.1f} s after the push: {len(witness.told)} task told to stop, out of "
        f"Traefik {witness.ahead_s:.1f} s before; never fewer than {fewest} servers that run"
    )
    stage.require("one task moved, and no other stopped", len(witness.told) == 1, witness.told)
    stage.require("nobody was sent to what was told to stop", not witness.still_sent)
    stage.require("its place was taken before", fewest >= _TASKS, fewest)


def _nodes(stage: Stage) -> int:
    """On how many nodes the service's tasks are; 0 while there are not as many as wished."""
    engine = stage.faces.world.engine

    def count() -> int:
        service = engine.store.service_named(WEB)
        tasks = engine.store.tasks_of_service(service.id) if service is not None else ()
        wished = [task for task in tasks if task.desired_state is TaskState.RUNNING]
        return len({task.node_id for task in wished}) if len(wished) == _TASKS else 0

    return stage.in_world(count)


def _removed(stage: Stage) -> float:
    kv = stage.clients.kv
    tombstone = Tombstone(who=who(), when=datetime.now(UTC), why="the act is over")
    key = keys.DESIRED + keys.removed_key(STACK)
    kv.commit([Put(key, tombstone.encode()), DeleteTree(keys.DESIRED + keys.stack_folder(STACK))])
    gone_s = stage.until(
        "Traefik has no such route", lambda: not routed.has_router(stage, ROUTE), 30
    )
    stage.until("the tombstone is taken away", lambda: kv.get(key) is None, 20 + stage.engine_s(30))
    return gone_s
