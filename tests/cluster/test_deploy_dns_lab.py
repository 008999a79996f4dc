"""The overlays of `deploy/dns` on a real swarm, by the words of the run book.

What the stack's files give the operator (secrets, variables, networks) must lead to a served name,
at the double of OVH's API and at bind9.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import dns_lab
from tests.cluster.dns_lab import NET, ZONE, DnsLab
from tests.cluster.harness import Lab, eventually, paths
from tests.cluster.harness.images import Image
from tests.cluster.in_containers import containers
from tests.cluster.test_deploy import DEPLOY, OPERATOR, Deployment
from tests.dns.name_server import empty_zone
from tests.dns.ovh_double.accounts import Rule
from tests.needs import skip_for

RUNBOOK = (DEPLOY / "README.md").read_text(encoding="utf-8")
NAMED_CONF = (DEPLOY / "dns/named.conf").read_text(encoding="utf-8")
OWN_ZONE = "example.net"
GOGS = Image("gogs/gogs:0.13", cmd=["sleep", "86400"])
WITH_OVH = (
    f"export SWARM_OPERATOR_DNS_ZONES={ZONE}\n"
    "docker stack deploy -c stack.yml -c dns/ovh.yml swarm-operator"
)


def steps(saying: str) -> str:
    """The block of the run book's commands that has these words."""
    blocks = re.findall(r"```sh\n(.*?)```", RUNBOOK, re.DOTALL)
    (found,) = (block for block in blocks if saying in block)
    return str(found)


class Installation:
    """The stack on a swarm, and a person who stands in a copy of `deploy/` on the manager."""

    def __init__(self, deployed: Deployment, dns: DnsLab, folder: Path) -> None:
        self.deployed, self.dns, self.folder = deployed, dns, folder
        self.lab = deployed.lab
        self.environment = {
            "PATH": f"{paths.docker_command().parent}:{os.environ['PATH']}",  # type: ignore[union-attr]
            "DOCKER_HOST": f"unix://{self.lab.manager.socket}",
            "DOCKER_GID": deployed.socket_group,
            "SWARM_OPERATOR_OVH_ENDPOINT": dns.url,
            "SWARM_OPERATOR_DNS_NAMESERVERS": f"{dns.named.address}:{dns.named.port}",
        }

    def types(self, commands: str, *answers: str) -> "subprocess.CompletedProcess[str]":
        """Commands in a shell as a person types them; images are those that are there."""
        quietly = "docker stack deploy --detach=true --resolve-image=never "
        return subprocess.run(
            ["bash", "-e", "-c", commands.replace("docker stack deploy ", quietly)],
            cwd=self.folder,
            env=self.environment | {"operator": self.operator()},
            input="".join(f"{answer}\n" for answer in answers),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def operator(self) -> str:
        """The container on the manager; the newest while another one is started first."""
        return next((found for _, found in containers(self.lab, OPERATOR)), "")

    def doctor(self) -> str:
        """What `doctor dns` says in the operator's container."""
        done = self.types("docker exec $operator swarm-operator doctor dns")
        return done.stdout + done.stderr

    def wait_for_update(self) -> None:
        """Until the operator runs as it was deployed last, and leads."""

        def completed() -> bool:
            status = self.lab.service(OPERATOR).get("UpdateStatus", {})
            assert status.get("State") in {None, "completed"}, status
            return len(list(containers(self.lab, OPERATOR))) == 1

        eventually(completed, 150, "the update should end", every=0.5)
        self.deployed.wait_until_led()

    def push(self, stack: str, zone: str, folder: Path, **changed: Any) -> None:
        """The example as it is shipped, with a zone, and a volume that this swarm can have."""
        document = yaml.safe_load((DEPLOY / "dns/gogs/compose.yaml").read_text(encoding="utf-8"))
        document["volumes"] = {"data": {}}
        service = document["services"]["gogs"]
        service["x-operator"]["dns"] |= {"zone": zone, **changed}
        if stack != "gogs":
            del service["ports"]  # a port of a node is one service's
        (folder / stack).mkdir(exist_ok=True)
        (folder / stack / "compose.yaml").write_text(yaml.safe_dump(document))
        self.deployed.cli("push", str(folder / stack))

    def name(self, zone: str) -> dict[str, Any]:
        """What `dns` says of `git` in a zone."""
        said = json.loads(self.deployed.cli("dns", "-o", "json").stdout)
        return next((each for each in said if each["zone"] == zone), {})

    def wait_for(self, zone: str, state: str, reason: str = "") -> dict[str, Any]:
        def said() -> dict[str, Any]:
            found = self.name(zone)
            assert (found.get("state"), found.get("reason")) == (state, reason), found
            return found

        return eventually(said, 60, f"{zone} should be {state} {reason}", every=0.3)

    def address(self, service: str) -> list[str]:
        """Of the node that runs its task, as its label says."""
        hosts = self.lab.hosts_of(service)
        return [dns_lab.public_address(node) for node in self.lab.nodes if node.hostname in hosts]


@pytest.fixture(scope="module")
def installed(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Sections 1 and 4 of the run book, up to the first key."""
    skip_for(*dns_lab.missing())
    folder = tmp_path_factory.mktemp("person") / "deploy"
    shutil.copytree(DEPLOY, folder)
    zone_file = folder / f"{OWN_ZONE}.zone"
    zone_file.write_text(empty_zone(OWN_ZONE))
    key = subprocess.run(
        ["tsig-keygen", "-a", "hmac-sha256", "swarm-operator"], capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
    (folder / "swarm-operator.key").write_text(key)
    own_zone = NAMED_CONF[NAMED_CONF.index("zone ") :].replace("/var/lib/bind", str(folder))
    with Lab.start(3, 1, engine) as lab:
        deployed = Deployment(lab)
        deployed.wait_until_led()
        lab.load_images(GOGS)
        with dns_lab.dns_lab(lab, address=lab.client.address, more_config=key + own_zone) as dns:
            yield Installation(deployed, dns, folder)


def test_without_the_secrets_docker_says_which_and_changes_nothing(installed: Installation) -> None:
    before = installed.lab.service(OPERATOR)["Version"]
    done = installed.types(WITH_OVH)
    assert done.returncode != 0
    assert re.search(r"secret not found: swarm-operator_ovh-", done.stderr), done.stderr
    assert installed.lab.service(OPERATOR)["Version"] == before


def test_by_the_run_book_a_name_is_watched_then_served_and_follows(
    installed: Installation, tmp_path: Path
) -> None:
    dns, lab = installed.dns, installed.lab
    for node in lab.nodes:
        label = steps_inline("swarm-operator.dns.ipv4").replace("worker1", node.hostname)
        done = installed.types(label.replace("51.75.10.4", f"{NET}{node.number}"))
        assert done.returncode == 0, done.stderr

    # Before there is any key: the rights, and the page that makes a key with them.
    asked = installed.types(steps("/none"))
    _, upsert, _ = re.findall(r"createToken/\?(\S+)", asked.stdout)
    dns.world.grant(Rule(*each.split("=", 1)) for each in upsert.split("&"))

    accounts = dns.world.double.accounts
    words = (accounts.application_key, accounts.application_secret, dns.world.consumer.key)
    commands, _, check = steps("swarm-operator_ovh-$key").partition("operator=")
    done = installed.types(commands, *words)
    assert done.returncode == 0, done.stderr
    assert not any(word in done.stdout + done.stderr for word in words)
    installed.wait_for_update()

    done = installed.types(f"operator={check}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "policy upsert - all granted" in done.stdout
    assert "policy sync - missing: DELETE /domain/zone/example.org/record/*" in done.stdout
    assert f"{dns.named.address}:{dns.named.port}: answers" in done.stdout

    installed.push("gogs", ZONE, tmp_path)
    (address,) = eventually(lambda: installed.address("gogs_gogs"), 30)
    would = f"git.{ZONE} A would be {address}"
    eventually(lambda: installed.wait_for(ZONE, "Paused")["message"] == would, 20, would)
    assert dns.serves() == []
    assert not dns.writes()

    installed.push("gogs", ZONE, tmp_path, paused=False)
    eventually(lambda: dns.dig() == [address], 20, "the name is served")
    installed.wait_for(ZONE, "InSync")
    (host,) = lab.hosts_of("gogs_gogs")
    lab.docker_cli(1, "node", "update", "--availability=drain", host)
    try:
        eventually(lambda: dns.dig() not in ([], [address]), 60, "the name follows", every=0.3)
        assert dns.dig() == installed.address("gogs_gogs")
    finally:
        lab.docker_cli(1, "node", "update", "--availability=active", host)
    log = lab.docker_cli(1, "service", "logs", "--raw", OPERATOR)
    assert not any(word in log.stdout + log.stderr for word in words)


def test_a_secret_that_the_service_does_not_get_is_named_and_stops_nothing_else(
    installed: Installation,
) -> None:
    lab = installed.lab
    done = lab.docker_cli(
        1, "service", "update", "--detach", "--secret-rm=swarm-operator_ovh-consumer-key", OPERATOR
    )
    assert done.returncode == 0
    installed.wait_for_update()
    said = installed.wait_for(ZONE, "Failed", "AuthFailed")["message"]
    assert "/run/secrets/ovh_consumer_key" in said
    assert "/run/secrets/ovh_consumer_key" in installed.doctor()
    installed.deployed.cli("push", str(DEPLOY / "examples/site"))
    lab.wait_until_running("site_web", 2, within=60)

    done = installed.types(WITH_OVH)
    assert done.returncode == 0, done.stderr
    installed.wait_for_update()
    installed.wait_for(ZONE, "InSync")


def test_a_name_server_of_one_s_own_beside_it(installed: Installation, tmp_path: Path) -> None:
    named = installed.dns.named
    at = f"{named.address}:{named.port}"
    settings = installed.folder / "dns/operator.toml"
    settings.write_text(settings.read_text().replace("192.0.2.53:53", at))
    make_secret = steps("tsig-keygen").splitlines()[1]
    together = WITH_OVH.replace(" -c dns/ovh.yml", " -c dns/ovh.yml -c dns/rfc2136.yml")
    done = installed.types(f"{make_secret}\n{together}")
    assert done.returncode == 0, done.stderr
    installed.wait_for_update()
    installed.push("code", OWN_ZONE, tmp_path, paused=False)
    address = eventually(lambda: installed.address("code_gogs"), 30)
    eventually(lambda: named.look_up(f"git.{OWN_ZONE}") == address, 20, "bind9 serves it")
    installed.wait_for(OWN_ZONE, "InSync")
    installed.wait_for(ZONE, "InSync")
    said = installed.doctor()
    assert f"{OWN_ZONE} (home, rfc2136)\n  records: can be read" in said
    assert f"{ZONE} (ovh, ovh)\n  records: can be read" in said


def steps_inline(saying: str) -> str:
    """A command within the run book's text."""
    (found,) = (each for each in re.findall(r"`(docker node [^`]+)`", RUNBOOK) if saying in each)
    return str(found)
