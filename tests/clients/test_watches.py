"""The watches' rules, on sources that play what Consul and the engine do."""

import queue
import threading
import time
from collections.abc import Callable, Iterator

from swarm_operator.observed.errors import OutsideError, Unavailable
from swarm_operator.observed.events import SwarmEvent
from swarm_operator.observed.kv import KvEntry, KvTree
from swarm_operator.watch.docker_events import DockerEvents
from swarm_operator.watch.kv import KvWatch
from swarm_operator.watch.pace import Backoff, RateLimit


def tree(index: int, **values: int) -> KvTree:
    return KvTree(index, {key: KvEntry(b"", modify) for key, modify in values.items()})


class PlayedKv:
    """Answers with what it is given, then waits to be interrupted."""

    def __init__(self, *answers: KvTree | OutsideError) -> None:
        self._answers = list(answers)
        self.asked: list[int] = []
        self.exhausted = threading.Event()
        self._interrupted = threading.Event()

    def watch(self, prefix: str, index: int, wait_s: float) -> KvTree:
        assert prefix == "desired/"
        assert 0 < wait_s <= 55
        self.asked.append(index)
        if not self._answers:
            self.exhausted.set()
            self._interrupted.wait(30)
            raise Unavailable("interrupted")
        answer = self._answers.pop(0)
        if isinstance(answer, OutsideError):
            raise answer
        return answer

    def interrupt(self) -> None:
        self._interrupted.set()


def played(*answers: KvTree | OutsideError) -> tuple[list[int], list[KvTree], list[str]]:
    """Indexes asked for, trees delivered, errors told."""
    source = PlayedKv(*answers)
    trees: list[KvTree] = []
    errors: list[OutsideError] = []
    watch = KvWatch(source, "desired/", trees.append, errors.append, reads_per_s=1e6, rng=lambda: 0)
    watch.start()
    assert source.exhausted.wait(10)
    assert watch.is_alive
    assert watch.stop()
    return source.asked, trees, [str(error) for error in errors]


def test_a_watch_goes_on_from_the_index_of_the_answer() -> None:
    asked, trees, errors = played(tree(5, a=5), tree(6, a=6))
    assert asked == [0, 5, 6]
    assert [each.index for each in trees] == [5, 6]
    assert errors == []


def test_a_wake_up_without_a_change_is_not_passed_on() -> None:
    asked, trees, _ = played(tree(5, a=5), tree(9, a=5), tree(12, a=5), tree(13))
    assert asked == [0, 5, 9, 12, 13]
    assert [each.index for each in trees] == [5, 13]


def test_after_an_error_comes_a_plain_read_that_is_passed_on() -> None:
    asked, trees, errors = played(tree(5, a=5), Unavailable("away"), tree(5, a=5), tree(5, a=5))
    assert asked == [0, 5, 0, 5, 5]
    assert [each.index for each in trees] == [5, 5]
    assert errors == ["away"]


def test_an_index_that_goes_backwards_is_forgotten() -> None:
    asked, trees, _ = played(tree(89, a=80), tree(3), tree(3))
    assert asked == [0, 89, 0, 3]
    assert [each.index for each in trees] == [89, 3]


def test_an_index_below_one_is_one() -> None:
    asked, _, _ = played(tree(0))
    assert asked == [0, 1]


def test_progress_is_an_answer_and_not_an_error() -> None:
    now = iter(range(1, 1000))
    source = PlayedKv(Unavailable("away"), tree(5))
    watch = KvWatch(
        source,
        "desired/",
        lambda _: None,
        lambda _: None,
        clock=lambda: float(next(now)),
        rng=lambda: 0,
        reads_per_s=1e6,
    )
    before = watch.last_progress
    watch.start()
    assert source.exhausted.wait(10)
    assert watch.last_progress > before
    watch.stop()


def test_a_prefix_that_wakes_on_everything_does_not_spin() -> None:
    class Restless:
        def __init__(self) -> None:
            self.reads = 0

        def watch(self, prefix: str, index: int, wait_s: float) -> KvTree:  # noqa: ARG002
            self.reads += 1
            return tree(index + 1)

        def interrupt(self) -> None:
            pass

    source = Restless()
    trees: list[KvTree] = []
    watch = KvWatch(source, "desired/", trees.append, lambda _: None, reads_per_s=20)
    watch.start()
    time.sleep(0.5)  # the time over which the rate is measured
    assert watch.stop()
    assert 3 <= source.reads <= 14
    assert len(trees) == 1


def test_a_rate_limit_allows_a_burst_and_then_a_rate() -> None:
    now = 0.0
    limit = RateLimit(lambda: now, burst=2, per_s=10)
    assert [limit.take_delay_s() for _ in range(3)] == [0, 0, 0.1]
    now = 10.0
    assert [limit.take_delay_s() for _ in range(2)] == [0, 0]


def test_back_off_doubles_up_to_its_cap_and_is_jittered_in_full() -> None:
    always_most = Backoff(lambda: 1.0, base_s=0.2, cap_s=10)
    assert [always_most.next_delay_s() for _ in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10]
    for _ in range(2000):
        assert always_most.next_delay_s() == 10
    always_most.reset()
    assert always_most.next_delay_s() == 0.2
    assert Backoff(lambda: 0.0, base_s=0.2).next_delay_s() > 0


def event(time_ns: int) -> SwarmEvent:
    return SwarmEvent("service", "update", "s", "web", time_ns)


class PlayedEngine:
    """Streams that are given, then one that waits; pings that may fail."""

    def __init__(self, *streams: list[SwarmEvent] | OutsideError) -> None:
        self._streams = list(streams)
        self.since: list[int | None] = []
        self.pings: queue.SimpleQueue[OutsideError | None] = queue.SimpleQueue()
        self.quiet = threading.Event()
        self._interrupted = threading.Event()

    def open(self, since_ns: int | None) -> Iterator[SwarmEvent]:
        self.since.append(since_ns)
        self._interrupted.clear()
        if not self._streams:
            return self._waiting()
        stream = self._streams.pop(0)
        if isinstance(stream, OutsideError):
            raise stream
        return self._ending(stream)

    def _ending(self, events: list[SwarmEvent]) -> Iterator[SwarmEvent]:
        yield from events
        raise Unavailable("the stream ended")

    def _waiting(self) -> Iterator[SwarmEvent]:
        self.quiet.set()
        self._interrupted.wait(30)
        yield from ()
        raise Unavailable("interrupted")

    def ping(self) -> None:
        if not self.pings.empty() and (error := self.pings.get()):
            raise error

    def interrupt(self) -> None:
        self._interrupted.set()


def eventually(check: Callable[[], object], within: float = 10) -> None:
    deadline = time.monotonic() + within
    while not check():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)


def test_a_stream_that_ends_is_opened_again_since_its_last_event() -> None:
    engine = PlayedEngine([event(5), event(9), event(7)], Unavailable("down"))
    events: list[SwarmEvent] = []
    gaps: list[str] = []
    errors: list[OutsideError] = []
    watch = DockerEvents(engine, events.append, gaps.append, errors.append, rng=lambda: 0)
    watch.start()
    assert engine.quiet.wait(10)
    assert engine.since == [None, 9, 9]
    assert [each.time_ns for each in events] == [5, 9, 7]
    assert [str(error) for error in errors] == ["the stream ended", "down"]
    # A full pass is wanted for each stream that was opened, never for one that was not.
    eventually(lambda: len(gaps) == 2)
    assert "first" in gaps[0]
    assert "down" in gaps[1]
    assert watch.stop()
    assert not watch.is_alive


def test_a_frozen_engine_is_noticed_beside_its_stream() -> None:
    engine = PlayedEngine()
    gaps: list[str] = []
    errors: list[OutsideError] = []
    engine.pings.put(Unavailable("no answer"))
    watch = DockerEvents(
        engine, lambda _: None, gaps.append, errors.append, ping_interval_s=0.05, rng=lambda: 0
    )
    watch.start()
    eventually(lambda: len(gaps) == 2)
    assert [str(error) for error in errors] == ["no answer", "interrupted"]
    before = watch.last_progress
    eventually(lambda: watch.last_progress > before)
    started = time.monotonic()
    assert watch.stop()
    assert time.monotonic() - started < 1
