"""`dns`, `doctor dns`, and the double of OVH's API that the latter asks."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from desired_state import keys
from desired_state.dns_records import DnsStatus, RrsetStatus
from swarm_operator.clients.ovh_tokens import create_token_url
from tests.cli.conftest import CommandLine
from tests.cli.test_status import lead
from tests.dns.ovh_double.accounts import Rule, rules_for
from tests.dns.ovh_world import ALL, OvhWorld, ovh_world

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ZONE = "example.org"


def put(run: CommandLine, name: str, status: DnsStatus) -> None:
    run.fake_kv.put(keys.dns_status_key(ZONE, name), status.encode())


@pytest.fixture
def told(run: CommandLine) -> CommandLine:
    """Two names, one of them well."""
    lead(run)
    rrset = RrsetStatus(written=("51.75.10.2",), verified_at=NOW)
    shared = {"since": NOW, "provider": "ovh"}
    well = DnsStatus.model_validate(
        {"stack": "code", "service": "code_gogs", "state": "InSync", "nodes": ("w2",),
         "records": {"A": rrset}, "others": ("blog_web",), **shared}
    )  # fmt: skip
    ill = DnsStatus.model_validate(
        {"stack": "shop", "service": "shop_web", "state": "Conflict", "reason": "ForeignRecord",
         "message": "shop.example.org A is 198.41.0.4: neither ours nor a node's", **shared}
    )  # fmt: skip
    put(run, "git", well)
    put(run, "shop", ill)
    return run


def test_names_are_shown_with_what_is_wrong(told: CommandLine) -> None:
    out = told("dns").output
    assert "git.example.org" in out
    assert "A 51.75.10.2" in out
    assert "Conflict (ForeignRecord)" in out
    assert "shop.example.org A is 198.41.0.4" in out
    assert "service blog_web wants it too; code_gogs has it (NameTaken)" in out


def test_names_for_programs_and_of_one_stack(told: CommandLine) -> None:
    (shown,) = json.loads(told("dns", "--stack", "shop", "-o", "json").output)
    assert (shown["zone"], shown["name"], shown["reason"]) == (ZONE, "shop", "ForeignRecord")
    result = told("dns", "--stack", "nothing")
    assert result.exit_code == 1


def test_without_names_and_without_an_operator(run: CommandLine) -> None:
    result = run("dns")
    assert "no names" in result.output
    assert "no operator holds the lease" in result.output


@pytest.fixture
def ovh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OvhWorld]:
    """The settings name the double."""
    with ovh_world(tmp_path, [ZONE]) as world:
        world.account()
        monkeypatch.setenv("SWARM_OPERATOR_DNS_ZONES", ZONE)
        monkeypatch.setenv("SWARM_OPERATOR_DNS_NAMESERVERS", "127.0.0.1:9")
        monkeypatch.setenv("SWARM_OPERATOR_OVH_ENDPOINT", world.double.url)
        for name in ("application_key", "application_secret", "consumer_key"):
            variable = f"SWARM_OPERATOR_OVH_{name.upper()}_FILE"
            monkeypatch.setenv(variable, str(tmp_path / name))
        yield world


def test_the_doctor_finds_all_rights(run: CommandLine, ovh: OvhWorld) -> None:
    result = run("doctor", "dns")
    assert result.exit_code == 0
    assert "records: can be read" in result.output
    assert "policy sync - all granted" in result.output
    assert f"POST /domain/zone/{ZONE}/refresh" in result.output
    assert not {"PUT", "POST", "DELETE"} & {seen.partition(" ")[0] for seen in ovh.double.calls()}


def test_the_doctor_prints_the_page_on_which_the_key_is_made(
    run: CommandLine, ovh: OvhWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWARM_OPERATOR_DNS_ZONES", f"{ZONE},example.net")
    pages = [line for line in run("doctor", "dns").output.splitlines() if "/createToken/" in line]
    assert len(pages) == 3, "one for each policy, not for each zone"
    update_only, upsert, sync = (page.partition(": ")[2] for page in pages)
    rights = [
        "GET=/domain/zone/{}/record",
        "GET=/domain/zone/{}/record/*",
        "PUT=/domain/zone/{}/record/*",
        "POST=/domain/zone/{}/refresh",
    ]
    asked = "&".join(right.format(zone) for zone in (ZONE, "example.net") for right in rights)
    host = ovh.double.url.removesuffix("/1.0")
    assert update_only == f"{host}/createToken/?{asked}&GET=/auth/currentCredential"
    assert "DELETE=" not in upsert
    assert f"DELETE=/domain/zone/{ZONE}/record/*" in sync
    (first, _) = json.loads(run("doctor", "dns", "-o", "json").output)
    assert first["create_token"]["upsert"] == upsert


def test_the_page_of_an_endpoint_by_name() -> None:
    page = create_token_url("ovh-ca", [("GET", "/domain/zone/a.org/record")])
    start = "https://ca.api.ovh.com/createToken/?"
    assert page == f"{start}GET=/domain/zone/a.org/record&GET=/auth/currentCredential"


def test_the_doctor_names_the_right_that_is_missing(run: CommandLine, ovh: OvhWorld) -> None:
    ovh.grant(rules_for(ZONE, *(each for each in ALL if each != "refresh")))
    result = run("doctor", "dns")
    assert result.exit_code == 1
    assert f"policy upsert - missing: POST /domain/zone/{ZONE}/refresh" in result.output
    (found,) = json.loads(run("doctor", "dns", "-o", "json").output)
    assert found["missing"]["upsert"] == [f"POST /domain/zone/{ZONE}/refresh"]


def test_the_doctor_names_a_key_that_may_do_too_much(run: CommandLine, ovh: OvhWorld) -> None:
    assert "more than" not in run("doctor", "dns").output
    assert json.loads(run("doctor", "dns", "-o", "json").output)[0]["beyond"] == []
    broad = [Rule(method, "/domain/zone/*") for method in ("GET", "PUT", "POST", "DELETE")]
    ovh.grant([*rules_for(ZONE, *ALL), *broad, Rule("GET", "/auth/currentCredential")])
    result = run("doctor", "dns")
    assert result.exit_code == 0, "it does what it is to do"
    (line,) = (each for each in result.output.splitlines() if "more than any policy needs" in each)
    assert line.partition(": ")[2].split(", ") == [f"{one.method} {one.path}" for one in broad]


def test_the_doctor_says_that_credentials_are_not_taken(run: CommandLine, ovh: OvhWorld) -> None:
    (ovh.folder / "consumer_key").write_text("of-somebody-else")
    result = run("doctor", "dns")
    assert result.exit_code == 1
    assert "what is granted is not known" in result.output
    assert "of-somebody-else" not in result.output


def test_the_doctor_has_nothing_to_look_at(run: CommandLine) -> None:
    result = run("doctor", "dns")
    assert result.exit_code == 1
    assert "no DNS provider is configured" in result.output
