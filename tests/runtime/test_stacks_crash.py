"""Another process takes over after a crash at any write: the end is the same."""

import functools

import pytest

from desired_state.records import Request
from tests.laws.loop import shown
from tests.laws.worlds import Document
from tests.runtime.bench import DESIRED, WEB, one, running


def _before() -> Document:
    return {
        "services": {
            "api": {"image": "a:1", "networks": ["back"], "secrets": ["pw"], "ports": ["80:80"]},
            "web": {"image": "w:1", "configs": ["page"]},
            "old": {"image": "o:1"},
        },
        "networks": {"back": {}},
        "configs": {"page": {"content": "one"}},
        "secrets": {"pw": {"content": "one"}},
    }


def _after() -> Document:
    return {
        "services": {
            "api": {"image": "a:2", "networks": ["front"], "secrets": ["pw"], "ports": ["81:80"]},
            "web": {"image": "w:1", "configs": ["page"], "ports": ["80:80"]},
            "new": {"image": "n:1"},
        },
        "networks": {"front": {}},
        "configs": {"page": {"content": "two"}},
        "secrets": {"pw": {"content": "two"}},
    }


@functools.cache
def _undisturbed() -> dict[str, object]:
    """What is shown in the end where nobody dies."""
    bench = running(_before())
    bench.push("shop", _after())
    bench.run(60)
    return shown(bench.swarm)


class _Killed(BaseException):
    """The process is gone, whatever would catch an error."""


@pytest.mark.parametrize("late", [False, True], ids=["before the write", "after the write"])
@pytest.mark.parametrize("number", range(24))
def test_crash_at_any_write_end_the_same(number: int, late: bool) -> None:
    """Killed at the n-th write to the swarm or the KV, before or right after it was done."""
    bench = running(_before())
    left = [number]

    def count(*_call: str) -> None:
        left[0] -= 1
        if left[0] == -1:
            raise _Killed

    bench.push("shop", _after())
    if late:
        bench.swarm.after = count
    else:
        bench.swarm.before = count
        bench.kv.before_commit = count
    try:
        bench.run(60)
    except _Killed:
        bench.take_over()
    left[0] = -1  # one death is enough
    bench.run(60)
    assert shown(bench.swarm) == _undisturbed()
    assert bench.status("shop").state == "Ready"
    calls = [call for call in bench.swarm.calls if call[0] != "remove"]
    assert len(calls) == len(set(calls)), "nothing is written twice"


def test_an_approved_removal_that_was_interrupted_is_finished() -> None:
    """The first of three approved removals was done when the process was killed."""
    names = ("web", "api", "db", "old")
    bench = running({"services": {name: {"image": "one"} for name in names}})
    bench.push("shop", one())
    bench.run(5)
    status = bench.status("shop")
    request = Request(who="ann", digest=status.plan, names=status.waiting)
    bench.kv.put(f"{DESIRED}requests/approve/shop", request.encode())

    def kill(_verb: str, _name: str) -> None:
        raise _Killed

    bench.swarm.after = kill
    with pytest.raises(_Killed):
        bench.run(5)
    bench.swarm.after = lambda _verb, _name: None
    bench.take_over()
    bench.run(30)
    assert bench.services == [WEB]
