"""Names through trouble: of the provider, its rights and keys, of the operator and its standby.

A change is made by a node that says another address: no task has to move for it.
"""

import itertools
import time
from collections.abc import Iterator

import pytest

from tests import needs
from tests.cluster import dns_lab
from tests.cluster.dns_lab import OTHER_ZONE, ZONE, DnsLab, relabel
from tests.cluster.harness import Lab, always, eventually
from tests.cluster.scenarios import dns_stage
from tests.cluster.scenarios.dns_stage import DnsStage, bound
from tests.cluster.scenarios.documents import document
from tests.cluster.scenarios.stage import ROOT
from tests.dns.ovh_double.accounts import rules_for
from tests.dns.ovh_double.faults import HTML, Fault

NAME = "git"
OTHER_NAME = "code"
"""In the other zone of the same account."""
REFRESH = f"/domain/zone/{ZONE}/refresh"
TAKEN_OVER_S = 2 * 10 + 1
"""Twice the session's life and the lock's delay."""
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
    with DnsStage.of(lab, dns) as made:
        quick = {"stable_for": "0s"}
        made.deploy(
            "shop",
            document(
                {
                    "ssh": bound(name=NAME, dns=quick),
                    "web": bound(name=OTHER_NAME, dns={**quick, "zone": OTHER_ZONE}),
                }
            ),
        )
        made.wait_for_name(NAME)
        yield made


@pytest.fixture(autouse=True)
def clear(stage: DnsStage) -> Iterator[None]:
    """Nothing goes wrong any more, and all is in step, before the next one."""
    yield
    stage.dns.world.double.faults.clear()
    stage.wait_for_name(NAME, within=90)


def change(stage: DnsStage) -> str:
    """The node of both names says an address that it never said before; which."""
    address = f"51.75.10.{next(_hosts)}"
    relabel(stage.lab, stage.lab.node(2), address)
    return address


def other_serves(stage: DnsStage) -> list[str]:
    return stage.dns.named.look_up(f"{OTHER_NAME}.{OTHER_ZONE}")


FAULTS = {
    "refresh 500": Fault("POST", REFRESH, count=3),
    "refresh 409": Fault("POST", REFRESH, status=409, body=b'{"message":"busy"}', count=2),
    "write 502, applied": Fault("PUT", ".*example.org.*", status=502, body=HTML, is_applied=True),
    "html 503": Fault("*", ".*example.org.*", status=503, body=HTML, count=3),
    "null 500": Fault("*", ".*example.org.*", body=b"null", count=2),
    "cut": Fault("*", ".*example.org.*", drops=True, count=2),
    "429": Fault("*", ".*example.org.*", status=429, body=b"slow", count=2),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_goes_wrong_for_a_while_is_made_good(stage: DnsStage, fault: Fault) -> None:
    """And the account's other zone is not held up by it for long."""
    stage.dns.world.double.faults.add(fault)
    since = time.monotonic()
    address = change(stage)
    stage.wait_until_served(address, name=NAME, within=30)
    eventually(lambda: other_serves(stage) == [address], 10, "the other zone")
    assert fault.count == 0, "it did go wrong"
    found = stage.wait_for_name(NAME)
    assert not found["owed"], found
    assert stage.dns.zone.has(NAME) == [(address, 60)], "one record"
    if fault.is_applied:
        writes = [call for call in stage.dns.writes(since) if f"/{ZONE}/record" in call]
        assert len(writes) == 1, writes


@pytest.mark.parametrize("oddity", ["the answer is lost", "its id is 0", "it cannot be read yet"])
def test_a_record_is_made_once(stage: DnsStage, oddity: str) -> None:
    behaviour = stage.dns.zone.behaviour
    name = f"new{next(_hosts)}"
    if oddity == "the answer is lost":
        lost = Fault("POST", ".*/record", status=502, body=HTML, is_applied=True)
        stage.dns.world.double.faults.add(lost)
    behaviour.creates_with_id_0 = oddity == "its id is 0"
    behaviour.hides_new_records_for = 2 if oddity == "it cannot be read yet" else 0
    try:
        stage.put(name, document({"ssh": bound(name=name)}))
        (address,) = stage.wait_until_served(*stage.dns.serves(NAME), name=name)
        stage.wait_for_name(name)
        assert stage.dns.zone.has(name) == [(address, 60)]
    finally:
        behaviour.creates_with_id_0, behaviour.hides_new_records_for = False, 0
        stage.remove(name)


def test_until_the_refresh_is_taken_the_old_is_served_and_it_is_said(stage: DnsStage) -> None:
    (before,) = stage.dns.serves(NAME)
    fault = stage.dns.world.double.faults.add(Fault("POST", REFRESH, count=None))
    address = change(stage)
    eventually(lambda: stage.name_status(NAME).get("owed"), 10, "it is owed")
    eventually(lambda: stage.dns.zone.has(NAME) == [(address, 60)], 10, "the API has it")
    assert stage.operator.metric("swarm_operator_dns_publish_owed", zone=ZONE) == 1
    assert stage.dns.dig(NAME) == [before], "nobody sees it"
    assert fault.count is None
    stage.dns.world.double.faults.clear()
    stage.wait_until_served(address, name=NAME, within=70)
    eventually(lambda: not stage.name_status(NAME)["owed"], 10, "it is paid")
    assert stage.operator.metric("swarm_operator_dns_publish_owed", zone=ZONE) == 0


def test_it_comes_again_when_the_provider_says(stage: DnsStage) -> None:
    """Retry-After of 4 s: nothing is asked of the account before, not even for its other zone."""
    slow = {"Retry-After": "4"}
    fault = Fault("*", ".*record.*", status=429, body=b"slow", headers=slow)
    stage.dns.world.double.faults.add(fault)
    since = time.monotonic()
    address = change(stage)
    seen = stage.dns.world.double.seen

    def refused_at() -> float | None:
        return next((one.at for one in list(seen) if one.at > since and one.status == 429), None)

    refused = eventually(refused_at, 10, "429")
    stage.wait_until_served(address, name=NAME, within=15)
    after = [one.at - refused for one in list(seen) if one.at > refused]
    print(f"asked again after {min(after):.1f} s")
    assert min(after) >= 4


def test_a_right_that_is_missing_is_said_loudly(stage: DnsStage) -> None:
    world = stage.dns.world
    everything = world.consumer.rules
    world.grant([*rules_for(ZONE, "PUT", "POST"), *rules_for(OTHER_ZONE, "PUT", "POST", "refresh")])
    address = change(stage)
    found = stage.wait_for_name(NAME, "Failed", reason="RefreshDenied")
    assert "refresh" in found["message"], found
    assert stage.operator.metric("swarm_operator_dns_auth_errors_total") >= 1
    world.grant(everything)
    renew_key(stage)
    stage.wait_until_served(address, name=NAME)


def renew_key(stage: DnsStage) -> None:
    """The account's owner validates another consumer key, and writes it into its file."""
    world = stage.dns.world
    world.consumer = world.double.accounts.new_consumer_key(world.consumer.rules)
    world.account()


def test_a_key_that_ends_is_replaced_without_a_restart(stage: DnsStage) -> None:
    stage.dns.world.consumer.status = "expired"
    try:
        address = change(stage)
        stage.wait_for_name(NAME, "Failed", reason="AuthFailed")
        asked = len(stage.dns.calls())
        # The account's other zone may have its own first request after that one.
        always(lambda: len(stage.dns.calls()) <= asked + 1, 3, "it does not ask again and again")
    finally:
        renew_key(stage)
    stage.wait_until_served(address, name=NAME, within=15)


@pytest.mark.parametrize("ahead_s", [600.0, -600.0, 0.0])
def test_a_clock_that_steps_heals(stage: DnsStage, ahead_s: float) -> None:
    stage.dns.world.double.accounts.clock_ahead_s = ahead_s
    stage.wait_until_served(change(stage), name=NAME)


def test_a_zone_that_expired_holds_up_no_other(stage: DnsStage) -> None:
    stage.dns.zone.behaviour.expired = True
    try:
        address = change(stage)
        stage.wait_for_name(NAME, "Failed", reason="ZoneExpired")
        eventually(lambda: other_serves(stage) == [address], 5, "the other zone follows")
    finally:
        stage.dns.zone.behaviour.expired = False
    stage.deploy("again", document({"ssh": bound(name="again", dns={"stable_for": "0s"})}))
    stage.remove("again")


@pytest.mark.slow
def test_an_api_that_stalls_is_given_up_and_asked_again(stage: DnsStage) -> None:
    """Thirty seconds without a word."""
    stage.dns.world.double.faults.add(Fault(path=".*record.*", status=None, delay_s=30.0))
    begun = time.monotonic()
    address = change(stage)
    stage.wait_until_served(address, name=NAME, within=30)
    assert time.monotonic() - begun < 20


def test_in_step_nothing_is_asked(stage: DnsStage) -> None:
    """Passes go on; a change is seen at once."""
    stage.wait_for_name(NAME)
    time.sleep(1)
    since = time.monotonic()
    passes = stage.operator.metric("swarm_operator_reconcile_total", controller="dns")
    time.sleep(20)
    assert stage.dns.calls(since) == []
    assert stage.operator.metric("swarm_operator_reconcile_total", controller="dns") > passes
    stage.wait_until_served(change(stage), name=NAME)
    assert len(stage.dns.calls(since)) >= 4


@pytest.mark.slow
def test_killed_between_the_write_and_the_refresh(stage: DnsStage, lab: Lab, dns: DnsLab) -> None:
    """The standby finds in the KV that the refresh is owed, though it wrote nothing itself."""
    standby = DnsStage(lab, dns, name="standby")
    try:
        standby.operator.start(ready=True)
        fault = Fault("POST", REFRESH, status=None, delay_s=5.0, drops=True)
        dns.world.double.faults.add(fault)
        address = change(stage)
        eventually(lambda: dns.zone.has(NAME) == [(address, 60)], 10, "written", 0.01)
        stage.operator.kill()
        killed = time.monotonic()
        assert dns.serves(NAME) != [address]
        standby.wait_until_served(address, name=NAME, within=TAKEN_OVER_S + 10)
        took = dns.refreshes(killed)[0] - killed
        print(f"killed → published by the standby: {took:.1f} s")
        assert took < TAKEN_OVER_S + 1
        assert dns.zone.has(NAME) == [(address, 60)]
        standby.wait_for_name(NAME)
        eventually(lambda: other_serves(stage) == [address], 10, "the other zone")
        time.sleep(1)
        since = time.monotonic()
        stage.operator.start(ready=True)
        time.sleep(3)
        assert dns.writes(since) == [], "the one that comes back writes nothing"
    finally:
        standby.operator.stop()
        standby.close()
        stage.wait_until_leading(within=40)


def test_two_operators_are_one_writer(stage: DnsStage, lab: Lab, dns: DnsLab) -> None:
    """Both are started for a name that is not there yet: one record is made."""
    stage.operator.stop()
    since = time.monotonic()
    other = DnsStage(lab, dns, name="beside")
    try:
        stage.put("pair", document({"ssh": bound(name="pair", dns={"stable_for": "0s"})}))
        other.operator.start()
        stage.operator.start()
        stage.wait_for_name("pair", within=40)
        assert len(dns.zone.has("pair")) == 1
        made = [call for call in dns.calls(since) if call == f"POST /domain/zone/{ZONE}/record"]
        assert len(made) == 1, made
    finally:
        other.operator.stop()
        other.close()
        stage.wait_until_leading(within=40)
        stage.remove("pair")


def test_no_secret_was_ever_shown(stage: DnsStage, dns: DnsLab) -> None:
    """Runs last: in the log, the KV and the metrics of all that was done here."""
    found = stage.kv.get(ROOT, recurse=True)[1] or []
    values = b"\n".join(entry["Value"] or b"" for entry in found).decode(errors="replace")
    log = stage.operator.log.read_text()
    shown = log + values + stage.operator.get("/metrics").body
    keys = [*dns.secrets, *dns.world.double.accounts.consumer_keys]
    assert "AuthFailed" in shown, "there was something to tell"
    assert not [key for key in keys if key in shown]
