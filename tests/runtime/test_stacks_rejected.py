"""A spec that was rolled back is a rejection, known over a take-over."""

import pytest

from desired_state.records import Request
from swarm_operator.observed.errors import Unavailable
from tests.laws.worlds import Document
from tests.runtime.bench import DESIRED, WEB, Bench, one, running
from tests.simulated_swarm import FAILS


def test_a_spec_is_noted_before_it_is_sent() -> None:
    bench = running()
    noted: list[str] = []

    def before(verb: str, _name: str) -> None:
        if verb == "update":
            noted.append(bench.memory("shop").services[WEB].sent)

    old = bench.memory("shop").services[WEB].sent
    bench.swarm.before = before
    bench.push("shop", one("two"))
    bench.run(5)
    assert len(noted) == 1
    assert noted[0] != old


def test_a_crash_between_note_and_send_sends_it_again() -> None:
    bench = running()

    def crash(verb: str, _name: str) -> None:
        if verb == "update":
            raise KeyboardInterrupt

    bench.swarm.before = crash
    bench.push("shop", one("two"))
    with pytest.raises(KeyboardInterrupt):
        bench.step()
    bench.swarm.before = lambda _verb, _name: None
    bench.take_over()
    bench.run(20)
    assert bench.swarm.calls == [("update", WEB)]
    assert bench.status("shop").state == "Ready"


def _guarded(image: str) -> Document:
    """Swarm goes back by itself where the image's tasks fail."""
    return one(image, deploy={"update_config": {"failure_action": "rollback"}})


def _roll_back(bench: Bench) -> None:
    """What was sent fails; the engine is let go on until all that follows has followed."""
    bench.swarm.settle()
    service = bench.swarm.snapshot.services_by_name[WEB]
    assert service.update_state == "rollback_completed"
    assert service.labels["com.docker.stack.image"] == "one"


def _rejected() -> Bench:
    """A bench where "two" was sent, and rolled back while nobody looked."""
    bench = running(_guarded("one"))
    bench.swarm.engine.images.scripted["two"] = FAILS
    bench.push("shop", _guarded("two"))
    bench.step()
    _roll_back(bench)
    return bench


def test_a_rejection_is_known_after_a_take_over() -> None:
    """Rolled back while nobody looked: the next holder does not send it again."""
    bench = _rejected()
    bench.take_over()
    bench.run(60)
    bench.take_over()
    bench.run(900)
    assert bench.swarm.calls == [("update", WEB)]
    assert (bench.status("shop").state, bench.status("shop").reason) == ("Degraded", "RolledBack")


def test_retry_sends_a_rejected_spec_once_and_is_taken_away_once() -> None:
    bench = _rejected()
    bench.run(10)
    key = f"{DESIRED}requests/retry/shop"
    bench.kv.put(key, Request(who="ann").encode())
    bench.step()
    assert bench.kv.get(key) is None
    assert bench.swarm.calls == [("update", WEB), ("update", WEB)]
    _roll_back(bench)
    for _ in range(5):  # the KV's next answer is a while away
        bench.step(1, swarm_changed=True, blind=True)
    assert bench.swarm.calls == [("update", WEB), ("update", WEB)]


def test_a_note_that_could_not_be_written_is_no_tug_of_war() -> None:
    """Nothing was sent, so nothing was put back."""
    pair = {"services": {"api": {"image": "one"}, "web": {"image": "one"}}}
    bench = running(pair)
    bench.swarm.scale(WEB, 3)
    bench.push("shop", {"services": {"api": {"image": "two"}, "web": {"image": "one"}}})
    failing = [True]

    def away() -> None:
        if failing:
            failing.pop()
            raise Unavailable("Consul is away")

    bench.kv.before_commit = away
    bench.step(1, swarm_changed=True)
    assert bench.swarm.calls == []
    bench.run(10)
    assert sorted(bench.swarm.calls) == [("update", "shop_api"), ("update", WEB)]
