"""KvPort and LockPort: one answer for a prefix, all or nothing, and one hand at a time."""

import secrets

import pytest

from swarm_operator.observed.errors import Conflict, LeaseLost, TooLarge
from swarm_operator.observed.kv import Delete, DeleteTree, Fence, KvOperation, Put, Unchanged
from tests.cluster.harness import eventually
from tests.contract.conftest import Kv

LOCK = "lock/leader"


def test_a_prefix_without_keys_is_an_answer_too(kv_port: Kv) -> None:
    tree = kv_port.read("desired/")
    assert tree.entries == {}
    assert tree.index > 0
    assert kv_port.get("desired/a") is None


def test_what_was_written_is_read(kv_port: Kv) -> None:
    values = {"a": b"", "b/c d?%+&é": bytes(range(256)), "b/": b"", "z": b"x" * 300_000}
    kv_port.commit([Put(f"desired/{key}", value) for key, value in values.items()])
    kv_port.commit([Put("status/a", b"elsewhere")])
    tree = kv_port.read("desired/")
    assert {key: entry.value for key, entry in tree.entries.items()} == values
    entry = kv_port.get("desired/z")
    assert entry is not None
    assert entry == tree.entries["z"]
    assert entry.modify_index == entry.create_index <= tree.index


def test_flags_are_kept_and_a_write_without_them_takes_them_away(kv_port: Kv) -> None:
    mark = 0x53574F50_89ABCDEF
    kv_port.commit([Put("a", b"1", flags=mark), Put("b", b"1", 0, mark)])
    assert {entry.flags for entry in kv_port.read("").entries.values()} == {mark}
    kv_port.commit([Put("a", b"2")])
    entry = kv_port.get("a")
    assert entry is not None
    assert entry.flags == 0


def test_the_same_value_is_no_change_but_deleted_and_set_in_one_it_is(kv_port: Kv) -> None:
    kv_port.commit([Put("a", b"1", flags=7), Put("b", b"1")])
    first = kv_port.read("")
    kv_port.commit([Put("a", b"1", flags=7)])
    assert kv_port.read("").entries["a"] == first.entries["a"]
    kv_port.commit([Delete("a", first.entries["a"].modify_index), Put("a", b"1", flags=7)])
    again = kv_port.read("")
    assert again.index > first.index
    assert (again.entries["a"].value, again.entries["a"].flags) == (b"1", 7)
    assert again.entries["a"].modify_index > first.entries["a"].modify_index


def test_a_transaction_is_all_or_nothing(kv_port: Kv) -> None:
    kv_port.commit([Put("a", b"1"), Put("b", b"1")])
    with pytest.raises(Conflict, match="`b`"):
        kv_port.commit([Put("a", b"2"), Put("b", b"2", 0), DeleteTree("a")])
    assert {key: entry.value for key, entry in kv_port.read("").entries.items()} == {
        "a": b"1",
        "b": b"1",
    }


def test_compare_and_set(kv_port: Kv) -> None:
    kv_port.commit([Put("a", b"1", 0)])
    first = kv_port.read("").entries["a"].modify_index
    kv_port.commit([Put("a", b"2", first)])
    second = kv_port.read("").entries["a"].modify_index
    stale_ones: list[list[KvOperation]] = [
        [Put("a", b"3", 0)],
        [Put("a", b"3", first)],
        [Delete("a", first)],
        [Put("b", b"3"), Unchanged("a", first)],
        [Put("b", b"3"), Unchanged("a", 0)],
        [Put("b", b"3"), Unchanged("absent", 7)],
    ]
    for stale in stale_ones:
        with pytest.raises(Conflict) as caught:
            kv_port.commit(stale)
        assert not isinstance(caught.value, LeaseLost)
    kv_port.commit([Unchanged("a", second), Unchanged("absent", 0), Delete("a", second)])
    assert kv_port.read("").entries == {}


def test_deleting(kv_port: Kv) -> None:
    kv_port.commit([Put(key, b"") for key in ("s/web/a", "s/web/b", "s/webs/a", "s/x")])
    kv_port.commit([DeleteTree("s/web/"), Delete("s/x"), Delete("s/absent")])
    assert kv_port.read("").entries.keys() == {"s/webs/a"}


def test_the_limits_are_consuls_own(kv_port: Kv) -> None:
    kv_port.commit([Put(f"many/{n}", b"") for n in range(64)])
    assert len(kv_port.read("many/").entries) == 64
    with pytest.raises(TooLarge):
        kv_port.commit([Put(f"more/{n}", b"") for n in range(65)])
    with pytest.raises(TooLarge):
        kv_port.commit([Put("large", b"x" * 400_000)])
    # The largest that is not refused here is not refused there.
    room = 512 * 1024 - len('[{"KV": {"Verb": "set", "Key": "swarm-operator/large", "Value": ""}}]')
    kv_port.commit([Put("large", secrets.token_bytes(room // 4 * 3))])
    with pytest.raises(TooLarge):
        kv_port.commit([Put("large", secrets.token_bytes(room // 4 * 3 + 3))])


def test_one_session_holds_the_lock(kv_port: Kv) -> None:
    ours, theirs = (kv_port.create_session(name, 15, 0) for name in ("ours", "theirs"))
    assert kv_port.holder(LOCK) is None
    assert kv_port.acquire(LOCK, ours, b"ours")
    assert kv_port.acquire(LOCK, ours, b"ours")
    assert not kv_port.acquire(LOCK, theirs, b"theirs")
    held = kv_port.holder(LOCK)
    assert held is not None
    assert (held.session, held.value) == (ours, b"ours")
    kv_port.release(LOCK, theirs)
    held = kv_port.holder(LOCK)
    assert held is not None
    assert held.session == ours
    kv_port.release(LOCK, ours)
    free = kv_port.holder(LOCK)
    assert free is not None
    assert (free.session, free.value) == (None, b"ours")
    assert kv_port.acquire(LOCK, theirs, b"theirs")


def test_a_fence_holds_while_the_lock_does(kv_port: Kv) -> None:
    session = kv_port.create_session("ours", 15, 0)
    fence = Fence(LOCK, session)
    with pytest.raises(LeaseLost):
        kv_port.commit([Put("status/a", b"too early")], fence=fence)
    kv_port.acquire(LOCK, session, b"")
    kv_port.commit([Put(f"status/{n}", b"held") for n in range(63)], fence=fence)
    with pytest.raises(TooLarge):
        kv_port.commit([Put(f"status/{n}", b"held") for n in range(64)], fence=fence)
    with pytest.raises(Conflict) as caught:
        kv_port.commit([Put("status/0", b"x", 0)], fence=fence)
    assert not isinstance(caught.value, LeaseLost)
    kv_port.release(LOCK, session)
    with pytest.raises(LeaseLost):
        kv_port.commit([Put("status/0", b"released")], fence=fence)
    entry = kv_port.get("status/0")
    assert entry is not None
    assert entry.value == b"held"


def test_a_session_that_ended_loses_the_lease(kv_port: Kv) -> None:
    session = kv_port.create_session("ours", 15, 0)
    kv_port.acquire(LOCK, session, b"")
    assert kv_port.renew_session(session)
    kv_port.destroy_session(session)
    assert not kv_port.renew_session(session)
    with pytest.raises(LeaseLost):
        kv_port.commit([Put("status/a", b"")], fence=Fence(LOCK, session))
    with pytest.raises(LeaseLost):
        kv_port.acquire(LOCK, session, b"")
    kv_port.destroy_session(session)
    assert kv_port.get("status/a") is None


def test_a_lock_delay_keeps_the_next_one_waiting(kv_port: Kv) -> None:
    ours, theirs = (kv_port.create_session(name, 15, 1) for name in ("ours", "theirs"))
    assert kv_port.acquire(LOCK, ours, b"")
    kv_port.destroy_session(ours)
    assert not kv_port.acquire(LOCK, theirs, b"")
    eventually(lambda: kv_port.acquire(LOCK, theirs, b""), within=5)


@pytest.mark.slow
def test_a_session_that_is_not_renewed_ends(kv_port: Kv) -> None:
    session = kv_port.create_session("ours", 10, 0)
    kv_port.acquire(LOCK, session, b"")

    def released() -> bool:
        held = kv_port.holder(LOCK)
        return held is not None and held.session is None

    eventually(released, within=30, every=0.5)
    with pytest.raises(LeaseLost):
        kv_port.commit([Put("status/a", b"")], fence=Fence(LOCK, session))
