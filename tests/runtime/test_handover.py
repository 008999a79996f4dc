"""A route goes from one service of a stack to another, and its story into the ring of events."""

from typing import Any

from desired_state import keys
from desired_state.records import Event
from swarm_operator.runtime.toolbox import RouteNews
from tests.runtime.bench import Bench
from tests.simulated_swarm import FAILS

ROUTED = {
    "traefik.http.routers.web.rule": "Host(`web.test`)",
    "traefik.http.services.web.loadbalancer.server.port": "80",
}


def document(route_of: str, **green: Any) -> Any:
    """Blue and green, one of which has the route; both get a new label at the same time."""
    labels = {
        name: ROUTED if name == route_of else {"note": route_of} for name in ("blue", "green")
    }
    image = green.pop("image", "two")
    return {
        "services": {
            "blue": {"image": "one", "deploy": {"labels": labels["blue"]}},
            "green": {"image": image, "deploy": {"labels": labels["green"]}, **green},
        }
    }


def begun() -> Bench:
    bench = Bench()
    bench.push("shop", document("blue"))
    bench.run(30)
    assert bench.status("shop").state == "Ready"
    bench.swarm.calls.clear()
    return bench


def has_route(bench: Bench, service: str) -> bool:
    labels = bench.swarm.snapshot.services_by_name[service].labels
    return "traefik.http.routers.web.rule" in labels


def test_who_gains_it_is_updated_first_and_who_loses_it_when_that_one_runs() -> None:
    bench = begun()
    bench.push("shop", document("green", image="three"))
    bench.step()
    assert bench.swarm.calls == [("update", "shop_green")]
    seen = []
    for _ in range(200):
        bench.step(0.2)
        seen.append((has_route(bench, "shop_blue"), has_route(bench, "shop_green")))
    assert (False, False) not in seen
    assert seen[-1] == (False, True)
    assert bench.swarm.calls == [("update", "shop_green"), ("update", "shop_blue")]
    bench.run(30)
    assert bench.status("shop").state == "Ready"


def test_while_who_gains_it_cannot_run_the_route_stays_and_it_is_said() -> None:
    bench = begun()
    bench.swarm.engine.images.scripted["broken"] = FAILS
    bench.push("shop", document("green", image="broken"))
    bench.run(60)
    assert has_route(bench, "shop_blue")
    held = [each for each in bench.status("shop").conditions if each.reason == "HandingOver"]
    assert held
    assert "http/web" in held[0].message


def test_what_happens_to_a_route_is_an_event() -> None:
    bench = begun()
    bench.news.append(RouteNews("shop", "shop_blue", "live", "route http/web: live"))
    bench.run(3)
    ring = bench.kv.read(f"{keys.STATUS}events/").entries.values()
    events = [event for entry in ring if (event := Event.parse(entry.value)) is not None]
    told = [event for event in events if event.verb == "route"]
    assert [(e.stack, e.name, e.result, e.message) for e in told] == [
        ("shop", "shop_blue", "live", "route http/web: live")
    ]
