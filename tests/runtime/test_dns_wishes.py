"""The documents' bindings on their way to the thread of names."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from desired_state import keys
from swarm_operator.plan.desired import DesiredStack, FolderVersion, read_stack
from tests.laws.worlds import Document
from tests.runtime.bench import Bench, one

DNS = {"zone": "example.org", "name": "git"}


def named(*entries: dict[str, str]) -> Document:
    return {"services": {"web": {"image": "one", "x-operator": {"dns": list(entries)}}}}


def names(bench: Bench) -> list[str]:
    return sorted(wish.binding.name for wish in bench.wishes[-1].wishes)


def running() -> Bench:
    bench = Bench()
    bench.push("shop", named(DNS))
    bench.push("blog", one())
    bench.run(30)
    return bench


def test_a_binding_is_told_with_its_service() -> None:
    bench = running()
    (wish,) = bench.wishes[-1].wishes
    assert (wish.stack, wish.service, wish.binding.fqdn) == ("shop", "shop_web", "git.example.org")
    assert bench.wishes[-1].unread == frozenset()


def test_another_binding_changes_no_service() -> None:
    bench = running()
    versions = [service.version for service in bench.swarm.snapshot.services]
    bench.push("shop", named(DNS, {**DNS, "name": "www"}))
    bench.run(10)
    assert names(bench) == ["git", "www"]
    assert [service.version for service in bench.swarm.snapshot.services] == versions


def test_a_document_that_cannot_be_read_keeps_its_bindings() -> None:
    bench = running()
    bench.edit("shop", "services: [")
    bench.run(10)
    assert names(bench) == ["git"]
    assert bench.wishes[-1].unread == {"shop"}


def test_a_defect_in_reading_one_stack_is_no_others_trouble(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = running()
    read = read_stack

    def broken(folder: FolderVersion) -> DesiredStack:
        if folder.stack == "blog":
            raise ZeroDivisionError
        return read(folder)

    monkeypatch.setattr("swarm_operator.runtime.reader.read_stack", broken)
    bench.push("blog", one("two"))
    bench.push("shop", named({**DNS, "name": "www"}))
    with capture_logs():  # a traceback would take minutes to draw
        bench.run(10)
    assert names(bench) == ["www"]
    assert bench.wishes[-1].unread == {"blog"}
    assert bench.status("blog").reason == "Defect"


def test_a_folder_that_vanished_keeps_them_and_a_removed_stack_does_not() -> None:
    bench = running()
    bench.vanish("shop")
    bench.run(10)
    assert (names(bench), list(bench.wishes[-1].unread)) == (["git"], ["shop"])
    bench.kv.put(f"{keys.DESIRED}{keys.removed_key('shop')}", "{}")
    bench.run(10)
    assert (names(bench), bench.wishes[-1].unread) == ([], frozenset())


def test_without_the_sentinel_nothing_is_told() -> None:
    bench = running()
    told = len(bench.wishes)
    bench.kv.delete(f"{keys.DESIRED}.installation")
    bench.vanish("shop")
    bench.run(10)
    assert len(bench.wishes) == told


def test_a_nodes_addresses_are_told_and_kept_while_its_document_cannot_be_read() -> None:
    bench = running()
    key = f"{keys.DESIRED}{keys.NODES}node1"
    bench.kv.put(key, "addresses: [51.75.10.4, '2001:db8::4']")
    bench.run(5)
    assert bench.wishes[-1].addresses == {"node1": ("51.75.10.4", "2001:db8::4")}
    bench.kv.put(key, "adresses: []")
    bench.run(5)
    assert bench.wishes[-1].addresses == {"node1": ("51.75.10.4", "2001:db8::4")}
    (warning,) = bench.controller.situation.warnings
    assert "did you mean" in warning
    assert bench.wishes[-1].unread_nodes == frozenset()


def test_a_nodes_document_that_could_not_be_read_yet_is_told() -> None:
    """After a restart nobody knows what addresses it named."""
    bench = running()
    key = f"{keys.DESIRED}{keys.NODES}node1"
    bench.kv.put(key, "adresses: []")
    bench.take_over()
    bench.run(5)
    assert bench.wishes[-1].unread_nodes == {"node1"}
    bench.kv.put(key, "addresses: [51.75.10.4]")
    bench.run(5)
    assert bench.wishes[-1].unread_nodes == frozenset()
    bench.kv.put(key, "adresses: []")
    bench.run(5)
    assert bench.wishes[-1].unread_nodes == frozenset()
    assert bench.wishes[-1].addresses == {"node1": ("51.75.10.4",)}


def test_what_was_read_in_an_earlier_term_is_forgotten() -> None:
    """Another one led: the stack was removed, and its tombstone is gone again."""
    bench = running()
    lease = bench.lease
    lease.gone = True
    bench.run(5)
    bench.vanish("shop")
    lease.fence_ = replace(lease.fence_, term=lease.fence_.term + 1)
    lease.gone = False
    bench.run(10)
    assert names(bench) == []
