"""`init`: the sentinel, its recovery and its binding to a swarm."""

from collections.abc import Iterable

import pytest

from desired_state.records import Installation
from swarm_operator.observed.swarm import Config, Network, Secret, Service, Swarm
from tests.cli.conftest import CommandLine

SENTINEL = "desired/.installation"
LABEL = "io.swarm-operator.installation"


def sentinel(run: CommandLine) -> Installation:
    found = Installation.parse(run.fake_kv.entries[SENTINEL].value)
    assert found is not None
    return found


def swarm_with(*installations: str, cluster_id: str = "swarm-1") -> Swarm:
    """A swarm with one object of each installation, each of another kind."""
    labels: Iterable[dict[str, str]] = ({LABEL: each} for each in installations)
    kinds: dict[str, tuple[object, ...]] = {}
    for number, label in enumerate(labels):
        match number % 4:
            case 0:
                kinds["secrets"] = (Secret("i", 1, "s", label),)
            case 1:
                kinds["configs"] = (Config("i", 1, "c", label),)
            case 2:
                kinds["networks"] = (Network("i", "n", "overlay", label),)
            case _:
                kinds["services"] = (Service("i", 1, "w", {"Labels": label}),)
    return Swarm(cluster_id=cluster_id, **kinds)  # type: ignore[arg-type]


def test_a_new_installation_gets_an_id_a_key_and_this_swarm(run: CommandLine) -> None:
    result = run("init")
    assert result.exit_code == 0, result.stderr
    made = sentinel(run)
    assert made.swarm == "swarm-1"
    assert len(bytes.fromhex(made.key)) == 32
    assert made.schema_version == 1
    assert made.installation in result.stdout
    assert made.key not in result.output


def test_two_installations_are_never_equal(run: CommandLine) -> None:
    run("init")
    first = sentinel(run)
    run.fake_kv.delete(SENTINEL)
    run("init")
    assert (sentinel(run).installation, sentinel(run).key) != (first.installation, first.key)


def test_an_existing_sentinel_is_kept(run: CommandLine) -> None:
    run("init")
    before = run.fake_kv.entries[SENTINEL]
    result = run("init")
    assert result.exit_code == 1
    assert "bound to this swarm" in result.stderr
    assert run.fake_kv.entries[SENTINEL] == before


def test_a_swarm_with_our_labels_asks_for_recover(run: CommandLine) -> None:
    run.fake_swarm.swarm = swarm_with("lost-id")
    result = run("init")
    assert result.exit_code == 1
    assert "lost-id" in result.stderr
    assert "init --recover" in result.stderr
    assert run.fake_kv.entries == {}


@pytest.mark.parametrize("kind", [0, 1, 2, 3])
def test_recover_takes_the_id_from_the_labels(run: CommandLine, kind: int) -> None:
    run.fake_swarm.swarm = swarm_with(*[""] * kind, "lost-id")
    assert run("init", "--recover").exit_code == 0
    assert sentinel(run).installation == "lost-id"
    assert len(sentinel(run).key) == 64


def test_several_ids_are_a_question(run: CommandLine) -> None:
    run.fake_swarm.swarm = swarm_with("id-b", "id-a")
    result = run("init", "--recover")
    assert result.exit_code == 1
    assert "choose with --installation:\n  id-a\n  id-b" in result.stderr
    assert run("init", "--recover", "--installation", "id-b").exit_code == 0
    assert sentinel(run).installation == "id-b"


def test_recover_of_nothing_is_an_error(run: CommandLine) -> None:
    result = run("init", "--recover")
    assert result.exit_code == 1
    assert "use `init` without --recover" in result.stderr


def test_recover_binds_to_another_swarm_and_keeps_id_and_key(run: CommandLine) -> None:
    run("init")
    before = sentinel(run)
    run.fake_swarm.swarm = Swarm(cluster_id="swarm-2")
    result = run("init")
    assert result.exit_code == 1
    assert "another swarm (swarm-1)" in result.stderr
    assert run("init", "--recover").exit_code == 0
    after = sentinel(run)
    assert after.swarm == "swarm-2"
    assert (after.installation, after.key) == (before.installation, before.key)


def test_recover_where_all_is_well_changes_nothing(run: CommandLine) -> None:
    run("init")
    before = run.fake_kv.entries[SENTINEL]
    assert run("init", "--recover").exit_code == 0
    assert run.fake_kv.entries[SENTINEL] == before


def test_a_sentinel_of_a_newer_schema_is_left_alone(run: CommandLine) -> None:
    newer = b'{"schema": 2, "installation": "x", "swarm": "other"}'
    run.fake_kv.put(SENTINEL, newer)
    result = run("init", "--recover")
    assert result.exit_code == 1
    assert "newer swarm-operator" in result.stderr
    assert run.fake_kv.entries[SENTINEL].value == newer


def test_half_a_swarm_is_no_evidence(run: CommandLine) -> None:
    run.fake_swarm.swarm = Swarm(cluster_id="swarm-1", incomplete=("no majority",))
    result = run("init")
    assert result.exit_code == 1
    assert "no majority" in result.stderr
    assert run.fake_kv.entries == {}


def test_another_hand_is_quicker(run: CommandLine) -> None:
    run.fake_kv.before_commit = lambda: run.fake_kv.put(SENTINEL, "{}")
    result = run("init")
    assert result.exit_code == 1
    assert "just now" in result.stderr
