"""`render` and `validate`: which files are read, what is printed where, exit codes."""

import json
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import CommandLine

SIMPLE = "services: {web: {image: busybox}}\n"


def test_a_folder_is_rendered_under_its_own_name(run: CommandLine, wiki: Path) -> None:
    result = run("render", wiki)
    assert result.exit_code == 0, result.stderr
    rendered = json.loads(result.stdout)
    assert list(rendered) == ["services", "networks", "configs", "secrets"]
    container = rendered["services"]["wiki_web"]["TaskTemplate"]["ContainerSpec"]
    assert container["Image"] == "nginx:1.27"
    assert container["Env"] == ["COLOUR=blue"]


def test_secrets_are_shown_only_on_demand(run: CommandLine, wiki: Path) -> None:
    hidden = run("render", wiki).stdout
    assert "open-sesame" not in hidden
    assert "b3Blbi1zZXNhbWU" not in hidden
    shown = json.loads(run("render", wiki, "--show-secrets").stdout)
    assert shown["secrets"]["wiki_password"]["Data"] == "b3Blbi1zZXNhbWU="


def test_yaml_says_the_same_as_json(run: CommandLine, wiki: Path) -> None:
    as_yaml = yaml.safe_load(run("render", wiki, "-o", "yaml").stdout)
    assert as_yaml == json.loads(run("render", wiki).stdout)


def test_a_file_is_named_after_its_folder_and_the_flag_overrules(
    run: CommandLine, wiki: Path
) -> None:
    assert "wiki_web" in json.loads(run("render", wiki / "compose.yaml").stdout)["services"]
    named = json.loads(run("render", wiki / "compose.yaml", "--stack", "blog").stdout)
    assert "blog_web" in named["services"]


def test_several_files_are_merged_in_their_order(run: CommandLine, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    (tmp_path / "a.yml").write_text("services: {web: {image: busybox, command: [one]}}\n")
    (other / "b.yml").write_text("services: {web: {command: [two]}}\n")
    rendered = json.loads(run("render", tmp_path / "a.yml", other / "b.yml", "--stack", "s").stdout)
    container = rendered["services"]["s_web"]["TaskTemplate"]["ContainerSpec"]
    assert (container["Image"], container["Args"]) == ("busybox:latest", ["two"])


def test_paths_are_relative_to_the_first_files_folder(
    run: CommandLine, wiki: Path, tmp_path: Path
) -> None:
    (tmp_path / "over.yml").write_text(
        "services: {web: {configs: [more]}}\nconfigs: {more: {file: notes.txt}}\n"
    )
    result = run("render", wiki / "compose.yaml", tmp_path / "over.yml")
    assert result.exit_code == 0, result.stderr
    assert "wiki_more" in json.loads(result.stdout)["configs"]


def test_standard_input_needs_a_name(run: CommandLine) -> None:
    result = run("render", "-", stdin=SIMPLE)
    assert result.exit_code == 2
    assert "--stack NAME" in result.stderr
    result = run("render", "-", "--stack", "s", stdin=SIMPLE)
    assert "s_web" in json.loads(result.stdout)["services"]


def test_an_env_file_takes_the_place_of_the_folders_own(
    run: CommandLine, wiki: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.env").write_text("TAG=9.9\n")
    rendered = run("render", wiki, "--env-file", tmp_path / "other.env").stdout
    assert "nginx:9.9" in rendered
    (tmp_path / "other.env").write_text("not an assignment !\n")
    result = run("validate", wiki, "--env-file", tmp_path / "other.env")
    assert result.exit_code == 1
    assert f"{tmp_path}/other.env:1" in result.stderr


def test_the_process_environment_is_no_source(
    run: CommandLine, wiki: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAG", "from-the-shell")
    (wiki / ".env").unlink()
    result = run("validate", wiki)
    assert result.exit_code == 1
    assert "TAG" in result.stderr


def test_every_problem_is_one_line_on_standard_error(run: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "compose.yaml").write_text(
        "services:\n  web:\n    imagee: nginx\n    replicas: 2\n  db:\n    image: [1]\n"
    )
    for verb in ("render", "validate"):
        result = run(verb, folder)
        assert (result.exit_code, result.stdout) == (1, "")
        *lines, last = result.stderr.splitlines()
        place = f"{folder}/compose.yaml:3:5: error: services.web.imagee"
        (line,) = (line for line in lines if line.startswith(place))
        assert "did you mean" in line
        assert last == f"stack bad: {len(lines)} problems"
        assert "\x1b" not in result.stderr


def test_warnings_do_not_fail(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {image: busybox, container_name: x}}\n")
    result = run("validate", tmp_path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "warning" in result.stderr
    assert "container_name" in result.stderr


@pytest.mark.parametrize("path", ["../outside.txt", "link.txt", "/etc/hostname"])
def test_nothing_outside_the_folder_is_read(run: CommandLine, tmp_path: Path, path: str) -> None:
    folder = tmp_path / "stack"
    folder.mkdir()
    (tmp_path / "outside.txt").write_text("outside-content")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "compose.yaml").write_text(
        f"services: {{web: {{image: busybox}}}}\nconfigs: {{a: {{file: {path}}}}}\n"
    )
    result = run("render", folder)
    assert result.exit_code == 1
    assert "outside" in result.stderr or "not in the folder" in result.stderr
    assert "outside-content" not in result.output


def test_a_missing_path_and_a_folder_among_files_are_clear_messages(
    run: CommandLine, tmp_path: Path
) -> None:
    result = run("validate", tmp_path / "none")
    assert result.exit_code == 1
    assert result.stderr == f"Error: {tmp_path}/none: No such file or directory\n"
    (tmp_path / "a.yml").write_text(SIMPLE)
    result = run("validate", tmp_path / "a.yml", tmp_path)
    assert result.exit_code == 2
    assert "is a folder" in result.stderr


def test_an_endless_file_is_not_read_to_its_end(run: CommandLine) -> None:
    result = run("validate", "/dev/zero", "--stack", "s")
    assert result.exit_code == 1
    assert "larger than" in result.stderr
