"""The status of a stack with more routes than a value of the KV holds."""

from datetime import UTC, datetime

import pytest

from desired_state.route_records import RouteStatus, StackRoutes, others
from swarm_operator.observed.kv import Put
from swarm_operator.observed.kv_transactions import fits
from swarm_operator.runtime.routes.noted import owners_of
from swarm_operator.runtime.routes.shortening import MOST_B, shortened
from tests.runtime.routes_lab import RoutesLab, routed

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def record(live: int, rejected: int = 0, rule: str = "Host(`a.test`)") -> StackRoutes:
    states = ["live"] * live + ["rejected"] * rejected
    routes = {
        f"http/r{number:05d}": RouteStatus(
            state=state, since=NOW, rule=rule, service=f"service big_{number % 7}", target="x"
        )
        for number, state in enumerate(states)
    }
    return StackRoutes(stack="big", routes=routes)


def test_what_fits_is_as_it_is() -> None:
    small = record(100, 3)
    assert shortened(small) is small


@pytest.mark.parametrize("live", [2_000, 6_000, 30_000])
def test_what_is_worst_is_shown_and_the_rest_counted(live: int) -> None:
    whole = record(live, 20, rule="Host(`" + "x" * 200 + "`)")
    assert not fits([Put("k", whole.encode())])  # the control: it would not be written
    found = shortened(whole)
    assert len(found.encode()) <= MOST_B
    assert fits([Put("k", found.encode())])
    bad = {name for name, route in whole.routes.items() if route.state == "rejected"}
    assert bad <= found.routes.keys()
    assert found.counts == {"rejected": 20, "live": live}
    assert found.more == live + 20 - len(found.routes) > 0
    assert list(found.counts) == ["rejected", "live"]


def test_of_those_that_are_not_shown_owners_are_remembered() -> None:
    whole = record(2_000)
    found = shortened(whole)
    assert found.more > 0
    assert len(list(others(found))) == found.more
    assert owners_of([found]) == owners_of([whole])


@pytest.mark.parametrize("rule", ["Host(`a.test`)", "x" * 500_000])
def test_whatever_it_is_something_is_told(rule: str) -> None:
    whole = record(3, 1, rule=rule).model_copy(update={"refused": ("y" * 100_000,) * 50})
    found = shortened(whole)
    assert fits([Put("k", found.encode())])
    assert len(found.routes) == 4
    assert shortened(whole, 200).counts == {"rejected": 1, "live": 3}


def test_a_stack_with_many_routes_has_a_status_and_a_restart_changes_nothing() -> None:
    lab = RoutesLab()
    operator = lab.start()
    count = 1_500
    labels: dict[str, str] = {}
    for number in range(count):
        router = f"r{number:04d}"
        labels |= routed("web", router=router, rule=f"Host(`{router}.{'x' * 60}.test`)")
        labels[f"traefik.http.routers.{router}.service"] = router
    lab.service("big_web", labels, replicas=1)
    lab.until(lambda: lab.stack("big").counts.get("live") == count, 120)
    lab.run(20)
    found = lab.stack("big")
    assert found.more > 0
    assert found.more + len(found.routes) == count
    assert not any("too large" in line for line in lab.log.lines)
    told = len(operator.news)
    assert told == count
    operator.stop()
    lab.run(3)
    second = lab.start()
    lab.run(30)
    assert second.news == []
    assert second.root.commits == []
    assert lab.stack("big").counts == {"live": count}
