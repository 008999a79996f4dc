"""What so many routes cost: until they are live, a pass with nothing to do, one change."""

import json
import statistics
import sys
import time
from typing import Any, Final

from tests.bench.routes import steps
from tests.bench.routes.costs import Pass, Size
from tests.bench.routes.floor import Floor
from tests.bench.routes.measuring import keys_below_traefik
from tests.cluster.harness import eventually
from tests.cluster.scenarios import route_acts
from tests.cluster.scenarios.route_stage import on_the_edge, routed_service

ROUTES: Final = (10, 100, 1000, 2000)
_STACK: Final = "two"
_CHANGES: Final = 5
_PAUSE_S: Final = 2.5
"""Between changes: Traefik is idle then, and so is the operator."""


def measure(floor: Floor, routes: int) -> Size:
    """All routes lead to one of two services by documents, twenty in each; one changes its mind."""
    floor.say(f"{routes} routes")
    stage = floor.stage
    a = f"{_STACK}_a"
    begun = time.monotonic()
    route_acts.publish_crowd(stage, a, a, route_acts.crowd_documents(routes), routes)
    stage.traefik.wait_for(f"r{routes - 1}.lab", within=120)
    stage.traefik.wait_for("r0.lab", within=60)
    first_live_s = time.monotonic() - begun
    time.sleep(_PAUSE_S)
    live, written = [], []
    for number in range(_CHANGES):
        version = "ba"[number % 2]
        stage.forget()
        begun = time.monotonic()
        route_acts.publish_crowd(stage, f"{_STACK}_{version}", a, [0], routes)
        _wait_for_answer(floor, version)
        live.append(time.monotonic() - begun)
        written.append(min(r.at for r in stage.consul.writes() if keys_below_traefik(r)) - begun)
        time.sleep(_PAUSE_S)
    keys = len(stage.traefik_keys())
    stage.operator.stop()
    stepped = _stepped(floor)
    stage.operator.start(ready=True)
    stage.wait_until_leading(60)
    return Size(
        routes=routes,
        keys=keys,
        first_live_s=first_live_s,
        compile_s=stepped["compile_s"],
        diff_s=stepped["diff_s"],
        no_op=_typical(stepped["no_op"]),
        change=_typical(stepped["change"]),
        live_s=statistics.median(live),
        longest_live_s=max(live),
        written_s=statistics.median(written),
    )


def deploy(floor: Floor) -> None:
    """The services that the routes of every size lead to."""
    services = {}
    for name in ("a", "b"):
        services[name] = routed_service(name, replicas=1, environment={"VERSION": name})
        services[name]["deploy"]["labels"] = {}
    floor.stage.deploy(_STACK, on_the_edge(services))


def remove(floor: Floor) -> None:
    """The services, and the routes."""
    route_acts.remove_crowd(floor.stage, 90)
    floor.remove(_STACK)


def _wait_for_answer(floor: Floor, version: str) -> None:
    def is_answered() -> bool:
        return floor.stage.traefik.get("r0.lab")[1].split()[-1:] == [version]

    eventually(is_answered, 30, "the change is live", 0.01)


def _stepped(floor: Floor) -> dict[str, Any]:
    """What single passes cost, in a process on the client host while no operator runs."""
    operator = floor.stage.operator
    done = floor.lab.client.run(
        [
            *(sys.executable, "-m", steps.__name__),
            *(f"unix://{floor.lab.manager.socket}", f"{floor.lab.consul.address}:8500"),
            *(floor.stage.traefik.name, "http://{address}:8080"),
        ],
        env={**operator.environment, "PYTHONPATH": ":".join(sys.path)},
        timeout=300,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _typical(passes: list[dict[str, Any]]) -> Pass:
    """The one of median wall time; counts are those of the worst."""
    by_wall = sorted((Pass(**each) for each in passes), key=lambda each: each.wall_s)
    middle = by_wall[len(by_wall) // 2]
    return Pass(
        middle.wall_s,
        statistics.median(each.cpu_s for each in by_wall),
        max(each.reads for each in by_wall),
        max(each.writes for each in by_wall),
        max(each.keys for each in by_wall),
    )
