"""Routes that are refused: what was published of them stays, and others go on."""

import pytest

from swarm_operator.plan.routes.compile import compile_routes as compile_for_real
from swarm_operator.plan.routes.servers import TASKS
from swarm_operator.runtime.routes import publications
from tests.runtime.route_acts import LEGACY, document, live, second_image
from tests.runtime.routes_lab import Process, RoutesLab, routed


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


def test_equal_routes_in_two_stacks_are_refused_and_the_first_serves(
    lab: RoutesLab, operator: Process
) -> None:
    lab.service("copy_front", routed("front", rule="Host(`web.test`)"))
    lab.run(20)
    assert lab.states("copy")["http/front"] == "rejected"
    assert lab.serves("web")
    assert not lab.serves("front")
    del operator


@pytest.mark.usefixtures("operator")
def test_the_tasks_of_a_refused_service_are_watched_as_closely_as_any(lab: RoutesLab) -> None:
    """Else a task that an update stops stays published for too long."""
    lab.relabel("shop_web", {**routed("web"), "traefik.http.routers.web.nosuch": "1"})
    lab.until(lambda: lab.states("shop") == {"http/web": "rejected"}, 20)
    lab.run(30)
    started = set(lab.running("shop_web"))
    lab.update("shop_web", second_image)
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


def test_its_tasks_of_today_are_served_though_nobody_remembers_it(
    lab: RoutesLab, operator: Process
) -> None:
    for more in ("1", "2"):
        lab.relabel("shop_web", {**routed("web", rule="Host(`web.test`"), "more": more})
        lab.run(10)
    operator.stop()
    lab.run(3)
    lab.start()
    lab.run(15)
    before = set(lab.running("shop_web"))
    assert set(lab.servers("web")) == before
    lab.update("shop_web", second_image)
    lab.until(lambda: before.isdisjoint(lab.running("shop_web")), 120)
    lab.until(lambda: set(lab.servers("web")) == set(lab.running("shop_web")), 10)
    assert lab.states("shop")["http/web"] == "rejected"


def test_its_tasks_are_served_though_it_had_none_at_the_restart(
    lab: RoutesLab, operator: Process
) -> None:
    for more in ("1", "2"):
        lab.relabel("shop_web", {**routed("web", rule="Host(`web.test`"), "more": more})
        lab.run(10)
    lab.scale("shop_web", 0)
    lab.until(lambda: not lab.servers("web"), 20)
    operator.stop()
    lab.run(3)
    lab.start()
    lab.run(20)
    lab.scale("shop_web", 2)
    lab.until(lambda: len(lab.running("shop_web")) == 2, 60)
    lab.until(lambda: set(lab.servers("web")) == set(lab.running("shop_web")), 10)
    assert lab.states("shop")["http/web"] == "rejected"


def test_what_it_published_outlives_a_restart_though_the_notes_are_lost_too(
    lab: RoutesLab, operator: Process
) -> None:
    for more in ("1", "2"):
        lab.relabel("shop_web", {**routed("web", rule="Host(`web.test`"), "more": more})
        lab.run(10)
    before = {key: value for key, value in lab.written().items() if "/web/" in key}
    operator.stop()
    for key in lab.status_client.read("status/").entries:
        lab.kv.delete(f"swarm-operator/status/{key}")
    lab.run(3)
    lab.start()
    lab.run(30)
    assert {key: value for key, value in lab.written().items() if "/web/" in key} == before


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
