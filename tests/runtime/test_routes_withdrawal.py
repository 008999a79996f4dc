"""A task that is to be moved: out of what is published, seen to be out everywhere, its requests done."""

import pytest

from swarm_operator.observed.errors import Denied
from swarm_operator.plan.routes.servers import TASKS
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.stamp import HEADER
from swarm_operator.runtime.routes.withdrawals import LAST_ONE_S
from swarm_operator.runtime.routes.withdrawing import LIMIT_S
from swarm_operator.runtime.withdrawal import Withdrawn
from tests.runtime.routes_lab import Process, RoutesLab, routed

DRAIN_S = 5.0


def begun(versions: tuple[str, ...] = ("3.7.15",), replicas: int = 3) -> tuple[RoutesLab, Process]:
    lab = RoutesLab(versions=versions, settings=RouteSettings(drain_s=DRAIN_S))
    process = lab.start()
    lab.service("shop_web", replicas=replicas)
    lab.until(lambda: lab.states("shop") == {"http/web": "live"}, 60)
    lab.run(5)
    return lab, process


def until(lab: RoutesLab, process: Process, task: str, wanted: Withdrawn) -> float:
    """Asks as a mover does."""
    began = lab.timeline.now
    while (answer := process.withdrawing.withdraw(task)) is not wanted:
        assert answer is Withdrawn.PENDING, answer
        assert lab.timeline.now < began + 100
        lab.run(0.1)
    return lab.timeline.now - began


def test_confirmed_when_no_instance_sends_to_it_and_its_requests_had_their_time() -> None:
    lab, process = begun(("3.7.15", "3.7.15"))
    task = lab.running("shop_web")[0]
    gone_at = None
    began = lab.timeline.now
    while process.withdrawing.withdraw(task) is Withdrawn.PENDING:
        lab.run(0.05)
        if gone_at is None and all(task not in str(each.applied.tree) for each in lab.instances):
            gone_at = lab.timeline.now
    took_s = lab.timeline.now - began
    assert process.withdrawing.withdraw(task) is Withdrawn.CONFIRMED
    assert gone_at is not None
    assert lab.timeline.now >= gone_at + DRAIN_S - 0.05
    assert took_s < DRAIN_S + 2
    assert task not in lab.servers("web")
    assert len(lab.servers("web")) == 2


def test_published_again_it_gets_its_requests_back() -> None:
    lab, process = begun()
    task = lab.running("shop_web")[0]
    until(lab, process, task, Withdrawn.CONFIRMED)
    process.withdrawing.publish_again(task)
    lab.until(lambda: task in lab.servers("web"), 3)
    assert process.withdrawing.withdraw(task) is Withdrawn.PENDING


def test_an_instance_that_stays_silent_makes_it_time_out() -> None:
    lab, process = begun(("3.7.15", "3.7.15"))
    lab.instances[1].is_silent = True
    task = lab.running("shop_web")[0]
    took_s = until(lab, process, task, Withdrawn.TIMED_OUT)
    assert took_s == pytest.approx(LIMIT_S, abs=0.5)
    process.withdrawing.publish_again(task)
    lab.until(lambda: task in lab.servers("web"), 5)
    lab.instances[1].is_silent = False
    assert until(lab, process, task, Withdrawn.CONFIRMED) < DRAIN_S + 4


def test_a_refused_service_that_goes_on_as_before_is_waited_for_too() -> None:
    lab, process = begun(("3.7.15", "3.7.15"))
    lab.relabel("shop_web", {**routed("web"), "traefik.http.routers.web.nosuch": "1"})
    lab.until(lambda: lab.states("shop") == {"http/web": "rejected"}, 20)
    lab.run(30)
    lab.instances[1].is_silent = True
    task = lab.running("shop_web")[0]
    assert until(lab, process, task, Withdrawn.TIMED_OUT) == pytest.approx(LIMIT_S, abs=0.5)
    process.withdrawing.publish_again(task)
    lab.instances[1].is_silent = False
    lab.until(lambda: task in lab.servers("web"), 5)
    lab.run(5)
    assert DRAIN_S <= until(lab, process, task, Withdrawn.CONFIRMED) < DRAIN_S + 4


def test_a_task_of_a_service_without_routes_is_confirmed_at_once() -> None:
    lab, process = begun()
    lab.service("other_db", {}, replicas=1)
    lab.run(10)
    (task,) = lab.running("other_db")
    assert until(lab, process, task, Withdrawn.CONFIRMED) < 0.3


@pytest.mark.parametrize("trouble", ["silent", "frozen"])
@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_task_of_a_service_without_routes_waits_for_no_traefik(
    trouble: str, is_restarted: bool
) -> None:
    lab, process = begun(("3.7.15", "3.7.15"))
    lab.service("other_db", {}, replicas=1)
    lab.run(10)
    served = lab.running("shop_web")[0]
    if trouble == "silent":
        lab.instances[1].is_silent = True
    else:
        lab.put("http/routers/theirs/nosuch", "1")
    lab.scale("shop_web", 4)
    lab.run(20)
    if is_restarted:
        process.stop()
        process = lab.start()
        lab.run(15)
    (task,) = lab.running("other_db")
    assert until(lab, process, task, Withdrawn.CONFIRMED) < 0.3
    # The control: of a service with routes nothing is confirmed.
    assert until(lab, process, served, Withdrawn.TIMED_OUT) == pytest.approx(LIMIT_S, abs=0.5)


def test_a_task_without_routes_waits_for_no_right_to_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lab, process = begun()
    lab.service("other_db", {}, replicas=1)
    lab.run(10)

    def denied(*_: object, **__: object) -> None:
        raise Denied("no right to write")

    monkeypatch.setattr(process.root, "commit", denied)
    lab.scale("shop_web", 4)
    lab.run(10)
    (task,) = lab.running("other_db")
    assert until(lab, process, task, Withdrawn.CONFIRMED) < 6


def test_what_an_earlier_holder_took_out_is_waited_for_by_the_next() -> None:
    lab, process = begun(("3.7.15", "3.7.15"))
    lab.service("shop_other")
    lab.run(15)
    lab.instances[1].is_silent = True
    lab.relabel("shop_web", {})
    lab.until(lambda: "web" not in str(lab.written().keys()), 10)
    lab.run(3)
    process.stop()
    process = lab.start()
    lab.run(15)
    task = lab.running("shop_web")[0]
    assert until(lab, process, task, Withdrawn.TIMED_OUT) == pytest.approx(LIMIT_S, abs=0.5)
    process.withdrawing.publish_again(task)
    lab.instances[1].is_silent = False
    lab.run(5)
    assert until(lab, process, task, Withdrawn.CONFIRMED) < 0.3


def test_a_task_whose_last_route_goes_just_now_waits_until_every_instance_has_seen_it() -> None:
    lab, process = begun(("3.7.15", "3.7.15"))
    task = lab.running("shop_web")[0]
    lab.instances[1].is_silent = True
    lab.relabel("shop_web", {})
    lab.service("shop_other")
    assert until(lab, process, task, Withdrawn.TIMED_OUT) == pytest.approx(LIMIT_S, abs=0.5)


def test_while_the_stamp_is_another_hands_nothing_is_confirmed() -> None:
    lab, process = begun()
    (stamp,) = (key for key in lab.written() if key.endswith(HEADER))
    lab.put(stamp, "hand")
    lab.run(10)
    task = lab.running("shop_web")[0]
    assert until(lab, process, task, Withdrawn.TIMED_OUT) == pytest.approx(LIMIT_S, abs=0.5)
    traefik = lab.traefik()
    assert traefik is not None
    assert traefik.state == "Conflict"
    assert [each.state for each in traefik.instances.values()] == ["unknown"]
    assert lab.states("shop") == {"http/web": "unknown"}


def test_without_any_route_a_task_is_confirmed_at_once() -> None:
    lab = RoutesLab()
    process = lab.start()
    lab.service("other_db", {}, replicas=1)
    lab.run(20)
    (task,) = lab.running("other_db")
    assert until(lab, process, task, Withdrawn.CONFIRMED) < 0.3
    assert lab.written() == {}


def test_the_only_task_is_given_up_last_and_requests_wait_at_the_name() -> None:
    lab, process = begun(replicas=1)
    (task,) = lab.running("shop_web")
    took_s = until(lab, process, task, Withdrawn.CONFIRMED)
    assert took_s > LAST_ONE_S
    assert set(lab.servers("web")) == {TASKS}


def test_beside_a_second_task_the_only_one_is_replaced_without_its_name() -> None:
    lab, process = begun(replicas=1)
    (old,) = lab.running("shop_web")
    lab.scale("shop_web", 2)
    lab.until(lambda: len(lab.running("shop_web")) == 2)
    (new,) = set(lab.running("shop_web")) - {old}
    assert until(lab, process, old, Withdrawn.CONFIRMED) < DRAIN_S + 3
    assert set(lab.servers("web")) == {new}


def test_without_an_api_it_is_confirmed_after_the_throttle() -> None:
    lab = RoutesLab(settings=RouteSettings(drain_s=0.0))
    lab.plan = type(lab.plan)(routes=lab.plan.routes)
    process = lab.start()
    lab.service("shop_web", replicas=3)
    lab.until(lambda: len(lab.servers("web")) == 3, 60)
    lab.run(5)
    task = lab.running("shop_web")[0]
    assert 3.0 <= until(lab, process, task, Withdrawn.CONFIRMED) < 4.5


def test_a_new_holder_of_the_lease_knows_of_no_withdrawal() -> None:
    lab, process = begun()
    task = lab.running("shop_web")[0]
    until(lab, process, task, Withdrawn.CONFIRMED)
    process.stop()
    lab.run(3)
    lab.start()
    lab.until(lambda: task in lab.servers("web"), 10)
