"""Guards of the names that no other law would miss; in virtual time."""

import pytest

from swarm_operator.observed.errors import Unavailable
from swarm_operator.runtime.dns.account_desk import LEAST_LEASE_S
from swarm_operator.runtime.dns.orders import Result
from tests.runtime.dns_lab import ADDRESSES, DOWN, OTHER_ZONE, ZONE, DnsLab, Operator, wish
from tests.runtime.turns import Died


def started() -> DnsLab:
    """A service runs, an operator leads; nobody wishes a name yet."""
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start()
    return lab


def restarted(lab: DnsLab) -> None:
    lab.operators[-1].stop()
    lab.start()
    lab.run(3)


def lease_left_s(process: Operator) -> float:
    return process.lease.remaining_s(process.clock.monotonic())


def test_what_is_done_in_part_is_not_published() -> None:
    """The record of one name was made, the other's failed: the zone is read again first."""
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start()
    posts: list[str] = []

    def fail_once(call: str) -> None:
        posts.extend([call] if call == "post" else [])
        if call == "post" and len(posts) == 2:
            raise Unavailable("status 500")

    lab.zones.before_call = fail_once
    lab.wish(wish("a"), wish("b"))
    lab.until(lambda: lab.settled("a") and lab.settled("b"))
    kinds = [call.split()[0] for call in lab.zones.calls]
    assert kinds[kinds.index("post") + 1] == "list"
    assert (kinds.count("post"), kinds.count("publish")) == (2, 1)


def test_nothing_is_changed_in_the_last_moments_of_a_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is under way when another takes over would be done behind that one's back."""
    lab = started()
    process = lab.operators[0]
    lab.until(lambda: lease_left_s(process) > 9)

    def fail(_session: str) -> bool:
        raise DOWN

    with monkeypatch.context() as patched:
        patched.setattr(process.lease._lock, "renew_session", fail)
        lab.until(lambda: lease_left_s(process) < LEAST_LEASE_S - 0.1)
        lab.wish(wish())
        lab.run(1.5)
        assert lease_left_s(process) > 0, "it leads all the while"
        assert lab.zones.count("list") > 0
        assert lab.zones.count("post") + lab.zones.count("publish") == 0
    lab.until(lab.settled, 3)
    assert (lab.zones.count("post"), lab.zones.count("publish")) == (1, 1)


def test_a_restart_forgets_no_move() -> None:
    """Else a name that goes to and fro would not be damped where the operator does so too."""
    lab = started()
    lab.wish(wish())
    lab.until(lab.settled)
    moves = []
    for _ in range(4):
        (host,) = lab.hosts()
        lab.world.engine.kill_node(host)
        lab.until(lambda host=host: lab.hosts() not in ([], [host]), 60)  # type: ignore[misc]
        moves.append(lab.until(lambda: lab.zones.answers("git") == lab.where(), 60))
        lab.world.engine.return_node(host)
        lab.run(5)
        restarted(lab)
    assert max(moves[:3]) < 1
    assert 25 < moves[3] < 31


def test_a_restart_gives_no_zone_another_hour() -> None:
    lab = started()
    lab.wish(wish(stable_for="0s"))
    lab.until(lab.settled)
    for number in range(1, 75):
        address = f"51.75.{40 + number}.1"
        lab.wish(wish(addresses=dict.fromkeys(ADDRESSES, address), stable_for="0s"))
        lab.run(15)
        if number % 20 == 0:
            restarted(lab)
    lab.until(lambda: lab.state() == "Waiting TooManyChanges")
    assert lab.zones.count("put") == 60


def test_a_term_that_began_anew_unseen_reads_everything_again() -> None:
    """The lease was lost and got again between two steps; who led meanwhile left something owed."""
    lab = started()
    lab.wish(wish())
    lab.until(lab.settled)
    lab.zones.calls.clear()
    lab.put_status(lab.status().model_copy(update={"owed": True}))
    lab.operators[0].lease._term += 1
    lab.operators[0].nudge()
    lab.until(lambda: lab.zones.count("publish") == 1, 10)
    lab.until(lambda: not lab.status().owed)


def test_whoever_publishes_in_the_middle_of_a_change_serves_what_is_valid() -> None:
    """OVH publishes a whole zone: what another tool refreshes holds our change as far as it is."""
    lab = DnsLab()
    lab.service(replicas=3)
    lab.run(5)
    lab.start()
    new = {host: f"51.75.20.{number}" for number, host in enumerate(ADDRESSES, 1)}
    lab.wish(wish(cardinality="many", policy="sync"))
    lab.until(lab.settled)
    lab.zones.served_sets.clear()
    changes: list[str] = []

    def publish(call: str) -> None:
        if call in {"put", "post", "delete"}:
            changes.append(call)
            lab.zones._serve(ZONE)

    lab.zones.after_call = publish
    lab.wish(wish(cardinality="many", policy="sync", addresses=new))
    lab.until(lambda: lab.zones.answers("git") == sorted(new.values()))
    assert len(changes) == 3
    assert all(len(served) == 3 for served in lab.zones.served_sets), "none is missing for a moment"
    assert frozenset().union(*lab.zones.served_sets) <= {*ADDRESSES.values(), *new.values()}


def addresses(start: int) -> dict[str, str]:
    """By node; none of them is known by any other source."""
    return {host: f"51.75.{start}.{number}" for number, host in enumerate(ADDRESSES, 1)}


@pytest.mark.parametrize("is_done", [False, True])
def test_killed_at_the_change_the_next_one_knows_both_values_for_ours(*, is_done: bool) -> None:
    """Whichever stands there then: nothing else would tell that it is ours."""
    lab = started()
    lab.wish(wish(addresses=addresses(20)))
    lab.until(lab.settled)

    def die(call: str) -> None:
        if call == "put" and lab.operators[0].alive:
            lab.operators[0].die()
            raise Died

    if is_done:
        lab.zones.after_call = die
    else:
        lab.zones.before_call = die
    lab.wish(wish(addresses=addresses(30)))
    lab.until(lambda: not lab.operators[0].alive)
    lab.wish(wish(addresses=addresses(40)))
    lab.start()
    lab.until(lambda: lab.zones.answers("git") == [addresses(40)[lab.hosts()[0]]], 60)
    assert len(lab.zones.values("git")) == 1


def test_a_kv_that_fails_loses_no_other_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two zones' answers are there at once; one that is lost would be waited for for ever."""
    lab = started()
    process = lab.operators[0]
    lab.run(2)
    take, held = process.desks["first"].take, list[Result]()

    def take_two() -> list[Result]:
        held.extend(take())
        found = list(held) if len(held) == 2 else []
        del held[: len(found)]
        return found

    def fail(*_arguments: object, **_more: object) -> None:
        raise DOWN

    with monkeypatch.context() as patched:
        patched.setattr(process.desks["first"], "take", take_two)
        patched.setattr(process.kv, "commit", fail)
        lab.wish(wish(), wish(zone=OTHER_ZONE))
        lab.until(lambda: len(held) == 1)
        lab.until(lambda: not held)
    lab.until(lambda: lab.settled() and lab.state(zone=OTHER_ZONE) == "InSync", 30)


def test_a_name_that_nobody_wishes_any_more_goes_where_it_was_made() -> None:
    """Two accounts have the zone; the record of the other one is not ours."""
    lab = DnsLab(accounts=2)
    lab.accounts["second"] = (lab.others, (ZONE,))
    lab.service()
    lab.run(5)
    lab.start()
    lab.wish(wish(policy="sync", provider="second"))
    lab.until(lab.settled)
    lab.zones.hand("git", lab.where()[0])
    lab.zones.calls.clear()
    restarted(lab)
    lab.wish()
    lab.until(lambda: lab.others.answers("git") == [])
    lab.run(5)
    assert lab.zones.answers("git") == lab.where()
    assert lab.zones.calls == []


def test_a_record_that_names_a_node_by_any_source_is_ours() -> None:
    """Here by the nodes' own names in the zone; without it an operator that is new would be refused."""
    lab = started()
    for host, address in ADDRESSES.items():
        lab.zones.hand(host, address)
    lab.zones.hand("git", next(each for each in ADDRESSES.values() if each not in lab.where()))
    lab.wish(wish(addresses={}))
    lab.until(lambda: lab.zones.answers("git") == lab.where(), 30)
    assert lab.zones.count("post") == 0
