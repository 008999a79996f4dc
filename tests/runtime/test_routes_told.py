"""What is told of a route besides its state."""

from typing import Any

import pytest

from swarm_operator.runtime.routes.server_states import IN_TURN, MOST
from tests.runtime.routes_lab import RoutesLab, routed


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ({**routed("web"), "traefik.swarm.network": "nope"}, "not on the network nope"),
        (
            {"io.swarm-operator.routes": '[{"host": "web.test", "port": 80, "network": "nope"}]'},
            "not on the network nope",
        ),
    ],
)
def test_a_service_that_traefik_cannot_reach_is_told_so(labels: dict[str, str], why: str) -> None:
    lab = RoutesLab()
    lab.start()
    lab.service("shop_web", labels, replicas=2)
    lab.until(lambda: set(lab.states("shop").values()) == {"live"}, 60)
    (route,) = lab.routes("shop").values()
    assert route.servers == 0
    assert why in route.message
    (line,) = lab.stack("shop").refused
    assert line.startswith("service shop_web")
    assert why in line


def test_scaled_to_none_or_reachable_there_is_nothing_to_tell() -> None:
    lab = RoutesLab()
    lab.start()
    lab.service("shop_web", {**routed("web"), "traefik.swarm.network": "nope"}, replicas=0)
    lab.service("shop_api")
    lab.until(lambda: set(lab.states("shop").values()) == {"live"}, 60)
    assert [route.message for route in lab.routes("shop").values()] == ["", ""]
    assert lab.stack("shop").refused == ()


def test_how_many_servers_are_up_is_told_of_each_instance_and_costs_no_write_by_itself() -> None:
    lab = RoutesLab(versions=("3.7.15", "3.7.15"))
    operator = lab.start()
    lab.service("shop_web", replicas=3)
    lab.until(lambda: lab.states("shop") == {"http/web": "live"}, 60)
    first, second = sorted(lab.traefiks.instances)
    lab.until(lambda: lab.routes("shop")["http/web"].up == {first: 3, second: 3}, 10)
    lab.run(5)
    with lab.no_writes(operator):
        lab.run(60)
    url = min(lab.servers("web").values())
    lab.instances[1].down.add(url)
    lab.until(lambda: lab.routes("shop")["http/web"].up == {first: 3, second: 2}, 5)
    lab.run(5)
    with lab.no_writes(operator):
        lab.run(60)
    lab.instances[1].down.clear()
    lab.until(lambda: lab.routes("shop")["http/web"].up == {first: 3, second: 3}, 5)
    lab.scale("shop_web", 2)
    lab.until(lambda: lab.routes("shop")["http/web"].up == {first: 2, second: 2}, 20)


def test_of_many_services_only_a_few_are_asked_for_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lab = RoutesLab()
    lab.start()
    count = 2 * MOST
    labels: dict[str, str] = {}
    for number in range(count):
        labels |= routed("web", router=f"r{number}")
        labels[f"traefik.http.routers.r{number}.service"] = f"r{number}"
    lab.service("shop_web", labels, replicas=2)
    paths: list[str] = []
    get = lab.traefiks.get

    def counted(base: str, path: str) -> Any:
        if "/services/" in path:
            paths.append(path)
        return get(base, path)

    monkeypatch.setattr(lab.traefiks, "get", counted)
    (name,) = lab.traefiks.instances
    lab.until(lambda: len(lab.states("shop")) == count, 60)
    lab.until(lambda: all(r.up == {name: 2} for r in lab.routes("shop").values()), 30)
    lab.run(10)
    paths.clear()
    lab.run(60)
    assert IN_TURN * 15 <= len(paths) <= IN_TURN * 25
    assert len(set(paths)) == count  # all of them in their turn
    url = min(lab.servers("r7").values())
    lab.instances[0].down.add(url)
    lab.until(lambda: lab.routes("shop")["http/r7"].up == {name: 1}, 60)


def test_since_when_each_instance_shows_its_stamp_stands_over_a_restart() -> None:
    lab = RoutesLab(versions=("3.7.15", "3.7.15"))
    operator = lab.start()
    lab.service("shop_web", replicas=3)
    lab.until(lambda: lab.states("shop") == {"http/web": "live"}, 60)
    lab.run(10)
    before = lab.traefik()
    assert before is not None
    assert {each.generation for each in before.instances.values()} == {before.generation}
    stamps = {name: each.stamp_since for name, each in before.instances.items()}
    assert None not in stamps.values()
    operator.stop()
    lab.run(3)
    second = lab.start()
    lab.run(10)
    after = lab.traefik()
    assert after is not None
    assert {name: each.stamp_since for name, each in after.instances.items()} == stamps
    assert second.kv.commits == []
    # One that takes nothing any more shows the old one, and since when.
    lab.put("http/middlewares/theirs/headers/framedeny", "yes")
    lab.scale("shop_web", 2)
    lab.run(20)
    frozen = lab.traefik()
    assert frozen is not None
    assert {each.state for each in frozen.instances.values()} == {"frozen"}
    assert {name: each.stamp_since for name, each in frozen.instances.items()} == stamps


def test_a_canary_of_a_service_that_is_nowhere_is_told() -> None:
    lab = RoutesLab()
    lab.start()
    canary = '"canary": {"service": "next", "weight": 10}'
    terse = f'[{{"host": "web.test", "port": 80, {canary}}}]'
    lab.service("shop_web", {"io.swarm-operator.routes": terse})
    lab.until(lambda: set(lab.states("shop").values()) == {"live"}, 60)
    (route,) = lab.routes("shop").values()
    assert "there is no service shop_next" in route.message


def test_what_a_header_must_be_reaches_no_status_no_event_and_no_log() -> None:
    lab = RoutesLab()
    operator = lab.start()
    rule = "Host(`web.test`) && Header(`X-Token`, `canary-of-a-secret`)"
    lab.service("shop_web", routed("web", rule=rule))
    lab.until(lambda: lab.states("shop") == {"http/web": "live"}, 60)
    shown = "Host(`web.test`) && Header(`X-Token`, `(hidden)`)"
    assert lab.routes("shop")["http/web"].rule == shown
    lab.relabel("shop_web", {**routed("web", rule=rule), "traefik.http.routers.web.nothing": "x"})
    lab.until(lambda: lab.states("shop") == {"http/web": "rejected"}, 10)
    told = str([lab.stack("shop"), operator.news, operator.unrouted, lab.log.lines])
    assert "canary-of-a-secret" not in told
