"""Cases in which the operator moves tasks home, to a worker that came back."""

from collections.abc import Callable

from tests.bench.routes.floor import Arm, Floor
from tests.bench.routes.measuring import Measuring
from tests.bench.routes.row import WITHOUT, Row
from tests.cluster.scenarios import route_acts
from tests.cluster.scenarios.route_acts import MOVED_REPLICAS

REQUESTS = 1000
_STACK = "moved"


def moves(milliseconds: int, rate: float, *, control: bool) -> Callable[[Floor, str], list[Row]]:
    """Under requests that take so long. With `control` once more by an operator whose moves do not ask
    what publishes: it takes a task out of the route only when Swarm is about to stop it."""

    def case(floor: Floor, name: str) -> list[Row]:
        rows = _moved(floor, name, milliseconds, rate, withdraws=True)
        if control:
            rows += _moved(floor, name, milliseconds, rate, withdraws=False)
        floor.reopen()
        return rows

    return case


def _moved(
    floor: Floor, case: str, milliseconds: int, rate: float, *, withdraws: bool
) -> list[Row]:
    seconds = milliseconds / 1000
    floor.reopen(drain=f"{seconds + 0.7:.1f}s", withdraws=withdraws)
    stage, node = floor.stage, floor.lab.workers[-1]
    route_acts.allow_moves(stage)
    floor.deploy(_STACK, route_acts.movable(_STACK), _STACK, MOVED_REPLICAS)
    route_acts.lose(stage, node, f"{_STACK}_web")
    floor.wait_until_known(_STACK, MOVED_REPLICAS)
    arms = floor.arms(_STACK) if withdraws else [Arm(WITHOUT, stage.traefik, f"{_STACK}.lab")]
    load = {"path": f"/?ms={milliseconds}", "method": "POST", "timeout": seconds + 5}
    with Measuring(floor, case, arms, rate=rate, **load) as measuring:
        measuring.changed()
        route_acts.bring_home(stage, node, f"{_STACK}_web")
        measuring.wait_for(REQUESTS)
        rows = measuring.rows()
    route_acts.allow_moves(stage, allowed=False)
    floor.remove(_STACK)
    return rows
