"""Moves of one task between two nodes, and when the name followed each."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.bench.dns.looping_script import LoopingScript
from tests.cluster.dns_lab import DnsLab, public_address
from tests.cluster.harness import eventually
from tests.cluster.scenarios.dns_stage import DnsStage, with_bound
from tests.cluster.scenarios.dns_watch import watched

NAME: Final = "git"
STACK: Final = "code"
SERVICE: Final = f"{STACK}_ssh"
PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Move:
    """Seconds from the task's first moment on its new node; calls of the API for it."""

    refreshed_s: float
    served_s: float
    calls: int
    others: int = 0
    """Answers of the name server that were neither the old nor the new address."""


def prepare(stage: DnsStage) -> None:
    """The service runs on the second node, and its name is there."""
    put(stage, 2)
    stage.wait_until_ready(STACK)
    stage.wait_for_name(NAME)
    stage.wait_until_served(public_address(2), name=NAME)


def put(stage: DnsStage, number: int) -> None:
    """The document that lets it run on one node."""
    placement = {"constraints": [f"node.hostname == node{number}"]}
    # It moves more often than a service may whose name is damped.
    dns = {"stable_for": "0s"}
    stage.put(STACK, with_bound(name=NAME, dns=dns, deploy={"placement": placement}))


def to(stage: DnsStage, number: int) -> Move:
    """Moves it there."""
    dns = stage.dns
    before = dns.serves(NAME)
    new = public_address(number)
    since = time.monotonic()
    with watched(dns, NAME) as seen:
        put(stage, number)
        stage.wait_until_served(new, name=NAME, within=60)
        stage.wait_for_name(NAME)
        stage.wait_until_ready(STACK)
        time.sleep(PAUSE_S)
    begun = stage.begun(SERVICE)
    (refreshed,) = dns.refreshes(since)
    known = ([new], before)
    return Move(
        refreshed - begun,
        seen.at(new) - begun,
        len(dns.calls(since)),
        sum(values not in known for values in seen.values),
    )


def many(stage: DnsStage, count: int, say: Callable[[str], None]) -> list[Move]:
    """To and fro."""
    found = []
    for index in range(count):
        found.append(to(stage, 3 - index % 2))
        say(f"move {index + 1}: {found[-1]}")
    return found


def beside_the_script(
    stage: DnsStage, dns: DnsLab, count: int, say: Callable[[str], None]
) -> tuple[list[float], list[float]]:
    """The same event for both: seconds until the operator's name and the script's were served.

    A move comes at another moment of the script's minute each time.
    """
    ours, theirs = [], []
    with LoopingScript.running(dns, stage.lab, SERVICE) as script:
        eventually(lambda: script.serves() == dns.serves(NAME), 70, "the script's name is there")
        for index in range(count):
            time.sleep((index * 17) % 45)
            number = 3 if dns.serves(NAME) == [public_address(2)] else 2
            move = to(stage, number)
            begun = stage.begun(SERVICE)
            _until_the_script_says(script, public_address(number))
            ours.append(move.served_s)
            theirs.append(time.monotonic() - begun)
            say(f"beside the script: operator {ours[-1]:.2f} s, script {theirs[-1]:.1f} s")
    return ours, theirs


def _until_the_script_says(script: LoopingScript, address: str) -> None:
    eventually(lambda: script.serves() == [address], 90, "the script follows")
