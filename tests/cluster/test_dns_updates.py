"""Names in a zone whose own server takes updates (RFC 2136, TSIG): nothing stands between the two.

A change is made by a node that says another address: no task has to move for it.
"""

import itertools
import time
from collections.abc import Iterator

import pytest

from tests import needs
from tests.cluster import dns_lab
from tests.cluster.dns_lab import ZONE, DnsLab, public_address, relabel
from tests.cluster.harness import Lab, always, eventually
from tests.cluster.scenarios import dns_stage
from tests.cluster.scenarios.dns_stage import DnsStage, with_bound

NAME = "git"
FOREIGN = "198.41.0.4"
_hosts = itertools.count(100)


@pytest.fixture(scope="module")
def lab(engine: str) -> Iterator[Lab]:
    needs.skip_for(*dns_lab.missing())
    with Lab.start(2, 1, engine, heartbeat_s=1) as made:
        dns_stage.prepare(made)
        yield made


@pytest.fixture(scope="module")
def dns(lab: Lab) -> Iterator[DnsLab]:
    with dns_lab.dns_lab(lab) as made:
        yield made


@pytest.fixture(scope="module")
def stage(lab: Lab, dns: DnsLab) -> Iterator[DnsStage]:
    environment = {"SWARM_OPERATOR_CONFIG": str(dns.settings_file())}
    with DnsStage.of(lab, dns, environment=environment, account=False) as made:
        made.deploy("code", document())
        made.wait_for_name(NAME)
        yield made


def document(**dns: object) -> str:
    return with_bound(name=NAME, dns={"stable_for": "0s", **dns})


def change(stage: DnsStage) -> str:
    """The node says an address that it never said before; which."""
    address = f"51.75.10.{next(_hosts)}"
    relabel(stage.lab, stage.lab.node(2), address)
    return address


def test_it_is_made_and_follows_at_once(stage: DnsStage, dns: DnsLab) -> None:
    assert dns.dig(NAME) == [public_address(2)]
    begun = time.monotonic()
    stage.wait_until_served(change(stage), name=NAME)
    print(f"a node says another address → served: {time.monotonic() - begun:.2f} s")
    assert dns.calls() == [], "OVH was not asked"


def test_a_foreign_value_is_no_longer_ours(stage: DnsStage, dns: DnsLab) -> None:
    """Somebody else took the name: the operator's next change finds it otherwise, and leaves it."""
    dns.named.change(ZONE, (NAME, "A", 60, [FOREIGN]))
    address = change(stage)
    stage.wait_for_name(NAME, "Conflict", reason="ForeignRecord")
    assert dns.serves(NAME) == [FOREIGN]
    assert stage.operator.metric("swarm_operator_dns_conflicts_total", kind="foreign") == 1
    stage.put("code", document(adopt=True))
    stage.wait_until_served(address, name=NAME)
    stage.put("code", document())
    stage.wait_for_name(NAME)


def test_a_foreign_value_beside_ours_stays(stage: DnsStage, dns: DnsLab) -> None:
    dns.named.change(ZONE, (NAME, "A", 60, [*dns.serves(NAME), FOREIGN]))
    stage.wait_until_served(change(stage), FOREIGN, name=NAME)
    found = stage.wait_for_name(NAME)
    assert found["records"]["A"]["foreign"] == [FOREIGN], found
    dns.named.change(ZONE, (NAME, "A", 60, [v for v in dns.serves(NAME) if v != FOREIGN]))


def test_a_cname_that_somebody_made_is_a_conflict(stage: DnsStage, dns: DnsLab) -> None:
    dns.named.change(ZONE, ("alias", "CNAME", 60, [f"other.{ZONE}."]))
    stage.put("alias", with_bound(name="alias"))
    stage.wait_for_name("alias", "Conflict", reason="CnameConflict")
    assert dns.serves("alias", "CNAME") == [f"other.{ZONE}."]
    stage.remove("alias")


def test_a_paused_stack_keeps_its_names_through_a_restart_and_they_follow(
    stage: DnsStage, dns: DnsLab
) -> None:
    """With the right to delete. What its edited document says holds after `resume`."""
    stage.deploy("held", with_bound(name="held", dns={"stable_for": "0s", "policy": "sync"}))
    stage.wait_for_name("held")
    stage.operator.cli("pause", "held", "--reason", "inventory")
    stage.put("held", with_bound(name="new", dns={"policy": "sync"}, hostname="new"))
    stage.wait_for("held", "Paused")
    plan = stage.operator.cli("plan", "held", check=False).stdout
    assert f"keep name held.{ZONE}: " in plan, plan
    assert "but held: the stack is paused by " in plan, plan
    stage.operator.restart(ready=True)
    stage.wait_until_leading()
    stage.wait_until_served(change(stage), name="held")
    always(lambda: len(dns.serves("held")) == 1 and not dns.serves("new"), 3)
    assert not stage.name_status("new")
    stage.operator.cli("resume", "held")
    stage.wait_for_name("new")
    assert dns.serves("held") == []
    stage.remove("held")


def test_a_server_that_is_away_is_waited_for(stage: DnsStage, dns: DnsLab) -> None:
    dns.named.stop()
    try:
        address = change(stage)
        stage.wait_for_name(NAME, "Waiting", reason="Unavailable")
    finally:
        dns.named.start()
    stage.wait_until_served(address, name=NAME, within=70)
    stage.wait_for_name(NAME)


def test_a_wrong_key_is_told_and_a_new_one_taken_without_a_restart(
    stage: DnsStage, dns: DnsLab
) -> None:
    dns.write_key("bm90IHRoZSBrZXkgdGhhdCBpdCBrbm93cw==")
    address = change(stage)
    found = stage.wait_for_name(NAME, "Failed", reason="AuthFailed")
    assert "bm90IHRoZSBr" not in str(found)
    always(lambda: dns.serves(NAME) != [address], 1)
    dns.write_key(dns.named.secret)
    stage.wait_until_served(address, name=NAME, within=15)


def test_no_secret_was_ever_shown(stage: DnsStage, dns: DnsLab) -> None:
    log = stage.operator.log.read_text()
    shown = log + stage.operator.get("/metrics").body + str(stage.name_status(NAME))
    assert dns.named.secret not in shown


@pytest.mark.slow
@pytest.mark.usefixtures("stage")
def test_a_record_that_somebody_deleted_is_made_again(dns: DnsLab) -> None:
    """The name servers are asked once a minute, for nothing but that."""
    (address,) = dns.serves(NAME)
    dns.named.change(ZONE, (NAME, "A", 60, []))
    assert dns.serves(NAME) == []
    eventually(lambda: dns.serves(NAME) == [address], 75, "it is there again", 0.5)
