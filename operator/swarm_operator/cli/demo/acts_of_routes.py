"""The act of the guided tour in which a route appears, and follows its service's tasks."""

from datetime import UTC, datetime
from typing import Final

from desired_state import keys
from desired_state.records import Tombstone
from swarm_operator.cli.demo import routed
from swarm_operator.cli.demo.route_witness import WINDOW_S, RouteWitness
from swarm_operator.cli.demo.stage import Stage
from swarm_operator.cli.invocation import who
from swarm_operator.observed.kv import DeleteTree, Put

STACK: Final = "front"
WEB: Final = f"{STACK}_web"
ROUTE: Final = "front"
"""The name of Traefik's router, and of its service."""
_TASKS: Final = 3


def document(image: str) -> str:
    """One service, with labels as Traefik's own Swarm provider reads them."""
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
"""


def follows(stage: Stage) -> None:
    """A Traefik that reads the KV, and nothing else, is part of the world."""
    stage.does(
        "pushes a service with Traefik's labels, then another image of it, then removes it; a Traefik "
        "reads the KV, and no Docker socket"
    )
    stage.expects(
        "the route is live with a server for each task; through the rolling update requests go to "
        "tasks that serve, at every instant; with the stack the route goes"
    )
    stage.push(STACK, document("front/web:1"))
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
    gone_s = _removed(stage)
    stage.measured(f"the route is gone {gone_s:.1f} s after the stack's removal was asked for")


def _updated(stage: Stage, image: str) -> float:
    stage.push(STACK, document(image))
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
