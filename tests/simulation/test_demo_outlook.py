"""What an operator would do, where none is started: said, and written nowhere."""

from datetime import UTC, datetime

from desired_state.records import StackStatus
from swarm_operator.cli.demo import clients, examples
from swarm_operator.cli.demo.outlook import (
    EVERY_S,
    INVALID,
    PLANNED,
    Forecast,
    Outlook,
    with_outlook,
)
from swarm_operator.cli.stacks_view import View
from swarm_operator.plan.ownership import INSTALLATION_LABEL
from tests.simulation.served import served

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def status(stack: str, state: str) -> StackStatus:
    return StackStatus(stack=stack, state=state, since=NOW)


def test_it_plans_now_and_then_and_writes_nothing() -> None:
    with served() as faces:
        hands = clients.clients_for(faces.docker_host, faces.consul_addr)
        examples.write(hands.kv, "good", {"compose.yaml": b"services: {web: {image: 'a:1'}}"})
        examples.write(hands.kv, "bad", {"compose.yaml": b"services: {web: {imgae: 'a:1'}}"})
        before = faces.call(faces.consul_requests.copy)
        now = 0.0
        forecast = Forecast(hands.kv, hands.swarm, lambda: now)
        first = forecast.read()
        assert {name: each.state for name, each in first.stacks.items()} == {
            "good": PLANNED,
            "bad": INVALID,
        }
        assert "create service good_web" in first.stacks["good"].message
        assert forecast.read() is first
        now = EVERY_S
        again = forecast.read()
        assert again is not first
        assert again.stacks == first.stacks  # since when too
        assert faces.call(faces.engine_requests.written) == []
        assert faces.call(faces.consul_requests.copy).since(before).written() == []
        # No operator ever ran there: nothing is lost.
        assert [each.partition(":")[0] for each in first.problems] == [
            "no installation is seen here yet"
        ]
        faces.call(faces.consul.freeze)
        now = 2 * EVERY_S
        lost = forecast.read()
        assert lost.stacks == first.stacks
        assert lost.problems[0].startswith("no plan can be made: ")
        faces.call(faces.consul.thaw)


def test_where_an_operator_was_a_lost_kv_is_said() -> None:
    with served() as faces:
        hands = clients.clients_for(faces.docker_host, faces.consul_addr)
        labels = {INSTALLATION_LABEL: "lost"}
        hands.swarm.create_network({"Name": "shop_default", "Driver": "overlay", "Labels": labels})
        (problem,) = Forecast(hands.kv, hands.swarm).read().problems
        assert "init --recover" in problem


def test_what_a_leader_wrote_goes_before_the_plan_and_the_plan_before_what_is_old() -> None:
    outlook = Outlook({"a": status("a", PLANNED), "b": status("b", PLANNED)})
    written = {"b": status("b", "Ready")}
    led = with_outlook(View(None, True, written, ("a",), ()), outlook)
    old = with_outlook(View(None, False, written, ("a",), ()), outlook)
    assert [each.state for each in led.stacks.values()] == [PLANNED, "Ready"]
    assert [each.state for each in old.stacks.values()] == [PLANNED, PLANNED]
    assert led.unseen == old.unseen == ()


def test_without_an_outlook_nothing_is_changed() -> None:
    shown = View(None, False, {}, ("a",), ())
    assert with_outlook(shown, Outlook()) is shown
