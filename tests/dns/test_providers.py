"""What every provider must do alike: OVH's API by the official client, and RFC 2136; both serve
from a real name server, which is asked what came of it."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from desired_state.dns_forms import RecordType
from swarm_operator.clients.name_servers import Server, ZoneServers
from swarm_operator.clients.rfc2136 import TsigKey, UpdatedZones, UpdateServer
from swarm_operator.observed.dns import ANY, Record, RrsetKey
from swarm_operator.observed.errors import Conflict, LeaseLost
from swarm_operator.plan.dns.rrset import Policy, Refused, Rights, RrsetPlan, Wanted, plan_rrset
from swarm_operator.runtime.dns.ports import DnsProvider
from tests.dns.name_server import KEY, NameServer
from tests.dns.ovh_world import ovh_world

ZONE = "example.org"
ONE, TWO, THREE = "51.75.10.1", "51.75.10.2", "51.75.10.3"
THEIRS = "198.41.0.4"
OURS = frozenset({ONE, TWO, THREE, "2001:41d0::1", "node1.example.org", "node2.example.org"})
_names = itertools.count()


@dataclass
class Case:
    """A provider, the server behind it, a name of the test's own, and a hand beside ours."""

    provider: DnsProvider
    named: NameServer
    name: str
    by_hand: Callable[[str, str, str, int], None]
    """Adds a record: name, type, value, TTL; served at once."""

    def key(self, type_: RecordType = "A") -> RrsetKey:
        return RrsetKey(ZONE, self.name, type_)

    def read(self, *types: str) -> tuple[Record, ...]:
        return self.provider.read(ZONE, self.name, types or ("A", "CNAME"))

    def plan(
        self, *values: str, type_: RecordType = "A", policy: Policy = "sync", ttl: int = 60
    ) -> RrsetPlan:
        wanted = Wanted(self.key(type_), values, ttl)
        plan = plan_rrset(wanted, self.read(type_), Rights(policy=policy, owned=OURS))
        assert isinstance(plan, RrsetPlan), plan
        return plan

    def converge(self, *values: str, type_: RecordType = "A", ttl: int = 60) -> RrsetPlan:
        plan = self.plan(*values, type_=type_, ttl=ttl)
        self.provider.apply(plan.change, lambda: True)
        self.provider.publish(ZONE)
        return plan

    def served(self, type_: str = "A") -> list[str]:
        return self.named.look_up(f"{self.name}.{ZONE}", type_)


@pytest.fixture(params=["ovh", "rfc2136"])
def case(request: pytest.FixtureRequest, named: NameServer, tmp_path: Path) -> Iterator[Case]:
    name = f"git{next(_names)}"
    if request.param == "rfc2136":
        file = tmp_path / "key"
        file.write_text(named.secret)
        server = UpdateServer(named.address, named.port, TsigKey(KEY, file))

        def add(name: str, type_: str, value: str, ttl: int) -> None:
            before = named.look_up(f"{name}.{ZONE}", type_)
            named.change(ZONE, (name, type_, ttl, [*before, value]))

        yield Case(UpdatedZones(server), named, name, add)
        return
    with ovh_world(tmp_path, [ZONE], named) as world:
        zone = world.double.zones[ZONE]

        def put(name: str, type_: str, value: str, ttl: int) -> None:
            zone.put(name, f"{value}." if type_ == "CNAME" else value, type_, ttl)
            zone.refresh()

        provider = world.zones()
        yield Case(provider, named, name, put)
        provider.close()


def test_a_name_that_is_not_there_has_no_records(case: Case) -> None:
    assert case.read() == ()


def test_it_is_made_moved_and_taken_away(case: Case) -> None:
    case.converge(ONE)
    assert case.served() == [ONE]
    case.converge(TWO)
    assert case.served() == [TWO]
    case.converge(ONE, TWO, THREE)
    assert case.served() == [ONE, TWO, THREE]
    case.converge(THREE)
    assert case.served() == [THREE]
    case.converge()
    assert case.served() == []


def test_what_is_done_needs_nothing_more(case: Case) -> None:
    case.converge(ONE, TWO)
    assert case.plan(ONE, TWO).change.operations == ()


def test_another_ttl_is_corrected(case: Case) -> None:
    case.by_hand(case.name, "A", ONE, 3600)
    assert [record.ttl for record in case.read("A")] == [3600]
    case.converge(ONE)
    assert [record.ttl for record in case.read("A")] == [60]


def test_both_families_and_names(case: Case) -> None:
    case.converge("2001:41d0::1", type_="AAAA")
    assert case.served("AAAA") == ["2001:41d0::1"]
    assert case.read("AAAA")[0].value == "2001:41d0::1"
    case.converge(type_="AAAA")
    case.converge("node1.example.org", type_="CNAME")
    assert case.served("CNAME") == ["node1.example.org."]
    case.converge("node2.example.org", type_="CNAME")
    assert case.served("CNAME") == ["node2.example.org."]
    assert case.plan("node2.example.org", type_="CNAME").change.operations == ()


def test_the_zone_itself(case: Case) -> None:
    apex = Case(case.provider, case.named, "@", case.by_hand)
    apex.converge(ONE)
    assert case.named.look_up(ZONE) == [ONE]
    assert case.named.look_up(ZONE, "NS") != []
    apex.converge(TWO)
    assert case.named.look_up(ZONE) == [TWO]


def test_neighbours_stay(case: Case) -> None:
    for neighbour in (f"x{case.name}", f"{case.name}x", f"{case.name[:-1]}_", f"a.{case.name}"):
        case.by_hand(neighbour, "A", THEIRS, 300)
    case.by_hand(case.name, "TXT", '"kept"', 300)
    case.converge(ONE)
    case.converge(TWO)
    case.converge()
    for neighbour in (f"x{case.name}", f"{case.name}x", f"a.{case.name}"):
        assert case.named.look_up(f"{neighbour}.{ZONE}") == [THEIRS]
    assert case.served("TXT") == ['"kept"']


def test_a_name_with_a_wildcards_letter_is_itself_only(case: Case) -> None:
    """OVH's filter takes _ for any letter."""
    ours = Case(case.provider, case.named, f"_{case.name}", case.by_hand)
    case.by_hand(f"z{case.name}", "A", THEIRS, 300)
    assert ours.read("A") == ()
    ours.converge(ONE)
    assert case.named.look_up(f"z{case.name}.{ZONE}") == [THEIRS]


def test_a_foreign_value_beside_ours_stays(case: Case) -> None:
    case.converge(ONE)
    case.by_hand(case.name, "A", THEIRS, 60)
    plan = case.converge(TWO)
    assert plan.foreign == (THEIRS,)
    assert case.served() == [THEIRS, TWO]


def test_a_record_that_went_away_meanwhile_is_a_conflict(case: Case) -> None:
    case.converge(ONE)
    late = case.plan(TWO)
    case.converge()
    with pytest.raises(Conflict):
        case.provider.apply(late.change, lambda: True)


def test_without_the_lease_nothing_is_sent(case: Case) -> None:
    plan = case.plan(ONE)
    case.provider.sent()
    with pytest.raises(LeaseLost):
        case.provider.apply(plan.change, lambda: False)
    assert case.provider.sent() == 0
    assert case.read() == ()


def test_a_change_takes_no_more_requests_than_it_says(case: Case) -> None:
    case.converge(ONE)
    case.provider.sent()
    plan = plan_rrset(Wanted(case.key(), (TWO,), 60), case.read("A"), Rights(owned=OURS))
    assert isinstance(plan, RrsetPlan)
    case.provider.apply(plan.change, lambda: True)
    case.provider.publish(ZONE)
    assert case.served() == [TWO]
    assert case.provider.sent() == case.provider.capabilities.calls_for_a_change


def test_the_name_servers_themselves_are_asked(case: Case) -> None:
    servers = ZoneServers({ZONE: [Server(case.named.address, case.named.port)]})
    fqdn = f"{case.name}.{ZONE}"
    (before,) = servers.ask(ZONE, fqdn, "A")
    assert (before.values, before.error) == ((), "")
    case.converge(TWO, ONE)
    (after,) = servers.ask(ZONE, fqdn, "A")
    assert (after.values, after.ttl) == ((ONE, TWO), 60)
    (away,) = ZoneServers({ZONE: [Server("127.0.0.1", 9)]}, timeout_s=0.2).ask(ZONE, fqdn, "A")
    assert away.error
    elsewhere = ZoneServers({"nowhere.org": [Server(case.named.address, case.named.port)]})
    (refused,) = elsewhere.ask("nowhere.org", "nowhere.org", "A")
    assert refused.error == "REFUSED"


def test_every_type_of_a_name_is_seen_before_a_cname_is_made(case: Case) -> None:
    case.by_hand(case.name, "MX", f"10 ns.{ZONE}.", 60)
    found = case.read("CNAME", ANY)
    assert [record.type for record in found] == ["MX"]
    wanted = Wanted(case.key("CNAME"), ("node1.example.org",), 60)
    plan = plan_rrset(wanted, found, Rights(policy="sync", owned=OURS))
    assert isinstance(plan, Refused)
    assert "MX" in plan.message


def test_a_wildcard_makes_no_record_of_a_name(case: Case) -> None:
    """It answers for the name until that has a record of its own."""
    parent = f"w{case.name}"
    case.by_hand(f"*.{parent}", "A", THEIRS, 60)
    case.name = f"{case.name}.{parent}"
    assert case.named.look_up(f"{case.name}.{ZONE}") == [THEIRS]
    assert case.read("A", "CNAME") == ()
    assert case.read(ANY) == ()
    case.converge(ONE)
    assert case.served() == [ONE]
    assert [record.value for record in case.read("A")] == [ONE]
    case.converge(TWO)
    assert case.served() == [TWO]


def test_an_alias_below_a_wildcard_alias(case: Case) -> None:
    parent = f"w{case.name}"
    case.by_hand(f"*.{parent}", "CNAME", f"theirs.{ZONE}", 60)
    case.name = f"{case.name}.{parent}"
    assert case.read("A", "CNAME") == ()
    case.converge("node1.example.org", type_="CNAME")
    assert case.served("CNAME") == [f"node1.{ZONE}."]
