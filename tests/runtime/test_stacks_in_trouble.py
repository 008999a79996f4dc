"""What goes wrong for the stack controller, and how far it goes: a write, a stack, a pass, everything."""

import itertools

import structlog

from desired_state import keys
from swarm_operator.observed.errors import SpecRefused, Unavailable
from swarm_operator.simulation.docker_faults import Refused
from tests.laws.test_secrets import MARK
from tests.runtime.bench import DESIRED, WEB, Bench, one, running
from tests.simulated_swarm import SimulatedSwarm

# --- what goes wrong ------------------------------------------------------------------------------


def test_a_failed_stack_that_is_being_pushed_does_not_spin() -> None:
    """Its next try is due and cannot be done: that is no reason for a hot loop."""
    bench = Bench(swarm=SimulatedSwarm(before=_refuse))
    bench.push("shop", one())
    bench.run(3)
    assert bench.status("shop").state == "Failed"
    bench.kv.put(f"{DESIRED}stacks/shop/.pushing", b"{}")
    assert bench.run(60) < 300


def _refuse(_verb: str, name: str) -> None:
    if name == WEB:
        raise SpecRefused("the engine does not like it")


def test_a_conflict_is_planned_anew_at_once() -> None:
    """Another hand was quicker: nothing is waited for."""
    bench = running()
    other_hand = [True]

    def before(verb: str, name: str) -> None:
        if (verb, name) == ("update", WEB) and other_hand:
            other_hand.pop()
            bench.swarm.scale(WEB, 3)

    bench.swarm.before = before
    bench.push("shop", one("two"))
    bench.step()
    assert bench.swarm.calls == []
    assert bench.due <= bench.now
    bench.step()
    assert bench.swarm.calls == [("update", WEB)]
    bench.run(20)
    assert bench.status("shop").state == "Ready"


def test_a_conflict_that_never_ends_is_a_failure_that_is_said() -> None:
    """A node-local network of the name is in no list: without a limit this would be a hot loop."""
    bench = Bench()
    bench.swarm.add_local_network("shop_default")
    bench.push("shop", one())
    assert bench.run(60) < 300
    status = bench.status("shop")
    assert (status.state, "already exists" in status.message) == ("Failed", True)


def test_failures_back_off_and_new_input_resets_them() -> None:
    tries: list[float] = []
    bench = Bench()

    def before(_verb: str, name: str) -> None:
        if name == WEB:
            tries.append(bench.now)
            raise SpecRefused("no")

    bench.swarm.before = before
    bench.push("shop", one())
    bench.run(120)
    gaps = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert 4 <= len(tries) <= 10
    for number, gap in enumerate(gaps[:5]):
        assert 0.5 * 2**number <= gap <= 2**number + 0.1
    assert bench.status("shop").state == "Failed"
    count = len(tries)
    bench.push("shop", one("two"))
    bench.step()
    assert len(tries) == count + 1


def test_an_engine_that_is_away_ends_the_pass() -> None:
    """What comes after would find it away too."""
    bench = Bench()
    seen: list[str] = []

    def before(_verb: str, name: str) -> None:
        seen.append(name)
        raise Unavailable("the engine does not answer")

    bench.swarm.before = before
    bench.push("shop", {"services": {"web": {"image": "x"}, "api": {"image": "x"}}})
    bench.step()
    assert seen == ["shop_default"]


def test_one_broken_stack_does_not_stop_the_others() -> None:
    """Neither an invalid document, nor one that the engine refuses, nor a defect of our own."""
    bench = Bench(swarm=SimulatedSwarm(before=_refuse))
    bench.push("shop", one())
    bench.edit("broken", "services: [")
    bench.push("wiki", one())
    bench.run(10)
    assert "wiki_web" in bench.services
    assert bench.status("wiki").state == "Ready"
    assert bench.status("broken").state == "Invalid"
    assert bench.status("shop").state == "Failed"


def test_a_defect_with_one_stack_does_not_stop_the_others() -> None:
    """An error that nobody expected: it is logged with its trace, and said without its text."""
    bench = Bench()

    def before(_verb: str, name: str) -> None:
        if name == "aaa_web":
            raise KeyError(MARK)

    bench.swarm.before = before
    bench.push("aaa", one())
    bench.push("shop", one())
    with structlog.testing.capture_logs():
        bench.run(10)
    assert bench.status("shop").state == "Ready"
    assert (bench.status("aaa").state, bench.status("aaa").reason) == ("Failed", "Defect")
    assert MARK not in bench.status("aaa").message


# --- the sentinel ---------------------------------------------------------------------------------


def test_the_sentinel_is_made_on_a_virgin_swarm_only() -> None:
    bench = Bench(sentinel=False)
    bench.push("shop", one())
    bench.run(5)
    assert bench.kv.get(f"{DESIRED}.installation") is not None
    assert bench.services == [WEB]


def test_a_wiped_kv_never_acts() -> None:
    """Nor does the next process, nor one that starts with the wiped KV."""
    bench = running()
    for key in [key for key in bench.kv.entries if key != keys.LOCK]:
        bench.kv.delete(key)
    bench.run(3600)
    bench.take_over()
    bench.push("wiki", one())
    bench.run(3600)
    assert bench.services == [WEB]
    assert bench.swarm.calls == []
    assert bench.kv.get(f"{DESIRED}.installation") is None
    assert "init --recover" in " ".join(bench.controller.situation.incomplete)


def test_no_sentinel_is_made_while_the_swarm_is_in_doubt() -> None:
    bench = Bench(sentinel=False)
    bench.swarm.cut_off()
    bench.run(60)
    assert bench.kv.get(f"{DESIRED}.installation") is None
    bench.swarm.rejoin()
    bench.run(60)
    assert bench.kv.get(f"{DESIRED}.installation") is not None


def test_a_kv_that_cannot_be_read_holds_everything() -> None:
    bench = running()
    bench.push("shop", one("two"))
    bench.kv_error = "Consul does not answer"
    bench.run(60)
    assert bench.swarm.calls == []
    bench.kv_error = None
    bench.run(5)
    assert bench.swarm.calls == [("update", WEB)]


def test_a_swarm_that_cannot_be_read_is_said_and_survived() -> None:
    bench = running()
    bench.push("shop", one("two"))
    bench.swarm.wire.always(Refused())
    with structlog.testing.capture_logs() as logs:
        bench.step(120)
    error = bench.controller.situation.swarm_error
    assert error
    assert error in str(logs)
    assert "the simulated swarm" in error
    bench.swarm.wire.always()
    bench.run(310)
    assert bench.swarm.calls == [("update", WEB)]
