"""`push`: what is written, in how many transactions, and when it is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from desired_state.folder_hash import folder_hash
from desired_state.records import Pushed, Pushing
from swarm_operator.observed.errors import Unavailable
from swarm_operator.observed.kv import Put, Unchanged
from tests.cli.conftest import CommandLine
from tests.cli.fake_kv import FakeKv

FOLDER = "desired/stacks/wiki/"
NAMED = {".env", "compose.yaml", "conf/password.txt", "conf/site.conf", "web.env"}


def files(kv: FakeKv) -> dict[str, bytes]:
    """The folder's content without the markers."""
    entries = kv.read(FOLDER).entries
    return {path: e.value for path, e in entries.items() if path not in {".pushed", ".pushing"}}


@pytest.fixture
def pushed(run: CommandLine, wiki: Path) -> CommandLine:
    run.fake_kv.put("desired/.installation", "{}")
    result = run("push", wiki)
    assert result.exit_code == 0, result.stderr
    run.fake_kv.commits.clear()
    return run


def test_the_document_and_the_files_it_names_are_written_at_once(
    run: CommandLine, wiki: Path
) -> None:
    run.fake_kv.put("desired/.installation", "{}")
    result = run("push", wiki)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("wiki: wrote .env, compose.yaml,")
    assert set(files(run.fake_kv)) == NAMED
    assert len(run.fake_kv.commits) == 1
    marker = Pushed.parse(run.fake_kv.entries[FOLDER + ".pushed"].value)
    assert marker is not None
    assert marker.hash == folder_hash(files(run.fake_kv))
    assert set(marker.files) == NAMED


def test_unchanged_writes_nothing(pushed: CommandLine, wiki: Path) -> None:
    result = pushed("push", wiki)
    assert (result.exit_code, result.stdout) == (0, "wiki: unchanged\n")
    assert pushed.fake_kv.commits == []


def test_only_what_changed_is_written_and_the_rest_is_guarded(
    pushed: CommandLine, wiki: Path
) -> None:
    (wiki / "web.env").write_text("COLOUR=red\n")
    assert pushed("push", wiki).stdout == "wiki: wrote web.env\n"
    (operations,) = pushed.fake_kv.commits
    puts = [operation for operation in operations if isinstance(operation, Put)]
    assert [put.key for put in puts] == [FOLDER + "web.env", FOLDER + ".pushed"]
    assert all(put.index for put in puts)
    guards = {each.key for each in operations if isinstance(each, Unchanged)}
    assert guards == {FOLDER + path for path in NAMED - {"web.env"}}


def test_files_that_are_named_no_more_are_deleted(pushed: CommandLine, wiki: Path) -> None:
    (wiki / "compose.yaml").write_text("services: {web: {image: busybox}}\n")
    result = pushed("push", wiki)
    assert "deleted .env, conf/password.txt, conf/site.conf, web.env" in result.stdout
    assert set(files(pushed.fake_kv)) == {"compose.yaml"}


def test_an_env_that_changes_nothing_stays_at_home(run: CommandLine, wiki: Path) -> None:
    (wiki / "compose.yaml").write_text("services: {web: {image: busybox}}\n")
    run("push", wiki)
    assert set(files(run.fake_kv)) == {"compose.yaml"}


def test_a_change_by_another_hand_is_not_undone(pushed: CommandLine, wiki: Path) -> None:
    kv = pushed.fake_kv
    kv.put(FOLDER + "web.env", "COLOUR=theirs\n")
    kv.put(FOLDER + "new.txt", "theirs")
    kv.delete(FOLDER + "conf/site.conf")
    (wiki / "compose.yaml").write_text("services: {web: {image: busybox}}\n")
    result = pushed("push", wiki)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "conf/site.conf (deleted), new.txt, web.env" in result.stderr
    assert "--force" in result.stderr
    assert kv.commits == []


def test_force_writes_over_it_and_keeps_what_never_came_by_push(
    pushed: CommandLine, wiki: Path
) -> None:
    kv = pushed.fake_kv
    kv.put(FOLDER + "web.env", "COLOUR=theirs\n")
    kv.put(FOLDER + "new.txt", "theirs")
    assert pushed("push", wiki, "--force").exit_code == 0
    assert files(kv)["web.env"] == b"COLOUR=blue\n"
    assert files(kv)["new.txt"] == b"theirs"
    assert pushed("push", wiki).stdout == "wiki: unchanged\n"
    marker = Pushed.parse(kv.entries[FOLDER + ".pushed"].value)
    assert marker is not None
    assert marker.hash == folder_hash(files(kv)), "else the operator would debounce it for ever"


def test_a_folder_made_by_hand_is_not_taken_without_force(run: CommandLine, wiki: Path) -> None:
    run.fake_kv.put(FOLDER + "compose.yaml", "services: {}\n")
    result = run("push", wiki)
    assert result.exit_code == 1
    assert "was not made by push" in result.stderr
    assert run("push", wiki, "--force").exit_code == 0


def test_a_folder_made_by_hand_with_the_same_content_is_only_marked(
    run: CommandLine, wiki: Path
) -> None:
    for path in NAMED:
        run.fake_kv.put(FOLDER + path, (wiki / path).read_bytes())
    assert run("push", wiki).stdout == "wiki: unchanged, marked as pushed\n"
    assert run("push", wiki).stdout == "wiki: unchanged\n"


def test_another_hand_between_read_and_write_is_noticed(pushed: CommandLine, wiki: Path) -> None:
    (wiki / "web.env").write_text("COLOUR=red\n")
    kv = pushed.fake_kv
    kv.before_commit = lambda: kv.put(FOLDER + "compose.yaml", "theirs")
    result = pushed("push", wiki)
    assert result.exit_code == 1
    assert "at this very moment" in result.stderr
    assert files(kv)["web.env"] == b"COLOUR=blue\n"


def many_files(wiki: Path, number: int, size: int = 10) -> None:
    configs = {f"c{n}": f"conf/{n}.txt" for n in range(number)}
    for name, path in configs.items():
        (wiki / path).write_text(name * (size // len(name)))
    listed = "".join(f"  {name}: {{file: {path}}}\n" for name, path in configs.items())
    (wiki / "compose.yaml").write_text(
        f"services: {{web: {{image: busybox, configs: [{', '.join(configs)}]}}}}\n"
        f"configs:\n{listed}"
    )


@pytest.mark.parametrize(("number", "size"), [(150, 10), (5, 200_000)])
def test_a_large_folder_is_written_between_markers(
    run: CommandLine, wiki: Path, number: int, size: int
) -> None:
    many_files(wiki, number, size)
    result = run("push", wiki)
    assert result.exit_code == 0, result.stderr
    kv = run.fake_kv
    first, *_, last = kv.commits
    assert isinstance(first[0], Put)
    assert first[0].key == FOLDER + ".pushing"
    assert [operation.key for operation in last if not hasattr(operation, "prefix")] == [
        FOLDER + ".pushed",
        FOLDER + ".pushing",
    ]
    assert len(files(kv)) == number + 1
    assert FOLDER + ".pushing" not in kv.entries
    assert run("push", wiki).stdout == "wiki: unchanged\n"


def fails_at(number: int) -> Callable[[], None]:
    """Consul goes away before the transaction of that number."""
    left = iter(range(number - 1))

    def before_commit() -> None:
        if next(left, None) is None:
            raise Unavailable("Consul is down")

    return before_commit


def test_an_interrupted_push_is_finished_by_the_next(run: CommandLine, wiki: Path) -> None:
    many_files(wiki, 150)
    kv = run.fake_kv
    kv.before_commit = fails_at(3)
    result = run("push", wiki)
    assert result.exit_code == 1
    assert "its first parts are written: push again" in result.stderr
    assert FOLDER + ".pushing" in kv.entries
    kv.before_commit = lambda: None
    many_files(wiki, 149)
    assert run("push", wiki).exit_code == 0
    assert len(files(kv)) == 150, "what the dead push wrote and is named no more is gone"
    assert FOLDER + ".pushing" not in kv.entries


def test_a_push_beside_another_one_waits_its_turn(pushed: CommandLine, wiki: Path) -> None:
    kv = pushed.fake_kv
    now = datetime.now(UTC)
    kv.put(FOLDER + ".pushing", Pushing(who="ann@desk", when=now).encode())
    (wiki / "web.env").write_text("COLOUR=red\n")
    result = pushed("push", wiki)
    assert result.exit_code == 1
    assert "another push by ann@desk" in result.stderr
    long_ago = now - timedelta(minutes=2)
    kv.put(FOLDER + ".pushing", Pushing(who="ann@desk", when=long_ago).encode())
    assert pushed("push", wiki).exit_code == 0
    assert FOLDER + ".pushing" not in kv.entries


def test_a_file_beyond_consuls_limit_is_refused_by_name(run: CommandLine, wiki: Path) -> None:
    (wiki / "conf/site.conf").write_text("x" * 400_000)
    result = run("push", wiki)
    assert result.exit_code == 1
    assert "conf/site.conf has 400 kB" in result.stderr
    assert run.fake_kv.commits == []


def test_a_dry_run_writes_nothing(run: CommandLine, wiki: Path) -> None:
    result = run("push", wiki, "--dry-run")
    assert result.stdout.startswith("wiki: would write .env, compose.yaml")
    assert run.fake_kv.commits == []


def test_one_bad_folder_of_two_and_nothing_is_pushed(
    run: CommandLine, wiki: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "compose.yaml").write_text("services: {web: {imagee: x}}\n")
    result = run("push", wiki, bad)
    assert result.exit_code == 1
    assert "nothing was pushed" in result.stderr
    assert run.fake_kv.commits == []


def test_a_kv_without_a_sentinel_is_remarked_on(run: CommandLine, wiki: Path) -> None:
    assert "no desired/.installation" in run("push", wiki).stderr


def test_no_secret_is_printed(run: CommandLine, wiki: Path) -> None:
    assert "open-sesame" not in run("push", wiki).output
