"""Guards of the rules for names that no other law would miss."""

from desired_state.dns_forms import DnsBinding
from swarm_operator.observed.dns import Delete, Record, RrsetKey
from swarm_operator.plan.dns.addresses import Sources
from swarm_operator.plan.dns.budget import CALLS_PER_MINUTE, Calls
from swarm_operator.plan.dns.endpoints import Endpoint
from swarm_operator.plan.dns.retries import Failure, wait_s
from swarm_operator.plan.dns.rrset import Rights, RrsetPlan, Wanted, plan_rrset
from swarm_operator.plan.dns.stability import Choice, Followed, choose
from swarm_operator.plan.dns.wanted import Kept, wanted_of
from tests.plan.dns.worlds import node

ZONE = "example.org"
OLD, OTHER, NEW = node("w1"), node("w2"), node("w3")


def binding(**fields: object) -> DnsBinding:
    return DnsBinding.model_validate({"zone": ZONE, "name": "git", **fields})


def test_a_task_that_went_away_meanwhile_has_not_run_since_it_was_first_seen() -> None:
    """Also where for a moment nothing ran at all."""
    settles = binding(stable_for="10s")
    memory = Followed(nodes=(OLD,))
    for now, found in ((0.0, [Endpoint(NEW, "t")]), (5.0, []), (6.0, [Endpoint(NEW, "t")])):
        choice, memory = choose(settles, found, memory, now)
    choice, memory = choose(settles, [Endpoint(NEW, "t")], memory, 12.0)
    assert choice.nodes == (OLD,)
    choice, _ = choose(settles, [Endpoint(NEW, "t")], memory, 16.0)
    assert choice.nodes == (NEW,)


def test_of_many_those_that_went_stay_until_another_has_run_long_enough() -> None:
    """However long ago: a name without addresses helps nobody."""
    many = binding(cardinality="many", stable_for="60s", remove_after="5s")
    memory = Followed(nodes=(OLD, OTHER))
    for now in (0.0, 30.0):
        choice, memory = choose(many, [Endpoint(NEW, "t")], memory, now)
    assert choice.nodes == (OLD, OTHER)
    choice, _ = choose(many, [Endpoint(NEW, "t")], memory, 60.0)
    assert choice.nodes == (NEW,)


def test_an_alias_never_points_at_itself() -> None:
    """The service runs at the node whose own name it is bound to."""
    alias = binding(name="w1", type="CNAME")
    (answer,) = wanted_of(alias, Choice((OLD,), "Following"), Sources())
    assert isinstance(answer, Kept)
    assert answer.reason == "NoAddress"
    (answer,) = wanted_of(alias, Choice((NEW,), "Following"), Sources())
    assert isinstance(answer, Wanted)


def test_our_address_beside_a_cname_may_be_taken_away() -> None:
    """A person made the CNAME there: the zone is the better without ours."""
    ours = Record("1", "git", "A", "51.75.10.1", 60)
    theirs = Record("2", "git", "CNAME", "elsewhere.example.com", 60)
    wanted = Wanted(RrsetKey(ZONE, "git", "A"), (), 60)
    plan = plan_rrset(wanted, [ours, theirs], Rights("sync", frozenset({"51.75.10.1"})))
    assert isinstance(plan, RrsetPlan)
    assert plan.change.operations == (Delete(ours),)


def test_a_quiet_day_saves_up_no_storm() -> None:
    calls = Calls().filled(86_400.0)
    assert calls.wait_s(CALLS_PER_MINUTE, 86_400.0, is_urgent=True) == 0
    assert calls.wait_s(CALLS_PER_MINUTE + 1, 86_400.0, is_urgent=True) > 0


def test_what_was_asked_too_much_is_waited_for() -> None:
    """An order may turn out to need more requests than there was room for."""
    calls = Calls().spent(CALLS_PER_MINUTE + 20, 0.0)
    assert calls.wait_s(1, 0.0, is_urgent=True) > 30


def test_the_next_attempt_is_never_at_once() -> None:
    """However the dice fall."""
    assert all(wait_s(Failure.TRANSIENT, attempts, 0.0) >= 0.1 for attempts in range(1, 9))
