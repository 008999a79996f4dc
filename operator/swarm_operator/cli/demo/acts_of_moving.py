"""The act of the guided tour in which tasks come home to a worker that was away."""

import json
from typing import Final

from desired_state import keys
from desired_state.rebalance_records import RebalanceStatus
from swarm_operator.cli.demo import quick_policy, routed
from swarm_operator.cli.demo.route_witness import RouteWitness
from swarm_operator.cli.demo.shop import ROUTED, ROUTES, STACK, WISHED, ready
from swarm_operator.cli.demo.stage import Stage
from swarm_operator.cli.demo.witness import Witness
from swarm_operator.cli.demo.workers import busiest_worker, node_state, tasks_on, workers
from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.kv import Delete

_POLICY: Final = keys.DESIRED + keys.POLICY
_WITHIN_S: Final = 100.0


def come_home(stage: Stage) -> None:
    """Goes on where a worker came back, if one did."""
    home = _empty_worker(stage)
    kv = stage.clients.kv
    before, last_event = stage.others(), max((e.number for e in stage.events()), default=0)
    specs = _specs(stage)
    routed.until_live(stage, STACK, ROUTES)
    witness = stage.in_world(lambda: Witness(stage.faces.world.engine))
    sent = routed.watched(stage, ROUTED)
    stage.does(f"writes small gates into desired/policy; {home} is back, and empty")
    stage.expects(
        f"{home} gets its share, task by task: each new one serves before the old one stops, "
        "Traefik sends nobody to a task that is to stop, and nothing else restarts"
    )
    quick_policy.push(kv, quick_policy.text(hold_off="1s", between="1s", settle="1s"))
    try:
        steady_s = stage.until(
            f"a task is on its way to {home}", lambda: _is_moving(stage), _WITHIN_S,
            lambda: _said(stage),
        )  # fmt: skip
        moved_s = stage.until(
            f"{home} has its share", lambda: _is_home(stage, home), _WITHIN_S,
            lambda: _said(stage),
        )  # fmt: skip
    finally:
        stage.in_world(witness.rest)
        stage.in_world(sent.rest)
        kv.commit([Delete(_POLICY)])
    ready(stage)
    moves = [e for e in stage.events() if e.number > last_event and e.result == "moved"]
    writes = stage.others().since(before).writes
    loads = sorted(_totals(stage).values())
    below = {n: low for n, low in witness.lowest.items() if low < _wished(stage, n)}
    stage.measured(
        f"{home} had to be steady for another {steady_s:.0f} s; balanced {moved_s:.0f} s later; moves: "
        f"{len(moves)}, tasks started: {len(witness.started)}, stopped: {len(witness.stopped)}"
    )
    stage.measured(
        f"tasks by node: {loads}; services that ever had fewer running than wished: {len(below)}; "
        f"writes: {writes}, and every spec is as it was"
    )
    _followed(stage, sent)
    stage.require("something moved", moves)
    stage.require(
        "one restart a move, and no other",
        len(witness.started) == len(witness.stopped) == len(moves),
        [*map(str, (len(moves), len(witness.started), len(witness.stopped)))],
    )
    stage.require("nothing ever ran below what is wished", not below, below)
    stage.require("the nodes are even", loads[-1] - loads[0] <= 1, loads)
    stage.require("every spec is as it was", _specs(stage) == specs)


def _followed(stage: Stage, sent: RouteWitness) -> None:
    """What became of the routes of what moved."""
    fewest = min(sent.fewest[name] - WISHED[name] for name in ROUTED)
    stage.measured(
        f"of them behind Traefik: {len(sent.told)}, out of it {sent.ahead_s:.1f} s before they were "
        f"told to stop at the latest; servers too few at the worst: {max(0, -fewest)}"
    )
    stage.require("something moved that Traefik leads to", sent.told)
    stage.require("nobody was sent to what was told to stop", not sent.still_sent, sent.still_sent)
    stage.require("every task's place was taken before", fewest >= 0, sent.fewest)


def _empty_worker(stage: Stage) -> str:
    """One that is back and has nothing; where there is none, one is lost and returns."""
    engine = stage.faces.world.engine
    names = [name for name in workers(stage) if not tasks_on(stage, name)]
    name = names[0] if names else busiest_worker(stage)
    if not names:
        stage.in_world(lambda: engine.kill_node(name))
        stage.until(
            f"{name} is down", lambda: node_state(stage, name) == "down", 10 + stage.engine_s(20)
        )
        ready(stage)
    if node_state(stage, name) != "ready":
        stage.in_world(lambda: engine.return_node(name))
        stage.until(f"{name} is ready", lambda: node_state(stage, name) == "ready", 50)
    return name


def _is_moving(stage: Stage) -> bool:
    return _status(stage).state == "Moving"


def _is_home(stage: Stage, name: str) -> bool:
    status = _status(stage)
    return status.state == "Balanced" and tasks_on(stage, name) > 0


def _said(stage: Stage) -> str:
    status = _status(stage)
    return f"{status.state}: {status.message}"


def _status(stage: Stage) -> RebalanceStatus:
    try:
        entry = stage.clients.kv.get(keys.REBALANCE_STATUS)
    except OutsideError:
        entry = None
    found = RebalanceStatus.parse(entry.value) if entry is not None else None
    return found if found is not None else RebalanceStatus()


def _totals(stage: Stage) -> dict[str, int]:
    nodes = stage.in_world(stage.faces.world.engine.store.nodes.all)
    return {node.hostname: tasks_on(stage, node.hostname) for node in nodes}


def _specs(stage: Stage) -> dict[str, str]:
    services = stage.in_world(stage.faces.world.engine.store.services.all)
    return {service.name: json.dumps(service.spec, sort_keys=True) for service in services}


def _wished(stage: Stage, name: str) -> int:
    record = stage.service(name)
    return int(record.spec["Mode"]["Replicated"]["Replicas"]) if record is not None else 0
