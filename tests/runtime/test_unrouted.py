"""A stack whose routes are refused says so: from the thread of routes into the stack's own status."""

from swarm_operator.plan.actions import Finding
from tests.runtime.bench import Bench, one
from tests.runtime.routes_lab import RoutesLab, routed

WRONG = "http/web is rejected: service shop_web, label x: is unknown"
UNROUTED = Finding("Routed", "RouteRejected", WRONG)


def conditions(bench: Bench) -> dict[str, tuple[str, str, str]]:
    found = bench.status("shop").conditions
    return {each.type: (each.status, each.reason, each.message) for each in found}


def converged() -> Bench:
    bench = Bench()
    bench.push("shop", one())
    bench.run(30)
    assert bench.status("shop").state == "Ready"
    return bench


def test_a_stack_that_stands_well_is_ready_and_not_routed() -> None:
    bench = converged()
    assert conditions(bench) == {"Ready": ("True", "Converged", "")}
    since = bench.status("shop").since
    bench.unrouted = {"shop": UNROUTED, "other": UNROUTED}
    bench.run(10)
    status = bench.status("shop")
    assert (status.state, status.message, status.since) == ("Ready", WRONG, since)
    assert conditions(bench) == {
        "Ready": ("True", "Converged", "see Routed"),
        "Routed": ("False", "RouteRejected", WRONG),
    }
    bench.unrouted = {}
    bench.run(10)
    assert conditions(bench) == {"Ready": ("True", "Converged", "")}


def test_nothing_is_written_while_it_stays_so() -> None:
    bench = converged()
    bench.unrouted = {"shop": UNROUTED}
    bench.run(10)
    written = len(bench.kv.commits)
    bench.run(120)
    assert len(bench.kv.commits) == written


def test_what_is_not_known_yet_stays_as_it_was_said() -> None:
    bench = converged()
    bench.unrouted = {"shop": UNROUTED}
    bench.run(10)
    bench.unrouted = None
    bench.take_over()
    bench.run(10)
    assert conditions(bench)["Routed"] == ("False", "RouteRejected", WRONG)
    bench.unrouted = {}
    bench.run(10)
    assert "Routed" not in conditions(bench)


def test_of_a_refused_document_the_routes_are_told_too() -> None:
    bench = converged()
    bench.unrouted = {"shop": UNROUTED}
    bench.edit("shop", "services: {web: {imag: x}}")
    bench.run(10)
    assert bench.status("shop").state == "Invalid"
    assert conditions(bench)["Ready"] == ("False", "DocumentRefused", "see Invalid, see Routed")
    assert conditions(bench)["Routed"][0] == "False"


def test_the_thread_of_routes_says_whose_routes_are_refused() -> None:
    lab = RoutesLab()
    operator = lab.start()
    lab.service("shop_web")
    lab.service("blog_api", routed("api"))
    lab.until(lambda: lab.states("blog") == {"http/api": "live"}, 60)
    assert operator.unrouted[0] is None
    assert operator.unrouted[-1] == {}
    lab.relabel("shop_web", {**routed("web"), "traefik.http.routers.web.nothing": "x"})
    lab.until(lambda: lab.states("shop") == {"http/web": "rejected"}, 10)
    found = operator.unrouted[-1]
    assert found is not None
    assert found.keys() == {"shop"}
    assert found["shop"].reason == "RouteRejected"
    assert found["shop"].message.startswith(
        "http/web is rejected: service shop_web, label traefik."
    )
    lab.relabel("shop_web", routed("web"))
    lab.until(lambda: lab.states("shop") == {"http/web": "live"}, 10)
    assert operator.unrouted[-1] == {}


def test_a_second_fault_of_a_refused_route_is_an_event_too_and_the_same_one_is_none() -> None:
    lab = RoutesLab()
    operator = lab.start()
    lab.service("shop_web")
    lab.until(lambda: lab.states("shop") == {"http/web": "live"}, 60)
    for label in ("nothing", "nothing", "naught"):
        lab.relabel("shop_web", {**routed("web"), f"traefik.http.routers.web.{label}": "x"})
        lab.run(10)
    states = [each.state for each in operator.news]
    assert states == ["live", "rejected", "rejected"]
    assert "nothing is unknown" in operator.news[1].message
    assert "naught is unknown" in operator.news[2].message


def test_after_a_restart_the_same_fault_is_no_news() -> None:
    lab = RoutesLab()
    operator = lab.start()
    lab.service("shop_web")
    lab.until(lambda: lab.states("shop") == {"http/web": "live"}, 60)
    lab.relabel("shop_web", {**routed("web"), "traefik.http.routers.web.nothing": "x"})
    lab.until(lambda: lab.states("shop") == {"http/web": "rejected"}, 10)
    lab.run(3)
    operator.stop()
    second = lab.start()
    lab.run(40)
    assert lab.states("shop") == {"http/web": "rejected"}
    assert second.news == []
