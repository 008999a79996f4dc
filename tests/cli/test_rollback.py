"""`history`, `rollback` and `diff --from`: what is kept, and going back to it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from desired_state.folder_hash import folder_hash
from desired_state.records import Pushed, Pushing
from swarm_operator.cli import kv_folder
from swarm_operator.observed.kv import Fence, Put, Unchanged
from swarm_operator.runtime.history import HistoryWriter
from tests.cli.conftest import CommandLine
from tests.cli.fake_kv import FakeKv

FOLDER = "desired/stacks/wiki/"
LOCK = "lock/leader"


def files(kv: FakeKv) -> dict[str, bytes]:
    entries = kv.read(FOLDER).entries
    return {path: e.value for path, e in entries.items() if path not in {".pushed", ".pushing"}}


def keep(run: CommandLine) -> None:
    """What the operator does when the stack is first Ready."""
    kv = run.fake_kv
    fence = Fence(LOCK, kv.hold(LOCK))
    folder = kv_folder.read(kv, "wiki")
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    HistoryWriter(kv).keep("wiki", folder.revision, folder.parsed.kept, "ann@desk", when, fence)


def document(folder: Path, image: str) -> None:
    path = folder / "compose.yaml"
    image += '\n    labels: {tag: "${TAG}"}'
    path.write_text(path.read_text().replace("nginx:${TAG}", image))


@pytest.fixture
def kept(run: CommandLine, wiki: Path) -> CommandLine:
    """Two revisions are kept, the second is what the KV holds."""
    run("init")
    assert run("push", wiki).exit_code == 0
    keep(run)
    document(wiki, "httpd:2")
    (wiki / "conf/site.conf").write_text("server { two }\n")
    assert run("push", wiki).exit_code == 0
    keep(run)
    run.fake_kv.commits.clear()
    return run


@pytest.fixture
def first(wiki: Path) -> Mapping[str, bytes]:
    """The files of the first revision."""
    names = [".env", "compose.yaml", "conf/password.txt", "conf/site.conf", "web.env"]
    return {name: (wiki / name).read_bytes() for name in names}


def test_history_lists_the_newest_first_and_marks_the_current(kept: CommandLine) -> None:
    _, *rows = (line.split() for line in kept("history", "wiki").stdout.splitlines())
    assert [row[:2] for row in rows] == [["*", "2"], ["1", "2026-01-02"]]
    assert "ann@desk" in rows[0]
    shown = json.loads(kept("history", "wiki", "-o", "json").stdout)
    assert [each["number"] for each in shown["revisions"]] == [2, 1]
    assert [each["current"] for each in shown["revisions"]] == [True, False]
    assert "conf/password.txt" not in shown["revisions"][0]["files"]


def test_history_of_a_stack_that_was_never_ready(run: CommandLine, wiki: Path) -> None:
    run("push", wiki)
    assert "nothing is kept yet" in run("history", "wiki").stdout
    result = run("history", "wikki")
    assert result.exit_code == 1
    assert result.stderr == "Error: there is no stack wikki in the KV; did you mean wiki?\n"


def test_rollback_is_one_transaction_that_compares_every_key(
    first: Mapping[str, bytes], kept: CommandLine
) -> None:
    result = kept("rollback", "wiki")
    assert result.exit_code == 0, result.stderr
    assert "back to revision 1 of 2026-01-02 03:04:05 UTC, pushed by ann@desk" in result.stdout
    assert "wrote compose.yaml, conf/site.conf" in result.stdout
    assert files(kept.fake_kv) == first
    (operations,) = kept.fake_kv.commits
    puts = {each.key: each.index for each in operations if isinstance(each, Put)}
    assert set(puts) == {FOLDER + n for n in ("compose.yaml", "conf/site.conf", ".pushed")}
    assert all(puts.values())
    assert {each.key for each in operations if isinstance(each, Unchanged)} == {
        FOLDER + name for name in (".env", "conf/password.txt", "web.env")
    }
    marker = Pushed.parse(kept.fake_kv.entries[FOLDER + ".pushed"].value)
    assert marker is not None
    assert marker.hash == folder_hash(files(kept.fake_kv))
    assert set(marker.files) == set(first)


def test_a_second_rollback_goes_forward_again(kept: CommandLine) -> None:
    second = files(kept.fake_kv)
    kept("rollback", "wiki")
    assert "back to revision 2" in kept("rollback", "wiki").stdout
    assert files(kept.fake_kv) == second


def test_the_secrets_of_now_stay(kept: CommandLine, wiki: Path) -> None:
    (wiki / "conf/password.txt").write_text("a new one")
    kept("push", wiki)
    result = kept("rollback", "wiki", "--to", "1")
    assert files(kept.fake_kv)["conf/password.txt"] == b"a new one"
    assert "a new one" not in result.output


def test_a_changed_secret_alone_makes_no_other_revision(kept: CommandLine, wiki: Path) -> None:
    (wiki / "conf/password.txt").write_text("a new one")
    kept("push", wiki)
    keep(kept)
    assert "back to revision 1" in kept("rollback", "wiki").stdout


def test_a_secret_that_is_named_no_more_is_not_lost(kept: CommandLine) -> None:
    kv = kept.fake_kv
    kv.put(FOLDER + "compose.yaml", "services: {web: {image: busybox}}\n")
    assert kept("rollback", "wiki", "--to", "1").exit_code == 0
    assert files(kv)["conf/password.txt"] == b"open-sesame"


def test_a_secret_that_is_gone_stops_it(kept: CommandLine) -> None:
    kv = kept.fake_kv
    kv.delete(FOLDER + "conf/password.txt")
    before = files(kv)
    result = kept("rollback", "wiki", "--to", "1")
    assert result.exit_code == 1
    assert "conf/password.txt is not in the folder" in result.stderr
    assert "nothing was written" in result.stderr
    assert files(kv) == before


def test_what_the_revision_did_not_have_is_taken_away(
    first: Mapping[str, bytes], kept: CommandLine, wiki: Path
) -> None:
    (wiki / "compose.yaml").rename(wiki / "stack.yml")
    text = (wiki / "stack.yml").read_text().replace("web.env", "[web.env, more.env]")
    (wiki / "stack.yml").write_text(text)
    (wiki / "more.env").write_text("MORE=1\n")
    kept("push", wiki)
    result = kept("rollback", "wiki", "--to", "1")
    assert "deleted more.env, stack.yml" in result.stdout
    assert files(kept.fake_kv) == first


@pytest.mark.parametrize("broken", ["services: {", "services: {web: {imagee: x}}"])
def test_back_from_a_document_that_is_refused(
    first: Mapping[str, bytes], kept: CommandLine, broken: str
) -> None:
    kv = kept.fake_kv
    kv.put(FOLDER + "compose.yaml", broken)
    kv.put(FOLDER + "notes.txt", "by hand")
    result = kept("rollback", "wiki", "--to", "1")
    assert result.exit_code == 0, result.stderr
    assert files(kv) == {**first, "notes.txt": b"by hand"}
    marker = Pushed.parse(kv.entries[FOLDER + ".pushed"].value)
    assert marker is not None
    assert "notes.txt" not in marker.files, "what a hand put there no push takes away"
    assert marker.hash == folder_hash(files(kv))


def test_an_optional_env_file_that_was_not_there_then_goes(
    run: CommandLine, tmp_path: Path
) -> None:
    folder = tmp_path / "wiki"
    folder.mkdir()
    (folder / "compose.yaml").write_text(
        "services: {web: {image: busybox, env_file: [{path: more.env, required: false}]}}\n"
    )
    run("push", folder)
    keep(run)
    run.fake_kv.put(FOLDER + "compose.yaml", "services: {")
    run.fake_kv.put(FOLDER + "more.env", "MORE=1\n")
    assert run("rollback", "wiki").exit_code == 0
    assert set(files(run.fake_kv)) == {"compose.yaml"}


def test_a_removed_stack_comes_back_where_it_has_no_secrets(
    run: CommandLine, tmp_path: Path
) -> None:
    folder = tmp_path / "wiki"
    folder.mkdir()
    (folder / "compose.yaml").write_text("services: {web: {image: busybox}}\n")
    run("push", folder)
    keep(run)
    run("remove", "wiki", "--yes")
    assert files(run.fake_kv) == {}
    assert run("rollback", "wiki").exit_code == 0
    assert set(files(run.fake_kv)) == {"compose.yaml"}


def test_an_unknown_number_names_those_that_there_are(kept: CommandLine) -> None:
    result = kept("rollback", "wiki", "--to", "7")
    assert result.exit_code == 1
    assert result.stderr == "Error: revision 7 of wiki is not kept; kept are: 1, 2\n"


def test_nothing_to_go_back_to(run: CommandLine, wiki: Path) -> None:
    run("push", wiki)
    keep(run)
    result = run("rollback", "wiki")
    assert result.exit_code == 1
    assert "no revision of wiki is kept but the current one" in result.stderr
    again = run("rollback", "wiki", "--to", "1")
    assert (again.exit_code, again.stderr) == (0, "")
    assert "the KV holds just that already" in again.stdout


def test_beside_a_push_it_is_refused(kept: CommandLine) -> None:
    marker = Pushing(who="bob@desk", when=datetime.now(UTC))
    kept.fake_kv.put(FOLDER + ".pushing", marker.encode())
    result = kept("rollback", "wiki")
    assert result.exit_code == 1
    assert "another push by bob@desk" in result.stderr
    assert kept.fake_kv.commits == []


def test_another_hand_between_read_and_write_is_noticed(kept: CommandLine) -> None:
    kv = kept.fake_kv
    kv.before_commit = lambda: kv.put(FOLDER + "conf/site.conf", "theirs")
    result = kept("rollback", "wiki")
    assert result.exit_code == 1
    assert "at this very moment" in result.stderr
    assert b"httpd" in files(kv)["compose.yaml"]


def test_a_damaged_archive_is_said(kept: CommandLine) -> None:
    kept.fake_kv.put("history/wiki/000001/000", "not an archive")
    result = kept("rollback", "wiki", "--to", "1")
    assert result.exit_code == 1
    assert "revision 1 of wiki: the chunks are no archive" in result.stderr


def test_diff_from_a_revision_is_one_of_specs(kept: CommandLine) -> None:
    result = kept("diff", "wiki", "--from", "1")
    assert result.exit_code == 2, result.stderr
    assert result.stdout.splitlines() == [
        "wiki: 2 changes since revision 1 (files: compose.yaml, conf/site.conf)",
        "  ~ update config wiki_site",
        "      Data: (hidden) → (hidden) [restarts tasks]",
        "  ~ update service wiki_web",
        # The tag came from .env.
        "      Labels.com.docker.stack.image: (hidden) → (hidden) [none]",
        "      TaskTemplate.ContainerSpec.Image: (hidden) → (hidden) [restarts tasks]",
        "      TaskTemplate.ContainerSpec.Labels.tag: (absent) → (hidden) [restarts tasks]",
    ]
    same = kept("diff", "wiki", "--from", "2")
    assert same.exit_code == 0
    assert "nothing differs on the swarm since revision 2" in same.stdout


def test_diff_from_hides_what_is_secret_on_either_side(kept: CommandLine, wiki: Path) -> None:
    (wiki / "web.env").write_text("COLOUR=crimson\nNEW=hushhush\n")
    kept("push", wiki)
    for form in ("text", "json"):
        result = kept("diff", "wiki", "--from", "1", "-o", form)
        assert result.exit_code == 2
        assert "ContainerSpec.Env.COLOUR" in result.stdout
        for secret in ("blue", "crimson", "hushhush", "open-sesame"):
            assert secret not in result.output


def test_diff_from_hides_what_was_secret_only_then(run: CommandLine, wiki: Path) -> None:
    text = "services: {web: {image: a, environment: {A: hush-hush}, labels: {b: hush-hush}}}\n"
    (wiki / "compose.yaml").write_text(text)
    run("push", wiki)
    keep(run)
    (wiki / "compose.yaml").write_text("services: {web: {image: a, labels: {b: red}}}\n")
    run("push", wiki)
    result = run("diff", "wiki", "--from", "1")
    assert "ContainerSpec.Labels.b: (hidden) → (hidden)" in result.stdout
    assert "hush-hush" not in result.output


def test_diff_from_wants_a_stack(kept: CommandLine) -> None:
    assert kept("diff", "--from", "1").exit_code == 2
    assert kept("diff", "./x", "--from", "1").exit_code == 2


def test_rollback_asks_a_person(kept: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarm_operator.cli.rollback.is_terminal", lambda: True)
    result = kept("rollback", "wiki", stdin="n\n")
    assert result.exit_code == 1
    assert "wiki back to revision 1" in result.output
    assert kept.fake_kv.commits == []
    assert kept("rollback", "wiki", "--yes").exit_code == 0
