"""Two installations on one swarm, with one root of Traefik: each keeps to its own keys."""

from dataclasses import replace

from desired_state import keys
from desired_state.route_records import StackRoutes, TraefikStatus
from swarm_operator.simulation import consul_transport
from tests.runtime.routes_lab import Process, RoutesLab

SECOND = "second"
FAR = """
routes:
  - host: far.test
    servers: ["http://192.0.2.1:8080"]
"""


def second_of(lab: RoutesLab) -> Process:
    """An operator with a root of its own, to which one document is known that the first never saw."""
    lab.put_sentinel(SECOND)
    lab.kv.put(f"{SECOND}/{keys.DESIRED}routes/far", FAR.encode())
    return Process(lab, SECOND, replace(lab.plan, operator_root=SECOND))


def test_the_second_finds_conflicts_says_so_and_touches_nothing() -> None:
    lab = RoutesLab()
    first = lab.start()
    lab.service("shop_web", replicas=3)
    lab.until(lambda: lab.states("shop") == {"http/web": "live"}, 60)
    lab.run(5)
    second = second_of(lab)
    lab.until(lambda: lab.serves("far"), 30)
    lab.run(10)
    client = consul_transport.over(lab.world.consul_api, lab.timeline, SECOND)
    of_traefik, of_shop = (
        client.get(keys.TRAEFIK_STATUS),
        client.get(keys.routes_status_key("shop")),
    )
    assert of_traefik is not None
    assert of_shop is not None
    traefik, shop = TraefikStatus.parse(of_traefik.value), StackRoutes.parse(of_shop.value)
    assert traefik is not None
    assert shop is not None
    assert traefik.state == "Conflict"
    assert "http/routers/web" in str(traefik.conflicts)
    assert {name: each.state for name, each in shop.routes.items()} == {"http/web": "conflict"}
    reloads = lab.instances[0].reloads
    with lab.no_writes(first), lab.no_writes(second):
        lab.run(120)
    assert lab.instances[0].reloads == reloads
    assert (lab.serves("web"), lab.serves("far")) == (True, True)
    assert lab.states("shop") == {"http/web": "live"}
