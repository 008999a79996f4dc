"""What Traefik's instances say of routes, and what is made of it when they say nothing."""

from typing import Any

import pytest

from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.tree import ObjectId
from swarm_operator.simulation.traefik.port import SimulatedTraefiks
from tests.runtime.route_acts import live
from tests.runtime.routes_lab import Process, RoutesLab, routed


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


def test_an_old_instance_that_does_not_answer_after_a_restart_is_not_forgotten() -> None:
    lab = RoutesLab(versions=("3.7.15", "3.0.4"))
    operator = lab.start()
    lab.service("shop_web")
    live(lab)
    lab.instances[1].is_silent = True
    operator.stop()
    lab.run(3)
    lab.start()
    lab.run(30)
    assert not any("passivehealthcheck" in key for key in lab.written())
    lab.service("shop_api")
    lab.until(lambda: lab.serves("api"), 20)  # on the silent one too: nothing froze it


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
