"""What holds for all tests."""

import os

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
