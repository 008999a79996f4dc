"""What holds for all tests."""

import os
import threading
from collections.abc import Iterator

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In CI a test on the real swarm gets one more try, and is shown as rerun.

    Engines have bad moments of their own (a subnet that is not given up yet: "Pool overlaps"). A
    test that fails twice has failed; at home once is enough.
    """
    if os.environ.get("CI") != "true":
        return
    for item in items:
        if item.get_closest_marker("cluster"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(autouse=True)
def _every_watch_ends() -> Iterator[None]:
    """A watch that a test forgot would go on for ever, and wake in the middle of others."""
    before = set(threading.enumerate())
    yield
    forgotten = [t.name for t in threading.enumerate() if t not in before and _is_watch(t.name)]
    assert not forgotten, f"the test leaves {forgotten} behind"


def _is_watch(thread: str) -> bool:
    return thread.startswith(("watch ", "docker "))
