"""A name points at the node that runs the service: through faults and updates, on a real name server.

Beside it stands what well-known scripts do: the node of the first task that is wished to run.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests import needs
from tests.cluster import dns_lab
from tests.cluster.dns_lab import DnsLab, public_address, relabel
from tests.cluster.harness import Lab, always, eventually
from tests.cluster.harness.node import Node
from tests.cluster.scenarios import dns_stage
from tests.cluster.scenarios.dns_stage import DnsStage, addresses, with_bound
from tests.cluster.scenarios.dns_watch import CRASHED, Seen, watched

SOON_S = 1.0
"""From the new task's first moment to the order to publish, and to the name server's answer."""
QUIET_S = 3.0


@pytest.fixture(scope="module")
def lab(engine: str) -> Iterator[Lab]:
    needs.skip_for(*dns_lab.missing())
    with Lab.start(4, 1, engine, heartbeat_s=1) as made:
        dns_stage.prepare(made)
        yield made


@pytest.fixture(scope="module")
def dns(lab: Lab) -> Iterator[DnsLab]:
    with dns_lab.dns_lab(lab) as made:
        yield made


@pytest.fixture(scope="module")
def stage(lab: Lab, dns: DnsLab) -> Iterator[DnsStage]:
    with DnsStage.of(lab, dns) as made:
        yield made


@pytest.fixture
def at_peace(lab: Lab) -> Iterator[None]:
    """All nodes are as they were before."""
    yield
    for node in lab.nodes:
        node.heal()
        if not node.is_on:
            node.power_on()
        lab.docker_cli(1, "node", "update", "--availability", "active", node.hostname)
    lab.wait_until_ready()
    dns_lab.label_nodes(lab)


def followed(stage: DnsStage, stack: str, **fields: Any) -> Node:
    """Deploy a service whose name is the stack's, and wait until it points there; where."""
    stage.deploy(stack, with_bound(name=stack, **fields))
    stage.wait_for_name(stack)
    home = stage.node_of(f"{stack}_ssh")
    stage.wait_until_served(public_address(home), name=stack)
    return home


def _deploy(node: int, update: dict[str, str] | None = None) -> dict[str, Any]:
    """Only on this node."""
    placement = {"constraints": [f"node.hostname == node{node}"]}
    return {"placement": placement, **({"update_config": update} if update else {})}


def arrived(stage: DnsStage, stack: str, home: Node, seen: Seen, since: float) -> Node:
    """The task runs elsewhere and the name followed it: at once, by one change and nothing between."""
    new = stage.wait_until_elsewhere(f"{stack}_ssh", home)
    stage.wait_until_served(public_address(new), name=stack)
    seen.catch_up()
    assert seen.values == [addresses(home), addresses(new)]
    writes = stage.dns.writes(since)
    assert [write.partition(" ")[0] for write in writes] == ["PUT", "POST"], writes
    (refreshed,) = stage.dns.refreshes(since)
    begun = stage.begun(f"{stack}_ssh")
    served = seen.at(public_address(new))
    print(f"running → refresh {refreshed - begun:.2f} s, → served {served - begun:.2f} s")
    assert 0 < refreshed - begun < SOON_S
    assert served - begun < SOON_S + 0.2
    return new


def stays(stage: DnsStage, seen: Seen, home: Node, *, for_s: float = QUIET_S) -> None:
    """Nothing is written, and nothing else is served."""
    since = time.monotonic()
    always(lambda: stage.dns.writes(since) == [], for_s)
    assert seen.looks
    assert seen.values == [addresses(home)]


@pytest.mark.usefixtures("at_peace")
def test_a_node_without_power_and_its_return(stage: DnsStage, stack: str) -> None:
    home = followed(stage, stack)
    since = time.monotonic()
    with watched(stage.dns, stack, f"{stack}_ssh") as seen:
        home.power_off()
        new = arrived(stage, stack, home, seen, since)
    assert stage.dns.dig(stack) == addresses(new)
    assert len(stage.dns.calls(since)) <= 4, stage.dns.calls(since)
    with watched(stage.dns, stack) as later:
        home.power_on()
        stage.lab.wait_until_ready()
        stays(stage, later, new)


@pytest.mark.usefixtures("at_peace")
def test_a_cable_is_pulled_and_healed(stage: DnsStage, stack: str) -> None:
    """The old container serves on and, back again, is still reported running for a while."""
    home = followed(stage, stack, image="lab/slow-end:1")
    since = time.monotonic()
    with watched(stage.dns, stack) as seen:
        home.cut()
        new = arrived(stage, stack, home, seen, since)
    with watched(stage.dns, stack) as later:
        home.heal()
        stage.lab.wait_until_ready()
        stays(stage, later, new, for_s=5)


@pytest.mark.usefixtures("at_peace")
def test_a_pause_changes_nothing_and_a_drain_does(stage: DnsStage, stack: str) -> None:
    home = followed(stage, stack)
    with watched(stage.dns, stack) as seen:
        stage.lab.docker_cli(1, "node", "update", "--availability", "pause", home.hostname)
        stays(stage, seen, home)
        since = time.monotonic()
        stage.lab.docker_cli(1, "node", "update", "--availability", "drain", home.hostname)
        arrived(stage, stack, home, seen, since)


@pytest.mark.parametrize("order", ["stop-first", "start-first"])
def test_an_update_moves_the_task(stage: DnsStage, stack: str, order: str) -> None:
    """Stop-first leaves three seconds without a task: the name stays where it was."""
    update = {"order": order, "monitor": "1s"}
    image = "lab/slow-end:1"
    home = followed(stage, stack, image=image, deploy=_deploy(2, update))
    since = time.monotonic()
    with watched(stage.dns, stack) as seen:
        stage.put(stack, with_bound(name=stack, image=image, deploy=_deploy(3, update)))
        arrived(stage, stack, home, seen, since)


def test_an_update_that_never_becomes_healthy_and_goes_back(stage: DnsStage, stack: str) -> None:
    """For as long as it hangs there are two tasks that are wished to run; one does."""
    update = {"order": "start-first", "monitor": "1s", "failure_action": "continue"}
    fussy: dict[str, Any] = {
        "image": "lab/fussy:1",
        "environment": {"NODE": "{{.Node.Hostname}}", "HEALTHY_ON": "node2"},
    }
    good = with_bound(name=stack, **fussy, deploy=_deploy(2, update))
    stage.deploy(stack, good)
    stage.wait_for_name(stack)
    home = stage.lab.node(2)
    with watched(stage.dns, stack, f"{stack}_ssh") as seen:
        stage.put(stack, with_bound(name=stack, **fussy, deploy=_deploy(3, update)))
        eventually(lambda: "node3" in seen.by_first_task, 30, "a broken task is wished to run")
        stays(stage, seen, home, for_s=4)
        stage.put(stack, good)
        stage.wait_until_ready(stack, within=60)
        stays(stage, seen, home)
    assert "node3" in seen.by_first_task, "the simple rule points at what is broken"


@pytest.mark.usefixtures("at_peace")
def test_a_task_that_is_unhealthy_until_it_comes_to_another_node(
    stage: DnsStage, stack: str
) -> None:
    fussy: dict[str, Any] = {
        "image": "lab/fussy:1",
        "environment": {"NODE": "{{.Node.Hostname}}", "HEALTHY_ON": "node4"},
    }
    service = f"{stack}_ssh"
    # So that it begins elsewhere.
    stage.lab.docker_cli(1, "node", "update", "--availability", "pause", "node4")
    with watched(stage.dns, stack, service) as seen:
        stage.put(stack, with_bound(name=stack, **fussy))
        eventually(lambda: {"node2", "node3"} & set(seen.by_first_task), 20, "it is wrong there")
        eventually(lambda: len(_ended(stage, service)) >= 2, 60, "it is stopped again and again")
        # Left to the scheduler this is chance: an end with exit code 0 counts as no failure of a node.
        for node, availability in (("node4", "active"), ("node2", "pause"), ("node3", "pause")):
            stage.lab.docker_cli(1, "node", "update", "--availability", availability, node)
        stage.wait_until_served(public_address(4), name=stack, within=60)
    assert seen.values == [[], addresses(4)]


@pytest.mark.slow
def test_tasks_that_never_become_healthy_are_never_followed(stage: DnsStage, stack: str) -> None:
    """Stopped, they are reported running for a moment: often enough for the operator to meet it."""
    service = f"{stack}_ssh"
    fussy: dict[str, Any] = {"image": "lab/fussy:1", "environment": {"HEALTHY_ON": "", "NODE": "-"}}
    wrong: dict[str, int] = {}

    def often() -> bool:
        for task in stage.lab.running_tasks(service):
            wrong[task["ID"]] = task["Status"]["ContainerStatus"]["PID"]
        return len(wrong) >= 6

    with watched(stage.dns, stack) as seen:
        many = with_bound(name=stack, **fussy, dns={"cardinality": "many"}, deploy={"replicas": 12})
        stage.put(stack, many)
        eventually(often, 240, "tasks are reported running in spite of it", 0.005)
    assert set(wrong.values()) == {0}
    assert seen.values == [[]]


def _ended(stage: DnsStage, service: str) -> list[str]:
    """Ids of the tasks that ran no longer."""
    ends = {"complete", "failed"}
    return [t["ID"] for t in stage.lab.tasks(service) if t["Status"]["State"] in ends]


def test_a_task_that_wanders_is_damped(stage: DnsStage, stack: str) -> None:
    """After three changes within ten minutes a task must have run for half a minute."""
    followed(stage, stack, deploy=_deploy(2))
    since = time.monotonic()
    for number in (3, 2, 3):
        stage.put(stack, with_bound(name=stack, deploy=_deploy(number)))
        stage.wait_until_served(public_address(number), name=stack)
    home = stage.lab.node(3)
    with watched(stage.dns, stack) as seen:
        stage.put(stack, with_bound(name=stack, deploy=_deploy(4)))
        stage.wait_until_elsewhere(f"{stack}_ssh", home)
        stage.wait_for_name(stack, "Waiting", reason="Damped")
        stays(stage, seen, home, for_s=5)
    assert len(stage.dns.refreshes(since)) == 3
    now = {"stable_for": "0s"}
    stage.put(stack, with_bound(name=stack, deploy=_deploy(4), dns=now))
    stage.wait_until_served(public_address(4), name=stack)


def test_where_nothing_runs_the_name_stays(stage: DnsStage, stack: str) -> None:
    """Scaled to none, unschedulable, an image that nobody has, and then gone for good."""
    home = followed(stage, stack)
    with watched(stage.dns, stack, f"{stack}_ssh") as seen:
        stage.put(stack, with_bound(name=stack, deploy={"replicas": 0}))
        stage.wait_for_name(stack, "Waiting", reason="NoEndpoint")
        stays(stage, seen, home)
        missing = stage.operator.metric("swarm_operator_dns_endpoint_missing_seconds")
        assert missing > 0
        stage.put(stack, with_bound(name=stack, on=["node.hostname == nowhere"]))
        eventually(lambda: len(stage.lab.tasks(f"{stack}_ssh")) > 0, 10, "it is wished again")
        stays(stage, seen, home)
        assert stage.name_status(stack)["reason"] == "NoEndpoint"
        stage.put(stack, with_bound(name=stack, image="lab/nowhere:1"))
        eventually(
            lambda: {"rejected"} & {t["Status"]["State"] for t in stage.lab.tasks(f"{stack}_ssh")},
            20,
            "the image is nowhere",
        )
        stays(stage, seen, home)
        stage.remove(stack)
        stage.lab.wait_until_gone(f"{stack}_ssh")
        stays(stage, seen, home)
    assert CRASHED in seen.by_first_task
    assert stage.dns.zone.has(stack) == [(public_address(home), 60)]


def test_several_replicas_are_several_addresses(stage: DnsStage, stack: str) -> None:
    """Each node is added at once and taken away late; no address is ever missing for a moment."""
    many = {"cardinality": "many", "remove_after": "3s", "policy": "sync"}
    all_of_them = addresses(2, 3, 4)
    stage.deploy(stack, with_bound(name=stack, dns=many, deploy={"replicas": 3}))
    stage.wait_until_served(*all_of_them, name=stack)
    with watched(stage.dns, stack) as seen:
        begun = time.monotonic()
        stage.put(stack, with_bound(name=stack, dns=many, deploy={"replicas": 2}))
        eventually(lambda: len(stage.lab.running_tasks(f"{stack}_ssh")) == 2, 20, "two are left")
        left = [public_address(int(host[-1])) for host in stage.lab.hosts_of(f"{stack}_ssh")]
        stage.wait_until_served(*left, name=stack)
    assert seen.values == [all_of_them, left]
    assert seen.at(*left) - begun >= 3


def test_a_global_service_is_where_it_runs(stage: DnsStage, stack: str) -> None:
    many = {"cardinality": "many", "remove_after": "2s", "policy": "sync"}
    deploy: dict[str, Any] = {"mode": "global", "replicas": None}
    stage.deploy(stack, with_bound(name=stack, dns=many, deploy=deploy))
    stage.wait_until_served(*addresses(2, 3, 4), name=stack)
    stage.lab.docker_cli(1, "node", "update", "--availability", "drain", "node3")
    try:
        stage.wait_until_served(*addresses(2, 4), name=stack)
    finally:
        stage.lab.docker_cli(1, "node", "update", "--availability", "active", "node3")
    stage.wait_until_served(*addresses(2, 3, 4), name=stack)


@pytest.mark.usefixtures("at_peace")
def test_a_nodes_other_address_is_followed_and_an_absurd_one_is_not(
    stage: DnsStage, stack: str
) -> None:
    home = followed(stage, stack)
    since = time.monotonic()
    relabel(stage.lab, home, "51.75.10.99")
    stage.wait_until_served("51.75.10.99", name=stack)
    assert len(stage.dns.calls(since)) <= 4
    since = time.monotonic()
    for absurd in ("0.0.0.0", "127.0.0.1", "10.1.2.3", None):
        relabel(stage.lab, home, absurd)
        says = f"is {absurd}: " if absurd else f"Swarm reports is {home.address}: "
        stage.wait_for_name(stack, "Waiting", reason="NoAddress", says=says)
    assert stage.dns.writes(since) == []
    stage.put(stack, with_bound(name=stack, dns={"allow_private": True}))
    stage.wait_until_served(home.address, name=stack)
    assert stage.dns.serves(stack) == [home.address], "what Swarm reports goes last"


def test_a_node_that_was_removed_from_the_swarm(stage: DnsStage, stack: str) -> None:
    """Its task is orphaned. Runs last: the node does not come back."""
    home = followed(stage, stack)
    since = time.monotonic()
    with watched(stage.dns, stack) as seen:
        home.power_off()
        new = arrived(stage, stack, home, seen, since)
    with watched(stage.dns, stack) as later:
        stage.lab.docker_cli(1, "node", "rm", "--force", home.hostname)
        eventually(
            lambda: "orphaned" in {t["Status"]["State"] for t in stage.lab.tasks(f"{stack}_ssh")},
            20,
            "its task is an orphan",
        )
        stays(stage, later, new)
