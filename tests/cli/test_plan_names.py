"""`plan` and `diff` show what becomes of names that follow services."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from desired_state import keys
from desired_state.dns_records import DnsStatus, RrsetStatus
from swarm_operator.cli import dns_providers, plan_names
from swarm_operator.observed.dns import Answer
from swarm_operator.observed.swarm import Swarm
from tests.cli.conftest import CommandLine
from tests.plan.dns.worlds import node

PROXY = "51.75.200.1"
DOCUMENT = """\
services:
  gogs:
    image: gogs:1
    x-operator:
      dns: {zone: example.org, name: git, addresses: {w1: 51.75.10.1}}
"""


@pytest.fixture
def code(run: CommandLine, tmp_path: Path) -> CommandLine:
    """A stack with a name is pushed; nothing of it runs yet."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code/compose.yaml").write_text(DOCUMENT)
    run.fake_swarm.swarm = Swarm(
        cluster_id="swarm-1", nodes=(node("m1", reachability="reachable"),)
    )
    run("init")
    assert run("push", tmp_path / "code").exit_code == 0
    return run


def noted(run: CommandLine, service: str, name: str = "git", **fields: object) -> None:
    values = {
        "stack": service.partition("_")[0], "service": service, "state": "InSync",
        "since": datetime(2026, 11, 22, tzinfo=UTC), "nodes": ("w1",), "policy": "sync",
        "records": {"A": RrsetStatus(written=("51.75.10.1",), ttl=60)}, **fields,
    }  # fmt: skip
    status = DnsStatus.model_validate(values)
    run.fake_kv.put(keys.dns_status_key("example.org", name), status.encode())


def test_a_name_is_shown_below_its_stack(code: CommandLine) -> None:
    result = code("plan")
    assert result.exit_code == 2
    lines = result.stdout.splitlines()
    assert lines[0].startswith("code: ")
    assert (
        lines[-1] == "  . wait name git.example.org: it follows code_gogs, which runs nowhere yet"
    )
    shown = json.loads(code("plan", "-o", "json").stdout)
    assert shown["names"] == [
        {
            "stack": "code",
            "service": "code_gogs",
            "verb": "wait",
            "name": "git.example.org",
            "message": "it follows code_gogs, which runs nowhere yet",
        }
    ]
    assert lines[-1] in code("diff").stdout.splitlines()


def test_a_stack_of_which_only_a_name_is_left(code: CommandLine) -> None:
    """That it goes is a change: of the exit code too, where nothing else is one."""
    noted(code, "old_web")
    code.fake_kv.delete(f"{keys.DESIRED}{keys.stack_folder('code')}compose.yaml")
    code.fake_kv.delete(f"{keys.DESIRED}{keys.stack_folder('code')}.pushed")
    result = code("plan")
    assert "  . keep name git.example.org: no document names it any more; its records stay" in (
        result.stdout.splitlines()
    )
    assert result.exit_code == 0, "its records stay: nothing changes"
    code.fake_kv.put(f"{keys.DESIRED}{keys.removed_key('old')}", "{}")
    result = code("plan")
    line = "  - remove name git.example.org: A 51.75.10.1 (no document names it any more)"
    assert line in result.stdout.splitlines()
    assert result.exit_code == 2
    assert json.loads(code("plan", "-o", "json").stdout)["changes"] is True


def test_names_of_other_stacks_are_left_out(code: CommandLine) -> None:
    noted(code, "old_web", "www")
    assert "name www.example.org" in code("plan").stdout
    shown = json.loads(code("plan", "code", "-o", "json").stdout)
    assert [(each["stack"], each["verb"]) for each in shown["names"]] == [("code", "wait")]


def test_whose_name_it_is_is_said_in_red_letters(code: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/compose.yaml").write_text(DOCUMENT)
    code("push", tmp_path / "shop")
    lines = code("plan").stdout.splitlines()
    taken = "git.example.org: git.example.org belongs to service code_gogs already"
    assert f"  ! refuse name {taken}" in lines


def test_what_a_paused_stacks_document_changes_is_shown_as_held(
    code: CommandLine, tmp_path: Path
) -> None:
    entry = {"zone": "example.org", "name": "git", "addresses": {"w1": ["51.75.10.1"]}}
    noted(code, "code_gogs", binding=entry)
    assert code("pause", "code", "--reason", "hands off").exit_code == 0
    (tmp_path / "code/compose.yaml").write_text("services:\n  gogs:\n    image: gogs:1\n")
    assert code("push", tmp_path / "code").exit_code == 0
    for verb in ("plan", "diff"):
        (line,) = (each for each in code(verb).stdout.splitlines() if "name git" in each)
        assert line.startswith(
            "  . keep name git.example.org: A 51.75.10.1 (no document names it any more), but held: "
            "the stack is paused by "
        ), line
        assert line.endswith(": hands off")
    assert code("resume", "code").exit_code == 0
    assert "- remove name git.example.org: A 51.75.10.1" in code("plan").stdout


@pytest.mark.parametrize(
    ("zone", "found"),
    [
        ({"*": PROXY}, ()),
        ({"*": PROXY, "w1": "51.75.10.1"}, ("51.75.10.1",)),
        ({"*": PROXY, "w1": PROXY}, (PROXY,)),
        ({"w1": "51.75.10.1"}, ("51.75.10.1",)),
        ({}, ()),
        (None, None),
    ],
)
def test_a_wildcard_is_no_record_of_a_node(
    monkeypatch: pytest.MonkeyPatch, zone: dict[str, str] | None, found: tuple[str, ...] | None
) -> None:
    """As name servers read it (RFC 4592). None: they are silent."""

    class Servers:
        def ask(self, zone_name: str, fqdn: str, _type: str) -> tuple[Answer, ...]:
            if zone is None:
                return (Answer("ns1:53", error="Timeout"),)
            name = fqdn.removesuffix(f".{zone_name}")
            below = any(name.endswith(f".{host}") for host in zone if host != "*")
            value = zone.get(name) or (None if below else zone.get("*"))
            return (Answer("ns1:53", (value,) if value else ()),)

    monkeypatch.setattr(dns_providers, "name_servers", lambda _settings: Servers())
    provider = SimpleNamespace(zones=("example.org",))
    look_up = plan_names._look_up(cast("Any", SimpleNamespace(dns_providers=(provider,))))
    assert look_up("example.org", "w1.example.org", "A") == found
    assert look_up("example.net", "w1.example.net", "A") is None
