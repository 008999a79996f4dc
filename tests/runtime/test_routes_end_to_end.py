"""From a service's labels to a live route, and along with its tasks."""

import pytest

from desired_state import keys
from swarm_operator.observed.errors import Denied
from swarm_operator.plan.routes.servers import TASKS
from tests.runtime.route_acts import LEGACY, document, live
from tests.runtime.routes_lab import Process, RoutesLab, routed


def test_a_route_becomes_live_with_the_addresses_of_the_tasks(
    lab: RoutesLab, operator: Process
) -> None:
    assert lab.serves("web")
    assert sorted(lab.servers("web")) == lab.running("shop_web")
    assert len(lab.servers("web")) == 3
    traefik = lab.traefik()
    assert traefik is not None
    assert (traefik.state, traefik.version) == ("Publishing", "3.7.15")
    route = lab.routes("shop")["http/web"]
    assert route.live_after_s is not None
    assert route.live_after_s < 3
    assert [news.state for news in operator.news] == ["live"]


def test_nothing_changed_means_no_write_and_no_reload(lab: RoutesLab, operator: Process) -> None:
    reloads = lab.instances[0].reloads
    with lab.no_writes(operator):
        lab.run(600)
    assert lab.instances[0].reloads == reloads


def test_a_restarted_operator_writes_nothing_either(lab: RoutesLab, operator: Process) -> None:
    operator.stop()
    lab.run(3)
    successor = lab.start()
    lab.run(60)
    assert successor.lease.fence(1000.0 + lab.timeline.now)
    assert successor.root.commits == []
    assert lab.states("shop") == {"http/web": "live"}


def test_a_swarm_without_routes_gets_no_write_and_no_question() -> None:
    lab = RoutesLab()
    process = lab.start()
    lab.service("shop_web", {})
    lab.run(120)
    assert process.root.commits == []
    assert process.kv.commits == []
    assert process.instances.seen == {}
    assert lab.written() == {}


def test_nothing_is_written_in_observe_mode() -> None:
    lab = RoutesLab()
    process = lab.start("observe")
    lab.service("shop_web")
    lab.run(60)
    assert process.root.commits == []
    assert lab.written() == {}
    assert lab.states("shop") == {"http/web": "pending"}
    traefik = lab.traefik()
    assert traefik is not None
    assert traefik.state == "Observing"


def test_scaling_adds_and_takes_away_servers(lab: RoutesLab, operator: Process) -> None:
    lab.scale("shop_web", 5)
    lab.until(lambda: len(lab.servers("web")) == 5)
    lab.scale("shop_web", 2)
    lab.until(lambda: len(lab.servers("web")) == 2)
    lab.run(20)
    assert sorted(lab.servers("web")) == lab.running("shop_web")
    assert operator.controller.error is None


def test_scaled_to_none_there_is_no_server_and_the_route_stays(
    lab: RoutesLab, operator: Process
) -> None:
    lab.scale("shop_web", 0)
    lab.until(lambda: lab.servers("web") == {})
    lab.run(10)
    assert lab.serves("web")
    assert "http/services/web/loadbalancer/passhostheader" in lab.written()
    del operator


@pytest.mark.parametrize("order", ["stop-first", "start-first"])
def test_in_a_rolling_update_no_server_is_a_task_that_stopped(order: str) -> None:
    lab = RoutesLab()
    lab.start()
    lab.service("shop_web", replicas=3, order=order)
    live(lab)
    lab.update(
        "shop_web", lambda _live: lab.spec("shop_web", replicas=3, order=order, image="app:2")
    )
    for _ in range(3000):
        lab.run(0.02)
        written = {
            url.removeprefix("http://").partition(":")[0] for url in lab.servers("web").values()
        }
        assert written
        states = {
            address: task.state
            for task in lab.hands.read().tasks
            for address in task.addresses.values()
        }
        assert {states.get(each, "gone") for each in written} <= {"running"}, states
    assert sorted(lab.servers("web")) == lab.running("shop_web")


def test_a_single_task_is_reached_by_its_name_all_along() -> None:
    lab = RoutesLab()
    process = lab.start()
    lab.service("shop_web", replicas=1)
    live(lab)
    assert lab.servers("web") == {TASKS: "http://tasks.shop_web:80"}
    assert lab.routes("shop")["http/web"].parked
    lab.run(5)
    writes = len(process.root.commits)
    lab.update("shop_web", lambda _live: lab.spec("shop_web", replicas=1, image="app:2"))
    lab.run(60)
    assert lab.servers("web") == {TASKS: "http://tasks.shop_web:80"}
    assert len(process.root.commits) == writes


def test_the_last_route_goes_with_its_service(lab: RoutesLab, operator: Process) -> None:
    swarm = lab.hands.read()
    lab.hands.remove_service(swarm.services_by_name["shop_web"].id)
    lab.until(lambda: not lab.serves("web"), 5)
    lab.run(10)
    assert not any("web" in key for key in lab.written())
    assert lab.routes("shop") == {}
    del operator


def test_hand_written_keys_survive_and_a_mixed_object_is_left_alone(
    lab: RoutesLab, operator: Process
) -> None:
    lab.put("http/routers/mine/rule", "Host(`mine.test`)")
    lab.put("http/routers/mine/service", "web")
    lab.put("http/routers/web/rule", "Host(`edited.test`)")
    lab.until(lambda: lab.states("shop") == {"http/web": "conflict"}, 20)
    before = lab.written()
    with_servers = len(lab.servers("web"))
    lab.relabel("shop_web", routed("web", rule="Host(`third.test`)"))
    lab.scale("shop_web", 4)
    lab.run(20)
    assert lab.written()["http/routers/web/rule"] == b"Host(`edited.test`)"
    assert lab.written()["http/routers/mine/rule"] == b"Host(`mine.test`)"
    assert (with_servers, len(lab.servers("web"))) == (3, 4)
    assert before.keys() <= lab.written().keys()
    traefik = lab.traefik()
    assert traefik is not None
    assert traefik.state == "Conflict"
    lab.kv.put(f"swarm-operator/{keys.DESIRED}requests/adopt/http/routers/web", b"{}")
    operator.stop()
    lab.run(3)
    lab.start()
    live(lab)
    assert lab.written()["http/routers/web/rule"] == b"Host(`third.test`)"
    assert lab.status_client.get(f"{keys.DESIRED}requests/adopt/http/routers/web") is None


def test_a_foreign_bad_key_is_named_within_ten_seconds(lab: RoutesLab, operator: Process) -> None:
    lab.put("http/middlewares/theirs/headers/framedeny", "yes")
    lab.until(lambda: "state='Frozen'" in repr(lab.traefik()), 10)
    traefik = lab.traefik()
    assert traefik is not None
    assert traefik.frozen_by == ("traefik/http/middlewares/theirs/headers/framedeny",)
    lab.relabel("shop_web", routed("web", rule="Host(`next.test`)"))
    lab.until(lambda: lab.states("shop") == {"http/web": "frozen"}, 15)
    assert "framedeny" in lab.routes("shop")["http/web"].message
    lab.kv.delete("traefik/http/middlewares/theirs/headers/framedeny")
    lab.until(lambda: lab.states("shop") == {"http/web": "live"}, 40)
    del operator


def test_a_wiped_kv_gets_its_routes_back_though_the_sentinel_is_gone(
    lab: RoutesLab, operator: Process
) -> None:
    before = lab.written()
    lab.kv.lose_data()
    took_s = lab.until(lambda: lab.written() == before, 5)
    assert took_s < 5
    lab.until(lambda: lab.serves("web"), 5)
    del operator


def test_a_document_is_published_and_stays_while_nobody_can_say_that_it_is_gone() -> None:
    lab = RoutesLab()
    document(lab, "legacy", LEGACY)
    process = lab.start()
    lab.service("shop_web")
    live(lab)
    assert b"http://192.0.2.1:8080" in lab.written().values()
    before = lab.written()
    process.stop()
    lab.kv.delete_tree(f"swarm-operator/{keys.DESIRED}")
    lab.run(3)
    process = lab.start()
    lab.run(30)
    assert lab.written() == before
    swarm = lab.hands.read()
    lab.hands.remove_service(swarm.services_by_name["shop_web"].id)
    lab.run(30)
    assert "http/routers/web/rule" not in lab.written()
    assert b"http://192.0.2.1:8080" in lab.written().values()
    process.stop()
    lab.run(3)
    lab.put_sentinel()
    lab.start()
    lab.until(lambda: b"http://192.0.2.1:8080" not in lab.written().values(), 20)


def test_without_the_right_to_write_it_is_said_and_nothing_else_stands_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lab = RoutesLab()
    process = lab.start()

    def denied(*_operations: object, **_more: object) -> None:
        raise Denied("the token may not write `traefik/`")

    monkeypatch.setattr(process.root, "commit", denied)
    lab.service("shop_web")
    lab.until(lambda: "state='Failed'" in repr(lab.traefik()), 30)
    assert "may not write" in repr(lab.traefik())
    monkeypatch.undo()
    live(lab)
    assert "state='Publishing'" in repr(lab.traefik())


def test_a_foreign_object_that_came_a_moment_ago_is_seen_before_a_write() -> None:
    lab = RoutesLab()
    lab.start()
    lab.service("shop_web")
    live(lab)
    lab.run(5)
    lab.service("blog_front", routed("front"))
    lab.put("http/routers/Front/rule", "Host(`theirs.test`)")
    lab.put("http/routers/Front/service", "web")
    for _ in range(300):
        lab.run(0.05)
        assert not any(key.startswith("http/routers/front/") for key in lab.written())
    assert lab.states("blog")["http/front"] == "rejected"
