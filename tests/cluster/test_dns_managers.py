"""Names and the swarm's managers: what one of them says while the others are away is no evidence.

The operator works through node2; node1 leads the swarm at first.
"""

import time
from collections.abc import Iterator

import pytest

from tests import needs
from tests.cluster import dns_lab
from tests.cluster.dns_lab import DnsLab, public_address
from tests.cluster.harness import Lab, always, eventually
from tests.cluster.harness.node import Node
from tests.cluster.scenarios import dns_stage
from tests.cluster.scenarios.dns_stage import DnsStage, addresses, with_bound
from tests.cluster.scenarios.dns_watch import watched

NAME = "git"
SSH = "code_ssh"
WORKERS = ["node.role == worker"]
HEARTBEAT_S = 2


@pytest.fixture(scope="module")
def lab(engine: str) -> Iterator[Lab]:
    needs.skip_for(*dns_lab.missing())
    with Lab.start(5, 3, engine, heartbeat_s=HEARTBEAT_S) as made:
        dns_stage.prepare(made)
        yield made


@pytest.fixture(scope="module")
def dns(lab: Lab) -> Iterator[DnsLab]:
    with dns_lab.dns_lab(lab) as made:
        yield made


@pytest.fixture(scope="module")
def stage(lab: Lab, dns: DnsLab) -> Iterator[DnsStage]:
    with DnsStage.of(lab, dns, through=lab.node(2)) as made:
        made.deploy("code", with_bound(name=NAME, on=WORKERS, dns={"stable_for": "0s"}))
        made.wait_for_name(NAME)
        yield made


@pytest.fixture(autouse=True)
def complete(lab: Lab) -> Iterator[None]:
    """All nodes are there again afterwards, and the service: else one failure makes more."""
    yield
    for node in lab.nodes:
        node.heal()
        if not node.is_on:
            node.power_on()
    lab.wait_until_ready(60)
    lab.wait_until_running(SSH, 1, within=60)


def leader(lab: Lab) -> Node:
    """The manager that leads the swarm."""

    def found() -> Node | None:
        for one in lab.node_objects():
            if (one.get("ManagerStatus") or {}).get("Leader"):
                return next(n for n in lab.nodes if n.hostname == one["Description"]["Hostname"])
        return None

    return eventually(found, 30, "somebody leads")


def states(stage: DnsStage) -> set[str]:
    """Of all nodes, as the operator's own manager sees them."""
    found = stage.lab.node(2).docker.nodes()
    return {one["Status"]["State"] for one in found}


def test_a_leader_that_dies_makes_all_nodes_unknown_and_changes_nothing(stage: DnsStage) -> None:
    home = stage.node_of(SSH)
    lost = leader(stage.lab)
    if lost.number == 2:
        pytest.skip("the operator's own manager leads")
    since = time.monotonic()
    seen_states: set[str] = set()
    with watched(stage.dns, NAME) as seen:
        lost.power_off()

        def new_leader() -> bool:
            seen_states.update(states(stage))
            return "unknown" in seen_states

        eventually(new_leader, 30, "all nodes are unknown", 0.1)
        always(lambda: not stage.dns.writes(since), 8)
    assert seen.values == [addresses(home)]
    assert stage.node_of(SSH).number == home.number


def test_without_a_majority_nothing_is_written_and_the_operator_lives(stage: DnsStage) -> None:
    """Reads hang: the loop goes on all the same, and goes on where it was when they return."""
    home = stage.node_of(SSH)
    others = [stage.lab.node(1), stage.lab.node(3)]
    since = time.monotonic()
    with watched(stage.dns, NAME) as seen:
        for node in others:
            node.cut()
        home.power_off()
        stage.wait_for_name(NAME, "Waiting", reason="Untrusted", within=30)
        always(lambda: stage.operator.get("/livez").status == 200, 8)
        assert stage.dns.writes(since) == []
        for node in others:
            node.heal()
        new = stage.wait_until_elsewhere(SSH, home, within=90)
        stage.wait_until_served(public_address(new), name=NAME)
    assert seen.values == [addresses(home), addresses(new)]


def test_an_operator_at_a_manager_that_is_cut_off_gives_up_to_the_other(
    stage: DnsStage, lab: Lab, dns: DnsLab
) -> None:
    """Its manager's stale word stays plausible for 20 s; its session is what stops it."""
    home = stage.node_of(SSH)
    other = DnsStage(lab, dns, name="other", through=lab.node(3))
    try:
        other.operator.start(ready=True)
        with watched(dns, NAME) as seen:
            lab.node(2).cut()
            stage.consul.refuse()
            other.wait_until_leading(within=40)
            since = time.monotonic()
            home.power_off()
            new = other.wait_until_elsewhere(SSH, home)
            other.wait_until_served(public_address(new), name=NAME)
            always(lambda: len(dns.refreshes(since)) == 1, 5)
            assert [call.partition(" ")[0] for call in dns.writes(since)] == ["PUT", "POST"]
            lab.node(2).heal()
            stage.consul.accept()
            always(lambda: len(dns.refreshes(since)) == 1, 5)
        assert seen.values == [addresses(home), addresses(new)]
    finally:
        other.close()
        stage.wait_until_leading(within=40)


@pytest.mark.slow
def test_a_leader_that_dies_with_the_task(stage: DnsStage) -> None:
    """A dead leader stays unknown for some 40 s; only then is it down, and its task runs elsewhere."""
    lost = leader(stage.lab)
    if lost.number == 2:
        pytest.skip("the operator's own manager leads")
    there = with_bound(
        name=NAME, on=[f"node.hostname != node{n}" for n in (2,)], dns={"stable_for": "0s"}
    )
    pinned = with_bound(
        name=NAME, on=[f"node.hostname == {lost.hostname}"], dns={"stable_for": "0s"}
    )
    stage.deploy("code", pinned)
    stage.wait_until_served(public_address(lost), name=NAME)
    stage.deploy("code", there)
    if stage.node_of(SSH).number != lost.number:
        pytest.skip("the update moved it")
    with watched(stage.dns, NAME) as seen:
        lost.power_off()
        new = stage.wait_until_elsewhere(SSH, lost, within=120)
        stage.wait_until_served(public_address(new), name=NAME)
    assert seen.values == [addresses(lost), addresses(new)]
    begun = stage.begun(SSH)
    assert seen.at(public_address(new)) - begun < 1.2
