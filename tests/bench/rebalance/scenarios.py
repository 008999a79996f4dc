"""What happens to the swarm: who is lost and comes back, and what is done in the middle of it."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.bench.rebalance import shop
from tests.bench.rebalance.floor import Floor, label
from tests.bench.rebalance.measuring import Measuring, with_env
from tests.bench.rebalance.shop import FRAIL, KINDS, Kind

KILLS: Final = 3
_SIX: Final = KINDS[0]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`lose` ends with everything running elsewhere; `return_` gives the moment of readiness."""

    name: str
    lose: Callable[[Floor], None]
    bring_back: Callable[[Floor, Measuring], float]
    meddle: Callable[[Floor, Measuring], None] = lambda _floor, _measuring: None
    """In the middle of the moves."""
    tidy: Callable[[Floor], None] = lambda _floor: None


# --- nodes that go and come ------------------------------------------------------------------------


def _power_off(*names: str) -> Callable[[Floor], None]:
    def lose(floor: Floor) -> None:
        for name in names:
            floor.node(name).power_off()
        for name in names:
            floor.lab.wait_until_node_is(floor.node(name), "down", 60)
        floor.wait_until_gone(names)

    return lose


def _power_on(*names: str) -> Callable[[Floor, Measuring], float]:
    def bring_back(floor: Floor, _: Measuring) -> float:
        for name in names:
            floor.node(name).boot()
        for name in names:
            floor.node(name).wait_until_answering()
        return floor.wait_until_ready(names)

    return bring_back


def _drain(name: str) -> Callable[[Floor], None]:
    def lose(floor: Floor) -> None:
        floor.availability(name, "drain")
        floor.wait_until_gone([name])
        floor.wait(lambda: not floor.eye.run_on(name), 60, f"everything on {name} has ended")

    return lose


def _undrain(name: str) -> Callable[[Floor, Measuring], float]:
    def bring_back(floor: Floor, _: Measuring) -> float:
        floor.availability(name, "active")
        return time.monotonic()

    return bring_back


def _leave(name: str) -> Callable[[Floor], None]:
    """Out of the swarm altogether: what joins later under that name is another node."""

    def lose(floor: Floor) -> None:
        _drain(name)(floor)
        node = floor.node(name)
        node.docker.leave_swarm(force=True)
        floor.lab.wait_until_node_is(node, "down", 60)
        floor.lab.docker_cli(1, "node", "rm", "--force", name, timeout=60)

    return lose


def _join(name: str) -> Callable[[Floor, Measuring], float]:
    def bring_back(floor: Floor, _: Measuring) -> float:
        node, first = floor.node(name), floor.lab.manager
        token = first.docker.inspect_swarm()["JoinTokens"]["Worker"]
        node.docker.join_swarm([f"{first.address}:2377"], token, advertise_addr=node.address)
        ready_at = floor.wait_until_ready([name])
        label(floor.lab, name)
        return ready_at

    return bring_back


# --- a worker that flaps ----------------------------------------------------------------------------


def _flap(name: str, steady_s: float = 8.0) -> Callable[[Floor, Measuring], float]:
    """Back, and gone again before its hold-off is over; then back for good. All the while the
    operator may act: nothing goes there all the same."""

    def bring_back(floor: Floor, measuring: Measuring) -> float:
        floor.rebalance("act")
        _power_on(name)(floor, measuring)
        first = _hold_off(floor, name)
        until = time.monotonic() + steady_s
        while time.monotonic() < until:
            _nothing_on(floor, name, measuring)
            time.sleep(0.2)
        floor.node(name).power_off()
        floor.lab.wait_until_node_is(floor.node(name), "down", 60)
        ready_at = _power_on(name)(floor, measuring)
        second = _hold_off(floor, name, but=first)
        measuring.notes.append(f"hold-off {first:.0f} s, then {second:.0f} s")
        if second < 2 * first:
            measuring.broken.append("the hold-off did not grow")
        return ready_at

    return bring_back


def _hold_off(floor: Floor, name: str, but: float = 0.0) -> float:
    found: list[float] = []

    def known() -> bool:
        found[:] = [floor.hold_off_s(name)]
        return found[0] not in {0.0, but}

    floor.wait(known, 15, f"a hold-off for {name}")
    return found[0]


def _nothing_on(floor: Floor, name: str, measuring: Measuring) -> None:
    look = floor.look()
    found = {k.name for k in floor.kinds if k.replicas and look.copies(k.full_name)[name]}
    if found and not measuring.broken:
        measuring.broken.append(f"{', '.join(sorted(found))} went to {name}, which flaps")


def _waits_for(name: str) -> Callable[[Floor, Measuring], None]:
    """Nothing comes before the hold-off is over."""

    def meddle(floor: Floor, measuring: Measuring) -> None:
        wanted = floor.hold_off_s(name)
        while time.monotonic() < measuring.ready_at + wanted - 1.0:
            _nothing_on(floor, name, measuring)
            time.sleep(0.5)
        floor.wait(floor.events, 60, "the first move begins")
        waited = time.monotonic() - measuring.ready_at
        measuring.notes.append(f"first move after {waited:.0f} s")

    return meddle


# --- people and crashes -----------------------------------------------------------------------------


def _while_it_moves(floor: Floor, kind: Kind) -> None:
    floor.wait(lambda: kind.full_name in floor.moving(), 300, f"{kind.name} is being moved")


def _updated(floor: Floor, measuring: Measuring, kind: Kind, env: str) -> None:
    """After a user's update: what it costs, and what is left to move then."""
    wished = with_env(measuring.specs[kind.full_name], env)
    measuring.specs[kind.full_name] = wished

    def over() -> bool:
        found = floor.lab.service(kind.full_name)
        is_over = found.get("UpdateStatus", {}).get("State") in {None, "completed"}
        assert found["Spec"] == wished, found["Spec"]
        if not is_over or floor.moving():
            return False
        # Of one look: the next move may begin at any moment, and its extra task is none of the world.
        look, ends = floor.look(), floor.ends()
        measuring.done = ends.count("moved") + kind.replicas
        measuring.world = floor.world(look, measuring.left_out)
        # What the operator says of a move's end may be younger than the end.
        begun = sum(event["result"] == "planned" for event in floor.events())
        return begun == len(ends) and floor.all_run(look)

    floor.wait(over, 180, "the update is over")
    measuring.slack = 2  # the copy that the move had added is replaced too, and goes
    measuring.slack_of_others = kind.replicas
    measuring.notes.append(f"{kind.replicas} by the update")


def _push_a_document(floor: Floor, measuring: Measuring) -> None:
    _while_it_moves(floor, _SIX)
    floor.write(six={"environment": {"CHANGED": "yes"}})
    _updated(floor, measuring, _SIX, "CHANGED=yes")


def _update_by_hand(floor: Floor, measuring: Measuring) -> None:
    _while_it_moves(floor, _SIX)
    floor.stage.update("--env-add", "CHANGED=yes", _SIX.full_name)
    # By hand means: not as the document says any more, so the operator leaves it where it is.
    measuring.left_out = (_SIX.name,)
    _updated(floor, measuring, _SIX, "CHANGED=yes")


def _report_drift(floor: Floor) -> None:
    floor.write(six={"x-operator": {"drift": "report"}})
    floor.stage.wait_until_ready(shop.STACK, 60)
    _drain("node5")(floor)


def _write_again(floor: Floor) -> None:
    """The document as it was; the operator does the rest."""
    floor.write()
    floor.wait(
        lambda: (
            floor.eye.specs()[_SIX.full_name]["TaskTemplate"]["ContainerSpec"].get("Env") is None
        ),
        120,
        "the spec is as the document says",
    )


def _kill(floor: Floor, measuring: Measuring, kills: int = KILLS, seed: int = 24103) -> None:
    """SIGKILL at a random moment of a move, and a new start."""
    rng = random.Random(seed)
    done = 0
    while done < kills:
        floor.wait(lambda: floor.moving() or floor.is_balanced(), 300, "a move, or balance")
        if not floor.moving():
            break
        time.sleep(rng.uniform(0.0, 6.0))
        floor.stage.operator.kill()
        done += 1
        time.sleep(1)
        floor.stage.operator.start()
        floor.stage.wait_until_leading(60)
        if done % 2:  # the next one in another move; else maybe in the recovery of this one
            floor.wait(lambda: not floor.moving(), 120, "the move is ended by who came after")
    measuring.slack = done  # an extra copy that was not trusted any more is taken away again
    measuring.notes.append(f"killed {done} times")
    if not done:
        measuring.broken.append("nothing was killed in the middle of a move")


# --- a target that makes nothing healthy ---------------------------------------------------------------


def _make_frail(floor: Floor) -> None:
    floor.kinds = (*KINDS, FRAIL)
    floor.write(FRAIL)
    floor.stage.wait_until_ready(shop.STACK, 120)
    floor.lab.load_images(shop.frail(healthy=False), on=[floor.node("node5")])
    _drain("node5")(floor)


def _end_frail(floor: Floor) -> None:
    floor.kinds = KINDS
    floor.write()
    floor.lab.wait_until_gone(FRAIL.full_name, 60)
    floor.lab.load_images(shop.frail(healthy=True), on=[floor.node("node5")])


def _is_given_up(floor: Floor, measuring: Measuring) -> None:
    """At least one move of it has to be tried, and must fail."""
    floor.wait(lambda: "aborted" in floor.ends(), 400, "the move to the bad node is aborted")
    measuring.notes.append("1 move aborted")


ALL: Final[Sequence[Scenario]] = (
    Scenario("power-loss", _power_off("node5"), _power_on("node5")),
    Scenario("two-workers", _power_off("node2", "node4"), _power_on("node2", "node4")),
    Scenario("new-worker", _leave("node5"), _join("node5")),
    Scenario("drain", _drain("node5"), _undrain("node5")),
    Scenario("document", _drain("node5"), _undrain("node5"), _push_a_document, _write_again),
    Scenario("killed", _drain("node5"), _undrain("node5"), _kill),
    Scenario("unhealthy", _make_frail, _undrain("node5"), _is_given_up, _end_frail),
    Scenario("flapping", _power_off("node5"), _flap("node5"), _waits_for("node5")),
    # The last: what a person changed in the middle of a move is left alone for ten minutes.
    Scenario("hand", _report_drift, _undrain("node5"), _update_by_hand, _write_again),
)
BY_NAME: Final = {scenario.name: scenario for scenario in ALL}


def in_order(names: Sequence[str]) -> list[str]:
    """These, or all where none is named, in the one order in which none disturbs the next."""
    return [name for name in BY_NAME if name in names or not names]
