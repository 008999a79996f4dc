"""The page about the command line says what the command line does."""

import importlib
import re
from pathlib import Path

import click
import pytest

from swarm_operator.cli import main
from swarm_operator.settings import OPTIONS

PAGE = (Path(main.__file__).parent / "README.md").read_text()


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key)
def test_every_setting_is_a_row_with_its_names_and_default(option: object) -> None:
    found = next(each for each in OPTIONS if each is option)
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{found.key}`"))
    for name in (found.variable, found.flag, found.default):
        assert name is None or f"`{name}`" in row


@pytest.mark.parametrize("verb", main.VERBS)
def test_every_verb_is_a_row_and_has_help(verb: str) -> None:
    assert any(line.startswith(f"| `{verb}") for line in PAGE.splitlines())
    command = main.cli.get_command(click.Context(main.cli), verb)
    assert command is not None
    assert command.name == verb
    assert command.short_help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{verb} {parameter.name}"


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading; `\\|` is no border."""
    lines = PAGE.partition(heading)[2].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|---"))
    found = []
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        cells = re.split(r"(?<!\\)\|", line)[1:-1]
        found.append([cell.strip().strip("`").replace("\\|", "|") for cell in cells])
    return found


def test_the_page_knows_no_other_verbs() -> None:
    assert {row[0].split()[0] for row in rows("# The command line")} == set(main.VERBS)


@pytest.mark.parametrize("row", rows("# The command line"), ids=lambda row: row[0])
def test_the_flags_of_a_row_are_flags_of_the_verb(row: list[str]) -> None:
    command = main.cli.get_command(click.Context(main.cli), row[0].split()[0])
    assert command is not None
    below = command.commands.values() if isinstance(command, click.Group) else ()
    parameters = [parameter for each in (command, *below) for parameter in each.params]
    flags = {flag for parameter in parameters for flag in parameter.opts}
    assert set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", row[0])) <= flags


@pytest.mark.parametrize("verb", main.VERBS)
def test_every_flag_of_a_verb_is_in_its_rows(verb: str) -> None:
    command = main.cli.get_command(click.Context(main.cli), verb)
    assert command is not None
    told = " ".join(row[0] for row in rows("# The command line") if row[0].split()[0] == verb)
    settings = {option.field for option in OPTIONS}
    untold = {"stack", "env_file", "timeout_s"} | settings
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name not in untold:
            assert any(flag in told for flag in parameter.opts), parameter.opts


def test_the_exit_codes_of_the_page_are_those_of_the_verbs() -> None:
    declared = {
        (verb, str(code), when)
        for verb in main.VERBS
        for code, when in getattr(
            importlib.import_module(f"swarm_operator.cli.{verb}"), "EXIT_CODES", {}
        ).items()
    }
    told = {(verb, code, when) for verb, code, when in rows("## Exit codes")}
    assert told == declared
