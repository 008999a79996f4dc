"""The plan for one record set, against a model of a zone: laws for any zone and any policy."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_operator.observed.dns import (
    Create,
    Delete,
    Record,
    RecordOperation,
    RrsetKey,
    Update,
)
from swarm_operator.plan.dns.rrset import (
    Policy,
    Refused,
    Rights,
    RrsetPlan,
    Wanted,
    plan_rrset,
)

KEY = RrsetKey("example.org", "git", "A")
OURS = ("51.75.10.1", "51.75.10.2", "51.75.10.3", "51.75.10.4")
THEIRS = ("198.41.0.4", "199.9.14.201")
POLICIES: tuple[Policy, ...] = ("update-only", "upsert", "sync")

values = st.sampled_from(OURS + THEIRS)
zones = st.lists(st.tuples(values, st.sampled_from([0, 60, 3600])), max_size=6).map(
    lambda found: tuple(
        Record(str(id_), "git", "A", value, ttl) for id_, (value, ttl) in enumerate(found)
    )
)
wishes = st.lists(st.sampled_from(OURS), max_size=3, unique=True).map(
    lambda found: Wanted(KEY, tuple(found), 60)
)
rights = st.builds(
    Rights,
    policy=st.sampled_from(POLICIES),
    owned=st.just(frozenset(OURS)),
    adopt=st.booleans(),
)


def steps(zone: Iterable[Record], ops: Iterable[RecordOperation]) -> list[tuple[Record, ...]]:
    """The zone after each operation, as a provider with ids does them."""
    ids = count(100)
    current = list(zone)
    seen = []
    for op in ops:
        match op:
            case Update(record, value, ttl):
                current[current.index(record)] = replace(record, value=value, ttl=ttl)
            case Create(value, ttl):
                current.append(Record(str(next(ids)), KEY.name, KEY.type, value, ttl))
            case Delete(record):
                current.remove(record)
        seen.append(tuple(current))
    return seen


def served(zone: Iterable[Record]) -> frozenset[str]:
    return frozenset(record.value for record in zone)


def planned(wanted: Wanted, zone: Iterable[Record], given_rights: Rights) -> RrsetPlan | None:
    plan = plan_rrset(wanted, zone, given_rights)
    return plan if isinstance(plan, RrsetPlan) else None


@given(wishes, zones, rights)
def test_planned_twice_is_done(
    wanted: Wanted, zone: tuple[Record, ...], given_rights: Rights
) -> None:
    plan = planned(wanted, zone, given_rights)
    if plan is None:
        return
    done = [zone, *steps(zone, plan.change.operations)][-1]
    again = planned(wanted, done, given_rights)
    assert again is not None
    assert again.change.operations == ()
    assert served(done) == set(plan.change.after)


@given(wishes, zones, rights)
def test_what_is_wished_is_served(
    wanted: Wanted, zone: tuple[Record, ...], given_rights: Rights
) -> None:
    plan = planned(wanted, zone, given_rights)
    if plan is None or not wanted.values:
        return
    done = [zone, *steps(zone, plan.change.operations)][-1]
    assert served(done) == {*wanted.values, *plan.foreign} - set(plan.lacking)
    ours = [record for record in done if record.value in wanted.values]
    assert {record.ttl for record in ours} <= {wanted.ttl}
    if given_rights.policy == "sync":
        assert len(ours) == len(wanted.values)


@given(wishes, zones, rights)
def test_foreign_records_are_never_touched(
    wanted: Wanted, zone: tuple[Record, ...], given_rights: Rights
) -> None:
    plan = planned(wanted, zone, replace(given_rights, adopt=False))
    if plan is None:
        return
    foreign = [record for record in zone if record.value in THEIRS]
    for state in steps(zone, plan.change.operations):
        assert [record for record in state if record.value in THEIRS] == foreign


@given(wishes, zones, rights)
def test_every_step_between_may_be_published(
    wanted: Wanted, zone: tuple[Record, ...], given_rights: Rights
) -> None:
    """Anybody's refresh publishes what stands there in that moment."""
    plan = planned(wanted, zone, given_rights)
    if plan is None or not wanted.values:
        return
    lasting = served(zone) & set(wanted.values)
    for state in steps(zone, plan.change.operations):
        assert lasting <= served(state)
        assert served(state) <= served(zone) | set(wanted.values)
        assert served(state) or not served(zone)


@given(wishes, zones, rights)
def test_a_policy_is_all_that_is_done(
    wanted: Wanted, zone: tuple[Record, ...], given_rights: Rights
) -> None:
    plan = planned(wanted, zone, given_rights)
    kinds = {type(op) for op in plan.change.operations} if plan is not None else set()
    if given_rights.policy != "sync":
        assert Delete not in kinds
    if given_rights.policy == "update-only":
        assert Create not in kinds


def a(value: str, id_: str = "1", ttl: int = 60, type_: str = "A") -> Record:
    return Record(id_, "git", type_, value, ttl)


def wants(*found: str) -> Wanted:
    return Wanted(KEY, found, 60)


def test_the_usual_change_is_one_update_of_the_record_that_is_there() -> None:
    plan = planned(wants(OURS[1]), [a(OURS[0])], Rights(owned=frozenset(OURS[:1])))
    assert plan is not None
    assert plan.change.operations == (Update(a(OURS[0]), OURS[1], 60),)


@pytest.mark.parametrize("adopt", [False, True])
def test_a_foreign_value_is_taken_over_only_where_it_is_said(adopt: bool) -> None:
    plan = plan_rrset(wants(OURS[0]), [a(THEIRS[0])], Rights(adopt=adopt))
    if adopt:
        assert isinstance(plan, RrsetPlan)
        assert plan.change.operations == (Update(a(THEIRS[0]), OURS[0], 60),)
    else:
        assert isinstance(plan, Refused)
        assert plan.reason == "ForeignRecord"
        assert THEIRS[0] in plan.message


def test_an_unknown_record_that_names_a_node_is_ours() -> None:
    """A wiped KV knows no owner any more: it heals by itself."""
    plan = planned(wants(OURS[1]), [a(OURS[0])], Rights(of_nodes=frozenset(OURS)))
    assert plan is not None
    assert plan.change.operations == (Update(a(OURS[0]), OURS[1], 60),)


def test_a_second_foreign_value_stays_and_is_told() -> None:
    zone = [a(OURS[0]), a(THEIRS[0], "2")]
    plan = planned(wants(OURS[1]), zone, Rights(owned=frozenset(OURS)))
    assert plan is not None
    assert plan.change.operations == (Update(a(OURS[0]), OURS[1], 60),)
    assert plan.foreign == (THEIRS[0],)
    assert plan.change.after == (OURS[1], THEIRS[0])


def test_update_only_makes_nothing() -> None:
    plan = plan_rrset(wants(OURS[0]), [], Rights(policy="update-only"))
    assert isinstance(plan, Refused)
    assert plan.reason == "RecordMissing"
    many = planned(wants(*OURS[:2]), [a(OURS[0])], Rights(policy="update-only"))
    assert many is not None
    assert (many.change.operations, many.lacking) == ((), (OURS[1],))


def test_duplicates_of_ours_collapse_where_that_may_be_done() -> None:
    twins = [a(OURS[0]), a(OURS[0], "2")]
    sync = planned(wants(OURS[0]), twins, Rights(policy="sync"))
    upsert = planned(wants(OURS[0]), twins, Rights())
    assert sync is not None
    assert upsert is not None
    assert [type(op) for op in sync.change.operations] == [Delete]
    assert upsert.change.operations == ()


def test_without_the_right_to_delete_a_stale_record_becomes_a_twin() -> None:
    zone = [a(OURS[0]), a(OURS[1], "2")]
    plan = planned(wants(OURS[0]), zone, Rights(owned=frozenset(OURS)))
    assert plan is not None
    assert plan.change.operations == (Update(a(OURS[1], "2"), OURS[0], 60),)


@pytest.mark.parametrize("ttl", [0, 3600])
def test_another_ttl_is_one_update(ttl: int) -> None:
    plan = planned(wants(OURS[0]), [a(OURS[0], ttl=ttl)], Rights())
    assert plan is not None
    assert plan.change.operations == (Update(a(OURS[0], ttl=ttl), OURS[0], 60),)


@pytest.mark.parametrize(
    ("key", "zone"),
    [
        (KEY, [a("node1.example.org", type_="CNAME")]),
        (replace(KEY, type="CNAME"), [a(OURS[0])]),
        (replace(KEY, type="CNAME"), [a("x", type_="TXT")]),
    ],
)
def test_a_cname_and_other_records_are_never_mixed(key: RrsetKey, zone: list[Record]) -> None:
    plan = plan_rrset(Wanted(key, ("v",), 60), zone, Rights(policy="sync", adopt=True))
    assert isinstance(plan, Refused)
    assert plan.reason == "CnameConflict"


def test_a_set_that_is_to_go_goes_only_with_the_right_to_delete() -> None:
    zone = [a(OURS[0]), a(THEIRS[0], "2")]
    gone = planned(wants(), zone, Rights(policy="sync", owned=frozenset(OURS)))
    kept = planned(wants(), zone, Rights(owned=frozenset(OURS)))
    assert gone is not None
    assert kept is not None
    assert gone.change.operations == (Delete(a(OURS[0])),)
    assert (kept.change.operations, kept.change.after) == ((), (OURS[0], THEIRS[0]))
