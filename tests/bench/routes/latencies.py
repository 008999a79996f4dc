"""How soon a route is live, by everybody who publishes the same labels at the same time."""

import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final

from tests.bench.latency import Latency
from tests.bench.routes.costs import Costs
from tests.bench.routes.first_answers import FirstAnswers, watching
from tests.bench.routes.floor import LOOKS_EVERY_S, Floor
from tests.bench.routes.measuring import wait_for_settled_routes
from tests.bench.routes.row import OPERATOR
from tests.cluster.harness.faults import Request
from tests.cluster.scenarios.route_stage import labels

CHANGES: Final = 24
CREATIONS: Final = 6
_PAUSE_S: Final = (1.0, 2.5)
"""Between changes, at random: so that they fall into every phase of everybody's timers."""
_SERVICE: Final = "latency"
_LATEST_S: Final = LOOKS_EVERY_S + 15


def measure(floor: Floor, costs: Costs) -> None:
    """Labels are added to a service that runs; then services are created."""
    floor.say("label changes")
    floor.create_by_hand(_SERVICE, labels(_SERVICE))
    for arm in floor.arms(_SERVICE):
        arm.traefik.wait_for(arm.host, within=40)
    wait_for_settled_routes(floor)
    floor.stage.forget()
    names = [f"n{number}" for number in range(CHANGES)]
    begun, first = _watched(floor, names, lambda name: _add_route(floor, name))
    costs.label_changes += [_latency(by, begun, at) for by, at in first.items()]
    written = _written(floor.stage.consul.writes(), names)
    costs.writes.append(_latency(OPERATOR, written, first[OPERATOR]))
    floor.remove_by_hand(_SERVICE)

    floor.say("creations")
    names = [f"c{number}" for number in range(CREATIONS)]
    begun, first = _watched(floor, names, lambda name: floor.create_by_hand(name, labels(name)))
    costs.creations += [_latency(by, begun, at) for by, at in first.items()]
    floor.remove_by_hand(*names)


def _add_route(floor: Floor, name: str) -> None:
    added = labels(name)
    port = f"traefik.http.services.{name}.loadbalancer.server.port"
    del added[port]
    added[f"traefik.http.routers.{name}.service"] = _SERVICE
    floor.update_by_hand(_SERVICE, added)


def _watched(
    floor: Floor, names: Sequence[str], act: Callable[[str], None]
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Act for each name; when that began, and by publisher when NAME.lab was first answered."""
    rng = random.Random(7)
    begun: dict[str, float] = {}
    with ExitStack() as stack:
        watches: dict[str, FirstAnswers] = {
            arm.by: stack.enter_context(watching(arm.traefik)) for arm in floor.arms("")
        }
        for name in names:
            time.sleep(rng.uniform(*_PAUSE_S))
            for watch in watches.values():
                watch.wait_for(f"{name}.lab")
            begun[name] = time.monotonic()
            act(name)
        for watch in watches.values():
            watch.all_answered(_LATEST_S)
        found = {by: watch.at for by, watch in watches.items()}
    return begun, {
        by: {host.removesuffix(".lab"): moment for host, moment in at.items()}
        for by, at in found.items()
    }


def _latency(by: str, begun: dict[str, float], first: dict[str, float]) -> Latency:
    return Latency(by, tuple(first[name] - begun[name] for name in begun))


def _written(requests: Sequence[Request], names: Sequence[str]) -> dict[str, float]:
    """When the rule of each name was sent. Raises StopIteration for one that was not."""
    return {
        name: next(
            r.at for r in requests if f"/http/routers/{name}/rule".encode() in (r.body or b"")
        )
        for name in names
    }
