"""What the tests of names look with: it needs no engine."""

from typing import cast

from tests.cluster.dns_lab import DnsLab
from tests.cluster.harness import eventually
from tests.cluster.scenarios.dns_watch import watched

SERVED = ["51.75.10.4"]


class Names:
    """A name server that says one thing of every name."""

    def __init__(self) -> None:
        self.values: list[str] = []

    def serves(self, _name: str) -> list[str]:
        return self.values


def test_what_a_name_says_when_the_block_ends_is_seen() -> None:
    """However late it came: a test leaves the block as soon as it has seen what it waits for."""
    for _ in range(5):
        names = Names()
        with watched(cast("DnsLab", names), "git") as seen:
            eventually(lambda: seen.looks, every=0.001)
            names.values = SERVED
        assert seen.values == [[], SERVED]


def test_what_a_name_says_now_is_seen_within_the_block() -> None:
    names = Names()
    with watched(cast("DnsLab", names), "git") as seen:
        names.values = SERVED
        seen.catch_up()
        assert seen.values[-1] == SERVED
