"""What a minute costs in which nothing changes, with a hundred routes on real services."""

import time
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from tests.bench.cost import cpu_s, docker_reads
from tests.bench.routes.costs import Idle
from tests.bench.routes.floor import Floor
from tests.bench.routes.measuring import wait_for_settled_routes
from tests.bench.routes.row import OPERATOR
from tests.cluster.scenarios.route_stage import labels, on_the_edge, routed_service
from tests.cluster.traefik_lab import Traefik

SERVICES: Final = 20
ROUTERS_EACH: Final = 5
SECONDS: Final = 60.0
_STACK: Final = "idle"
_SETTLES_S: Final = 20.0


def measure(floor: Floor) -> list[Idle]:
    """All publishers in the same minute."""
    floor.say(f"an idle minute with {SERVICES * ROUTERS_EACH} routes")
    stage = floor.stage
    services = {f"s{number}": _service(number) for number in range(SERVICES)}
    stage.put(_STACK, on_the_edge(services))
    stage.wait_until_ready(_STACK, 180)
    last = f"s{SERVICES - 1}-r{ROUTERS_EACH - 1}"
    for arm in floor.arms(last):
        arm.traefik.wait_for(arm.host, within=60)
    time.sleep(_SETTLES_S)
    wait_for_settled_routes(floor)
    found = _minute(floor)
    floor.remove(_STACK)
    return found


def _service(number: int) -> dict[str, object]:
    made = routed_service(f"s{number}", replicas=1)
    routers: dict[str, str] = {}
    for each in range(ROUTERS_EACH):
        name = f"s{number}-r{each}"
        routers |= {k: v for k, v in labels(name).items() if ".routers." in k}
        routers[f"traefik.http.routers.{name}.service"] = f"s{number}"
    port = f"traefik.http.services.s{number}.loadbalancer.server.port"
    made["deploy"]["labels"] = {**routers, port: "80"}
    return made


def _minute(floor: Floor) -> list[Idle]:
    stage = floor.stage
    traefiks = {arm.by: arm.traefik for arm in floor.arms("")}
    reloads = {by: traefik.reloads() for by, traefik in traefiks.items()}
    used = {by: _used(traefik) for by, traefik in traefiks.items()}
    own, began = cpu_s(stage.operator.pid), time.monotonic()
    stage.forget()
    for engine in floor.engines.values():
        engine.reset()
    time.sleep(SECONDS)
    seconds, own = time.monotonic() - began, cpu_s(stage.operator.pid) - own
    used = {by: _used(traefik) - used[by] for by, traefik in traefiks.items()}
    reloads = {by: traefik.reloads() - reloads[by] for by, traefik in traefiks.items()}
    reads = [r for r in stage.consul.requests if r.method == "GET" and "/kv/" in r.path]
    return [
        Idle(
            by=OPERATOR,
            seconds=seconds,
            cpu_s=own,
            traefik_cpu_s=used[OPERATOR],
            engine_requests=len(docker_reads(stage.docker)),
            kv_reads=len(reads),
            writes=len(stage.consul.writes()),
            reloads=reloads[OPERATOR],
        ),
        *(
            Idle(
                by=by,
                seconds=seconds,
                cpu_s=used[by],
                traefik_cpu_s=None,
                engine_requests=len(docker_reads(engine)),
                kv_reads=0,
                writes=0,
                reloads=reloads[by],
            )
            for by, engine in floor.engines.items()
        ),
    ]


def _used(traefik: Traefik) -> float:
    """Seconds of CPU that it used since its start, as it says itself."""
    for family in text_string_to_metric_families(traefik.metrics()):
        for sample in family.samples:
            if sample.name == "process_cpu_seconds_total":
                return sample.value
    raise AssertionError(f"{traefik} does not say what it used")
