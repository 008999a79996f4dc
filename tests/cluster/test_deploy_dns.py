"""`deploy/dns`, checked with what reads it: docker, the settings, bind9; no swarm is started."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from desired_state import StackFolder, load_stack
from swarm_operator.clients.rfc2136 import TsigKey, UpdatedZones, UpdateServer
from swarm_operator.observed.dns import Create, RrsetChange, RrsetKey
from swarm_operator.observed.dns_errors import ZoneFault
from swarm_operator.observed.errors import Denied
from swarm_operator.plan.dns.rights import Right, needed
from swarm_operator.settings import Settings
from tests.cli.called import called
from tests.cluster.harness import paths
from tests.cluster.test_deploy_files import DEPLOY, docker
from tests.dns.name_server import NAMED, NameServer, is_here
from tests.needs import skip_for

FOLDER = DEPLOY / "dns"
NAMED_CONF = FOLDER / "named.conf"
ZONE = "example.net"
ADDRESS = "51.75.10.4"
NEEDS_DOCKER = pytest.mark.usefixtures("engine")


def operator_with(*overlays: str, **variables: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The operator's service, and the whole stack, as docker reads it with more files."""
    files: list[str | Path] = ["-c", DEPLOY / "stack.yml"]
    for overlay in overlays:
        files += ["-c", FOLDER / overlay]
    done = docker("stack", "config", *files, DOCKER_GID="999", **variables)
    assert done.returncode == 0, done.stderr
    stack = yaml.safe_load(done.stdout)
    return stack["services"]["operator"], stack


def of_operator(environment: dict[str, str]) -> dict[str, str]:
    """The operator's own variables; its settings file is not on this machine."""
    return {
        key: value
        for key, value in environment.items()
        if key.startswith("SWARM_OPERATOR_") and key != "SWARM_OPERATOR_CONFIG"
    }


def secret_files(service: dict[str, Any]) -> set[str]:
    return {f"/run/secrets/{each['target']}" for each in service["secrets"]}


@NEEDS_DOCKER
def test_ovh_by_variables_and_secrets() -> None:
    service, stack = operator_with("ovh.yml", SWARM_OPERATOR_DNS_ZONES="example.org,example.net")
    (provider,) = Settings.load(of_operator(service["environment"])).dns_providers
    assert (provider.type, provider.endpoint) == ("ovh", "ovh-eu")
    assert provider.zones == ("example.org", "example.net")
    assert {str(path) for path in provider.credential_files} < secret_files(service)
    assert len(provider.credential_files) == 3
    assert {each["source"] for each in service["secrets"]} <= stack["secrets"].keys()
    assert "/run/secrets/consul_token" in secret_files(service), "the stack's own stays"


@NEEDS_DOCKER
def test_the_zones_have_to_be_given() -> None:
    files = ("-c", DEPLOY / "stack.yml", "-c", FOLDER / "ovh.yml")
    done = docker("stack", "config", *files, DOCKER_GID="999")
    assert done.returncode != 0
    assert "SWARM_OPERATOR_DNS_ZONES" in done.stderr


@NEEDS_DOCKER
def test_a_name_server_by_the_settings_file() -> None:
    service, stack = operator_with("rfc2136.yml")
    (config,) = service["configs"]
    assert service["environment"]["SWARM_OPERATOR_CONFIG"] == config["target"]
    shipped = Path(stack["configs"][config["source"]]["file"])
    assert shipped == FOLDER / "operator.toml"
    (provider,) = Settings.load({}, {}, shipped).dns_providers
    assert (provider.type, provider.zones) == ("rfc2136", (ZONE,))
    assert {str(path) for path in provider.credential_files} < secret_files(service)


@NEEDS_DOCKER
def test_both_at_once() -> None:
    service, _ = operator_with("ovh.yml", "rfc2136.yml", SWARM_OPERATOR_DNS_ZONES="example.org")
    variables = of_operator(service["environment"])
    providers = Settings.load(variables, {}, FOLDER / "operator.toml").dns_providers
    assert {provider.type for provider in providers} == {"ovh", "rfc2136"}
    files = {str(path) for provider in providers for path in provider.credential_files}
    assert files < secret_files(service)
    assert len(files) == 4


@NEEDS_DOCKER
def test_the_stack_alone_changes_no_names() -> None:
    done = docker("stack", "config", "-c", DEPLOY / "stack.yml", DOCKER_GID="999")
    environment = yaml.safe_load(done.stdout)["services"]["operator"]["environment"]
    assert Settings.load(of_operator(environment)).dns_providers == ()


def test_the_example_is_a_document_whose_name_is_only_watched_at_first() -> None:
    source = (FOLDER / "gogs/compose.yaml").read_bytes()
    stack = load_stack(StackFolder("gogs", {"compose.yaml": source}))
    assert not stack.warnings
    binding = yaml.safe_load(source)["services"]["gogs"]["x-operator"]["dns"]
    assert binding["paused"] is True


def test_the_runbook_has_every_reason_that_is_told() -> None:
    runbook = (DEPLOY / "README.md").read_text(encoding="utf-8")
    rows = {cell for line in runbook.splitlines() for cell in re.findall(r"`(\w+)`", line[:80])}
    assert told_reasons() - rows == set()
    assert len(told_reasons()) >= 16


def test_the_runbook_s_command_prints_the_address_for_a_key_with_the_least_rights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runbook = (DEPLOY / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"docker run --rm ([^`]+) doctor dns\n", runbook)
    for name, value in re.findall(r"-e (\w+)=(\S+)", command):
        monkeypatch.setenv(name, value)
    _, upsert, _ = re.findall(r"createToken/\?(\S+)", called(None, "doctor", "dns").output)
    asked = {Right(*each.split("=", 1)) for each in upsert.split("&")}
    own = Right("GET", "/auth/currentCredential")  # `doctor dns` asks what the key may do
    assert asked == {*needed("example.org", "upsert"), own}


def told_reasons() -> set[str]:
    """Reasons in the code that says them; those of a zone are a type."""
    folder = paths.CHECKOUT / "operator/swarm_operator"
    names = ("states", "zone_keeper", "failures")
    states, *others = ((folder / f"runtime/dns/{name}.py").read_text("utf-8") for name in names)
    said = re.findall(r'Told\(\s*"\w+", "(\w+)"', states)
    said += re.findall(r'(?:Trouble\(|reason = )"(\w+)"', "".join(others))
    rrset = (folder / "plan/dns/rrset.py").read_text(encoding="utf-8")
    return {*said, *re.findall(r'Refused\("(\w+)"', rrset), *get_args(ZoneFault)}


@pytest.fixture
def named(tmp_path: Path) -> Iterator[NameServer]:
    """bind9 with the zone and the key as they are shipped, and with nothing else that may change it."""
    skip_for(*([] if is_here() else [f"needs bind9 ({NAMED}); .ci/install-engines installs it"]))
    server = NameServer(tmp_path, (ZONE,))
    server.write_files()
    own, _, _ = (tmp_path / "named.conf").read_text().partition("zone ")
    shipped = NAMED_CONF.read_text(encoding="utf-8").replace("/var/lib/bind", str(tmp_path))
    (tmp_path / "named.conf").write_text(own + shipped)
    server.start()
    yield server
    server.stop()


def test_bind9_lets_the_key_change_that_name_and_no_other(
    named: NameServer, tmp_path: Path
) -> None:
    settings = Settings.load({}, {}, FOLDER / "operator.toml")
    (provider,) = settings.dns_providers
    key = tmp_path / "tsig"
    key.write_text(NAMED_CONF.read_text(encoding="utf-8").split('secret "')[1].split('"')[0])
    tsig = TsigKey(provider.key_name, key, provider.key_algorithm)
    zones = UpdatedZones(UpdateServer(named.address, named.port, tsig))
    zones.apply(make("git"), lambda: True)
    assert named.look_up(f"git.{ZONE}") == [ADDRESS]
    with pytest.raises(Denied):
        zones.apply(make("www"), lambda: True)
    assert named.look_up(f"www.{ZONE}") == []


def make(name: str) -> RrsetChange:
    return RrsetChange(RrsetKey(ZONE, name, "A"), (Create(ADDRESS, 60),), (), (ADDRESS,), 60)
