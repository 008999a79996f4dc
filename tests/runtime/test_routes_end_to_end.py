"""From a service's labels to a live route, and along with its tasks."""

from typing import Any

import pytest

from desired_state import keys
from swarm_operator.observed.errors import Denied
from swarm_operator.observed.json import JsonObject
from swarm_operator.plan.routes.compile import compile_routes as compile_for_real
from swarm_operator.plan.routes.servers import TASKS
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.tree import ObjectId
from swarm_operator.runtime.routes import publications
from swarm_operator.simulation.traefik.port import SimulatedTraefiks
from tests.runtime.routes_lab import Process, RoutesLab, routed


def live(lab: RoutesLab, stack: str = "shop", route: str = "http/web") -> None:
    lab.until(lambda: lab.states(stack).get(route) == "live", 60)


@pytest.fixture
def lab() -> RoutesLab:
    return RoutesLab()


@pytest.fixture
def operator(lab: RoutesLab) -> Process:
    """An operator with one route that is live."""
    process = lab.start()
    lab.service("shop_web", replicas=3)
    live(lab)
    lab.run(5)
    return process


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


def test_a_bad_label_keeps_the_last_good_state_and_others_go_on(
    lab: RoutesLab, operator: Process
) -> None:
    before = {key: value for key, value in lab.written().items() if "/web/" in key}
    lab.relabel("shop_web", routed("web", rule="Host(`web.test`"))
    lab.service("blog_front")
    live(lab, "blog", "http/front")
    after = {key: value for key, value in lab.written().items() if "/web/" in key}
    assert after == before
    route = lab.routes("shop")["http/web"]
    assert route.state == "rejected"
    assert lab.serves("web")
    assert lab.serves("front")
    operator.stop()
    lab.run(3)
    lab.start()
    lab.run(30)
    assert {key: value for key, value in lab.written().items() if "/web/" in key} == before
    lab.relabel("shop_web", routed("web", rule="Host(`new.test`)"))
    live(lab)
    assert lab.written()["http/routers/web/rule"] == b"Host(`new.test`)"


def test_of_two_with_one_name_the_first_keeps_it_after_a_restart_too(
    lab: RoutesLab, operator: Process
) -> None:
    lab.service("copy_web", routed("web", rule="Host(`other.test`)"))
    lab.run(20)
    assert lab.written()["http/routers/web/rule"] == b"Host(`web.test`)"
    assert lab.states("copy") == {"http/web": "rejected"}
    assert lab.states("shop") == {"http/web": "live"}
    operator.stop()
    lab.run(3)
    lab.start()
    lab.run(30)
    assert lab.written()["http/routers/web/rule"] == b"Host(`web.test`)"


def test_who_was_first_is_remembered_over_a_restart_though_it_is_the_younger() -> None:
    lab = RoutesLab()
    process = lab.start()
    lab.service("old_web", {})
    lab.run(5)
    lab.service("new_web")
    live(lab, "new")
    lab.relabel("old_web", routed("web", rule="Host(`old.test`)"))
    lab.run(10)
    process.stop()
    lab.run(3)
    lab.start()
    lab.run(30)
    assert lab.written()["http/routers/web/rule"] == b"Host(`web.test`)"
    assert lab.states("old") == {"http/web": "rejected"}


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


def test_equal_routes_in_two_stacks_are_refused_and_the_first_serves(
    lab: RoutesLab, operator: Process
) -> None:
    lab.service("copy_front", routed("front", rule="Host(`web.test`)"))
    lab.run(20)
    assert lab.states("copy")["http/front"] == "rejected"
    assert lab.serves("web")
    assert not lab.serves("front")
    del operator


def test_without_an_api_states_are_unknown_and_the_oldest_version_is_written_for() -> None:
    lab = RoutesLab()
    lab.plan = type(lab.plan)(routes=RouteSettings())
    lab.start()
    lab.service("shop_web")
    lab.until(lambda: lab.states("shop") == {"http/web": "unknown"}, 30)
    lab.run(10)
    assert lab.serves("web")
    assert not any("passivehealthcheck" in key for key in lab.written())


def test_the_oldest_instance_decides_what_may_be_written() -> None:
    lab = RoutesLab(versions=("3.7.15", "3.0.4"))
    lab.start()
    lab.service("shop_web")
    live(lab)
    assert not any("passivehealthcheck" in key for key in lab.written())
    assert lab.traefik() is not None
    assert str(lab.traefik()).find("3.0.4") > 0


def test_a_silent_instance_makes_states_unknown_and_holds_nothing_up() -> None:
    lab = RoutesLab(versions=("3.7.15", "3.7.15"))
    lab.start()
    lab.instances[1].is_silent = True
    lab.service("shop_web")
    lab.until(lambda: lab.states("shop") == {"http/web": "unknown"}, 40)
    assert lab.serves("web")
    lab.instances[1].is_silent = False
    live(lab)


def test_what_traefik_disables_is_said_in_its_words() -> None:
    lab = RoutesLab()
    lab.start()
    labels = routed("web") | {"traefik.http.routers.web.entrypoints": "nowhere"}
    lab.service("shop_web", labels)
    lab.until(lambda: lab.states("shop") == {"http/web": "disabled"}, 60)
    assert "nowhere" in lab.routes("shop")["http/web"].message
    assert ObjectId("http", "routers", "web") in lab.instances[0].applied.tree


def test_no_secret_that_traefik_repeats_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    secret, token = "PLAINSECRET", "TOKENSECRET"

    def get(self: SimulatedTraefiks, base: str, path: str) -> Any:
        answer = real(self, base, path)
        if isinstance(answer, list):
            for item in answer:
                said = f"error parsing BasicUser: admin:{secret}:x"
                item["error"] = [f"{token} is odd", said, "x" * 600_000]
        return answer

    real = SimulatedTraefiks.get
    monkeypatch.setattr(SimulatedTraefiks, "get", get)
    lab = RoutesLab()
    process = lab.start()
    headers = "traefik.http.middlewares.head.headers.customrequestheaders.X-Token"
    labels = routed("web") | {headers: token, "traefik.http.routers.web.middlewares": "head"}
    lab.service("shop_web", labels | {"traefik.http.routers.web.entrypoints": "nowhere"})
    lab.until(lambda: lab.states("shop") == {"http/web": "disabled"}, 60)
    message = lab.routes("shop")["http/web"].message
    assert "says: (hidden) is odd; error parsing BasicUser: (hidden)" in message
    assert len(message) < 400
    told = str([message, process.news, lab.log.lines])
    assert "error parsing BasicUser" in str(process.news)
    assert secret not in told
    assert token not in told


def test_a_route_that_goes_and_comes_again_is_told_again(lab: RoutesLab, operator: Process) -> None:
    labels = lab.hands.read().services_by_name["shop_web"].spec["Labels"]
    lab.relabel("shop_web", {})
    lab.until(lambda: not lab.states("shop"), 30)
    operator.news.clear()
    lab.relabel("shop_web", labels)
    live(lab)
    assert [each.state for each in operator.news] == ["live"]


@pytest.mark.usefixtures("operator")
def test_the_tasks_of_a_refused_service_are_watched_as_closely_as_any(lab: RoutesLab) -> None:
    """Else a task that an update stops stays published for too long."""
    lab.relabel("shop_web", {**routed("web"), "traefik.http.routers.web.nosuch": "1"})
    lab.until(lambda: lab.states("shop") == {"http/web": "rejected"}, 20)
    lab.run(30)
    started = set(lab.running("shop_web"))
    lab.update("shop_web", _second_image)
    late_s = 0.0
    for _ in range(int(40 / 0.05)):
        lab.run(0.05)
        stopping = set(lab.servers("web")) - set(lab.running("shop_web")) - {TASKS}
        late_s = late_s + 0.05 if stopping & started else 0.0
        assert late_s < 0.6
    assert set(lab.servers("web")).isdisjoint(started)


def test_what_a_refused_service_published_outlives_restarts_though_nobody_remembers_it(
    lab: RoutesLab, operator: Process
) -> None:
    """Docker's former spec is a bad one too after a second update."""
    before = {key: value for key, value in lab.written().items() if "/web/" in key}
    lab.relabel("shop_web", routed("web", rule="Host(`web.test`"))
    lab.until(lambda: lab.states("shop") == {"http/web": "rejected"}, 20)
    lab.relabel("shop_web", {**routed("web", rule="Host(`web.test`"), "more": "1"})
    lab.run(30)
    for _ in range(2):
        operator.stop()
        lab.run(3)
        operator = lab.start()
        lab.run(30)
        after = {key: value for key, value in lab.written().items() if "/web/" in key}
        assert after == before
        assert lab.serves("web")
        assert lab.states("shop")["http/web"] == "rejected"
    lab.scale("shop_web", 1)
    lab.until(lambda: len(lab.running("shop_web")) == 1, 60)
    lab.until(lambda: set(lab.servers("web")) == set(lab.running("shop_web")), 10)
    assert lab.serves("web")
    lab.relabel("shop_web", routed("web", rule="Host(`new.test`)"))
    live(lab)
    lab.relabel("shop_web", {})
    lab.until(lambda: not any("/web/" in key for key in lab.written()), 20)


def test_of_two_that_want_a_middleware_the_one_keeps_it_after_a_restart_whose_route_is_live() -> (
    None
):
    def protected(name: str, user: str) -> dict[str, str]:
        return routed(name) | {
            f"traefik.http.routers.{name}.middlewares": "auth",
            "traefik.http.middlewares.auth.basicauth.users": f"{user}:$apr1$x$y",
        }

    lab = RoutesLab()
    operator = lab.start()
    lab.service("b_old", {})
    lab.run(2)
    lab.service("a_new", protected("new", "ada"))
    live(lab, "a", "http/new")
    lab.relabel("b_old", protected("old", "bob"))
    lab.run(20)
    assert lab.serves("new")
    operator.stop()
    lab.run(3)
    lab.start()
    lab.run(30)
    assert lab.states("a") == {"http/new": "live"}
    assert lab.serves("new")
    assert not lab.serves("old")


def _second_image(spec: JsonObject) -> JsonObject:
    template = spec["TaskTemplate"]
    return {**spec, "TaskTemplate": {**template, "ContainerSpec": {"Image": "app:2"}}}


def document(lab: RoutesLab, name: str, text: str) -> None:
    lab.kv.put(f"swarm-operator/{keys.DESIRED}routes/{name}", text.encode())


LEGACY = """
routes:
  - host: legacy.test
    servers: ["http://192.0.2.1:8080"]
"""


def test_what_a_broken_document_published_outlives_restarts() -> None:
    lab = RoutesLab()
    operator = lab.start()
    document(lab, "legacy", LEGACY)
    url = b"http://192.0.2.1:8080"
    lab.until(lambda: url in lab.written().values(), 60)
    document(lab, "legacy", LEGACY.replace("host", "hosst"))
    lab.run(20)
    for _ in range(2):
        assert url in lab.written().values()
        operator.stop()
        lab.run(3)
        operator = lab.start()
        lab.run(30)
    assert url in lab.written().values()


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


def test_a_defect_in_one_services_labels_costs_that_service_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def compile_routes(published, **more):  # type: ignore[no-untyped-def]
        if any("Host(`boom.test`)" in str(each.tree) for each in published):
            raise RecursionError
        return real(published, **more)

    real = compile_for_real
    monkeypatch.setattr(publications, "compile_routes", compile_routes)
    lab = RoutesLab()
    lab.start()
    lab.service("bad_boom")
    lab.service("shop_web")
    live(lab)
    assert lab.states("bad") == {"service bad_boom": "rejected"}
    assert "defect of the operator (RecursionError)" in str(lab.routes("bad"))


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


def test_the_age_of_each_instances_stamp_grows_while_it_is_silent() -> None:
    lab = RoutesLab(versions=("3.7.15", "3.7.15"))
    process = lab.start()
    lab.service("shop_web")
    live(lab)
    lab.instances[1].is_silent = True
    lab.run(60)
    ages = process.instances.stamp_ages(1000.0 + lab.timeline.now)
    assert ages["http://traefik-1:8080"] < 4
    assert ages["http://traefik-2:8080"] > 50


def test_a_route_is_pending_until_its_new_servers_are_seen_and_one_event_is_enough(
    lab: RoutesLab, operator: Process
) -> None:
    was = lab.routes("shop")["http/web"].live_since
    lab.instances[0].stop()
    lab.instances[0].is_running = True  # answers, and reads nothing any more
    lab.scale("shop_web", 5)
    lab.until(lambda: lab.states("shop") == {"http/web": "pending"}, 20)
    lab.instances[0].is_running = False
    lab.instances[0].start()
    live(lab)
    assert lab.routes("shop")["http/web"].live_since == was
    assert [news.state for news in operator.news] == ["live"]


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


def test_an_instance_that_takes_nothing_is_poked_and_the_others_load_nothing() -> None:
    lab = RoutesLab(versions=("3.7.15", "3.7.15"))
    process = lab.start()
    lab.service("shop_web")
    live(lab)
    lab.run(5)
    lab.instances[1].stop()
    lab.instances[1].is_running = True  # answers, and reads nothing
    reloads, commits = lab.instances[0].reloads, len(process.root.commits)
    lab.run(60)
    pokes = process.root.commits[commits:]
    assert 2 <= len(pokes) <= 5
    assert all(len(operations) == 2 for operations in pokes)
    assert lab.instances[0].reloads == reloads
    lab.instances[1].is_running = False
    lab.instances[1].start()
    live(lab)
    with lab.no_writes(process):
        lab.run(60)


def test_a_traefik_that_starts_anew_is_not_taken_for_frozen(
    lab: RoutesLab, operator: Process
) -> None:
    lab.run(60)
    commits = len(operator.root.commits)
    for _ in range(2):
        lab.instances[0].stop()
        lab.run(3)
        lab.instances[0].start()
        for _ in range(100):
            lab.run(0.1)
            assert "Frozen" not in repr(lab.traefik())
    assert len(operator.root.commits) == commits
