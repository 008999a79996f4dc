"""`diff` of a folder and of a stack: what is shown, and what never is."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine

FOLDER = "desired/stacks/wiki/"


@pytest.fixture
def pushed(run: CommandLine, wiki: Path) -> CommandLine:
    run("init")
    assert run("push", wiki).exit_code == 0
    run.fake_kv.commits.clear()
    return run


def diff(run: CommandLine, folder: Path, code: int = 2) -> str:
    result = run("diff", f"{folder}/")
    assert result.exit_code == code, result.output
    assert run.fake_kv.commits == []
    return result.stdout


def test_a_stack_is_shown_as_plan_shows_it(pushed: CommandLine) -> None:
    shown = pushed("diff", "wiki")
    assert shown.exit_code == 2
    assert shown.stdout == pushed("plan", "wiki").stdout
    assert pushed("diff").stdout == shown.stdout


def test_an_unknown_stack_is_an_error(
    pushed: CommandLine, wiki: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = pushed("diff", "wikki")
    assert result.exit_code == 1
    assert "did you mean wiki?" in result.stderr
    other = wiki.parent / "something"
    other.mkdir()
    monkeypatch.chdir(wiki.parent)
    assert "the folder is written ./something" in pushed("diff", "something").stderr


def test_a_folder_as_pushed_has_no_changed_file_but_a_plan(pushed: CommandLine, wiki: Path) -> None:
    shown = diff(pushed, wiki)
    assert shown.startswith("wiki: a push would change no file\n")
    assert "+ create service wiki_web" in shown


def test_a_changed_document_is_a_unified_diff_and_its_plan(pushed: CommandLine, wiki: Path) -> None:
    document = wiki / "compose.yaml"
    document.write_text(document.read_text().replace("nginx:${TAG}", "httpd:2"))
    lines = diff(pushed, wiki).splitlines()
    assert lines[:5] == [
        "--- kv/wiki/.env",
        "+++ /dev/null",
        "@@ -1 +0,0 @@",
        "-TAG=(hidden)",
        "--- kv/wiki/compose.yaml",
    ]
    assert lines[5:13] == [
        "+++ wiki/compose.yaml",
        "@@ -1,6 +1,6 @@",
        " services:",
        "   web:",
        "-    image: nginx:${TAG}",
        "+    image: httpd:2",
        "     env_file: web.env",
        "     configs: [site]",
    ]
    assert "  + create service wiki_web" in "\n".join(lines)


def test_json_has_files_and_plan(pushed: CommandLine, wiki: Path) -> None:
    (wiki / "conf/site.conf").write_text("server { x }\n")
    (wiki / "conf/password.txt").write_text("hushhush")
    shown = json.loads(pushed("diff", f"{wiki}/", "-o", "json").stdout)
    assert [(each["path"], each["state"]) for each in shown["files"]] == [
        ("conf/password.txt", "changed"),
        ("conf/site.conf", "changed"),
    ]
    assert shown["files"][0]["diff"] is None
    assert shown["files"][1]["diff"][-2:] == ["-server {}", "+server { x }"]
    assert shown["plan"]["stacks"][0]["stack"] == "wiki"


def test_a_stack_that_is_new_is_all_new(run: CommandLine, wiki: Path) -> None:
    run("init")
    run.fake_kv.commits.clear()
    shown = diff(run, wiki)
    assert "--- /dev/null\n+++ wiki/compose.yaml\n@@ -0,0 +1,10 @@\n+services:" in shown
    assert "create service wiki_web" in shown
    assert "(new; its content is not shown)" in shown


SECRETS = (
    "inline-environment",
    "listed-environment",
    "anchored-value",
    "inline-secret",
    "label-hash",
    "option-word",
    "command-word",
    "block-text",
    "open-sesame",
    "brand-new-secret",
    "env-file-word",
    "dotenv-word",
    "second-line",
    "xyz",
)

DOCUMENT = """\
x-shared: &shared
  DB_PASSWORD: anchored-value
services:
  web:
    image: httpd:2
    environment:
      <<: *shared
      PASSWORD: inline-environment
      SHORT: xyz
      BLOCK: |
        block-text
        more block-text
    command: ["serve", "--password=command-word"]
    env_file: web.env
    secrets: [password, inline]
    deploy:
      labels:
        traefik.http.middlewares.a.basicauth.users: "admin:label-hash"
  other:
    image: "busybox:${WORD}"
    environment: ["LISTED=listed-environment"]
volumes:
  data:
    driver: local
    driver_opts: {o: "username=a,password=option-word"}
secrets:
  password: {file: conf/password.txt}
  inline: {content: inline-secret}
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_of_either_side_is_shown(pushed: CommandLine, wiki: Path, form: str) -> None:
    (wiki / "compose.yaml").write_text(DOCUMENT)
    (wiki / "conf/password.txt").write_text("brand-new-secret\n")
    (wiki / "web.env").write_text("# second-line\nCOLOUR=env-file-word\n")
    (wiki / ".env").write_text("WORD=dotenv-word\nQUOTED='a\nsecond-line'\n")
    result = pushed("diff", f"{wiki}/", "-o", form)
    assert result.exit_code == 2, result.stderr
    for secret in SECRETS:
        assert secret not in result.output, secret
    assert "PASSWORD: (hidden)" in result.stdout
    assert "LISTED=(hidden)" in result.stdout
    # The same on the way back: what is secret in the KV alone.
    pushed("push", wiki)
    (wiki / "compose.yaml").write_text("services: {web: {image: busybox}}\n")
    result = pushed("diff", f"{wiki}/", "-o", form)
    assert result.exit_code == 2, result.stderr
    for secret in SECRETS:
        assert secret not in result.output, secret


def test_a_document_in_the_kv_that_cannot_be_read_is_not_shown(
    pushed: CommandLine, wiki: Path
) -> None:
    pushed.fake_kv.put(FOLDER + "compose.yaml", "services: {web: {environment: {A: leaky-word")
    result = pushed("diff", f"{wiki}/")
    assert "its content is not shown" in result.stdout
    assert "leaky-word" not in result.output


def test_a_secret_that_was_a_config_is_hidden_on_both_sides(
    pushed: CommandLine, wiki: Path
) -> None:
    document = wiki / "compose.yaml"
    document.write_text(
        "services: {web: {image: a, secrets: [site]}}\nsecrets: {site: {file: conf/site.conf}}\n"
    )
    (wiki / "conf/site.conf").write_text("now-a-secret\n")
    result = pushed("diff", f"{wiki}/")
    assert "now-a-secret" not in result.output
    assert "server" not in result.output


def test_a_refused_folder_is_exit_code_1(pushed: CommandLine, wiki: Path) -> None:
    (wiki / "compose.yaml").write_text("services: {web: {imagee: x}}\n")
    result = pushed("diff", f"{wiki}/")
    assert result.exit_code == 1
    assert "imagee" in result.stderr


def test_what_is_no_folder_is_said(run: CommandLine, tmp_path: Path) -> None:
    result = run("diff", f"{tmp_path}/nope")
    assert result.exit_code == 1
    assert "is not a folder" in result.stderr
