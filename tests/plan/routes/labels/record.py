"""Records what Traefik's own Swarm provider makes of labels: `TOPIC.recorded.json` beside `TOPIC.yaml`.

    python -m tests.plan.routes.labels.record [--check] [TOPIC…]

As root, with engine 26 and Traefik installed (.ci/install-engines). `--check` compares instead of
writing. All cases' services stand on one real swarm at once, each case is read by a Traefik of its
own: that one sees the case's services alone, by a constraint on a label that is not Traefik's.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from tests.cluster.harness import traefik_binary
from tests.cluster.harness.lab import Lab
from tests.cluster.harness.scenario import eventually
from tests.contract.real_traefik import RealTraefik

Json: TypeAlias = dict[str, Any]
Case: TypeAlias = tuple[str, int, Json]
"""Topic, number within it, what its file says."""

HERE = Path(__file__).parent
CASE_LABEL = "case"
SUBNETS = {"edge": "10.11.0.0/24", "back": "10.12.0.0/24"}
_AT_ONCE = 4
_READ = "Configuration received"
_FATAL = "Error while initializing provider"
_OPTIONS = {
    "default_rule": "--providers.swarm.defaultrule",
    "network": "--providers.swarm.network",
    "exposed_by_default": "--providers.swarm.exposedbydefault",
}


def topics() -> list[str]:
    return sorted(path.stem for path in HERE.glob("*.yaml"))


def cases(topic: str) -> list[Json]:
    found: list[Json] = yaml.safe_load((HERE / f"{topic}.yaml").read_text(encoding="utf-8"))
    return found


def recorded_file(topic: str) -> Path:
    return HERE / f"{topic}.recorded.json"


def record(wanted: Sequence[str]) -> dict[str, Json]:
    """What Traefik made of the cases of these topics: by topic, by the case's name."""
    every = [(topic, number, case) for topic in wanted for number, case in enumerate(cases(topic))]
    names = [name for _, _, case in every for name in case["services"]]
    assert len(names) == len(set(names)), "services of different cases share a name"
    crowd = [item for item in every if not item[2].get("alone")]
    made: dict[str, Json] = {topic: {} for topic in wanted}
    with Lab.start(1, 1, "26") as lab:
        lab.load_images()
        for network, subnet in SUBNETS.items():
            lab.docker_cli(
                1, *("network", "create", "--driver=overlay", f"--subnet={subnet}", network)
            )
        # What a service that stands alone makes Traefik say does not name it, and is said to all.
        for group in (crowd, *([item] for item in every if item not in crowd)):
            for (topic, _, case), result in zip(group, _read_together(lab, group), strict=True):
                made[topic][case["name"]] = result
    return made


def _read_together(lab: Lab, group: Sequence[Case]) -> list[Json]:
    """What Traefik makes of each of these cases while their services, and no others, are there."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda item: _create(lab, item), group))
        for name, replicas in _replicas(group).items():
            lab.wait_until_running(name, replicas, within=90)
        found = list(pool.map(lambda item: _read(lab, item), group))
        list(pool.map(lambda name: lab.docker_cli(1, "service", "rm", name), _replicas(group)))
    eventually(lambda: not lab.tasks(), 60, "all tasks are gone")
    return found


def _replicas(every: Sequence[Case]) -> dict[str, int]:
    return {
        name: service.get("replicas", 1)
        for _, _, case in every
        for name, service in case["services"].items()
    }


def _create(lab: Lab, item: Case) -> None:
    topic, number, case = item
    for name, service in case["services"].items():
        labels = {CASE_LABEL: f"{topic}-{number}", **service.get("labels", {})}
        lab.docker_cli(
            1,
            *("service", "create", "--detach", "--no-resolve-image", "--name", name),
            *(f"--replicas={service.get('replicas', 1)}",),
            *(f"--endpoint-mode={service.get('endpoint_mode', 'dnsrr')}",),
            *(f"--network={network}" for network in service.get("networks", ["edge"])),
            *(f"--publish=mode=host,target={port}" for port in service.get("host_ports", [])),
            *(f"--label={key}={value}" for key, value in labels.items()),
            "lab/sleep:1",
        )


def _read(lab: Lab, item: Case) -> Json:
    topic, number, case = item
    settings = dict(case.get("settings", {}))
    constraint = f"Label(`{CASE_LABEL}`,`{topic}-{number}`)"
    if given := settings.pop("constraints", None):
        constraint = f"{constraint} && ({given})"
    options = [
        f"--providers.swarm.endpoint=unix://{lab.manager.socket}",
        f"--providers.swarm.constraints={constraint}",
        *(f"{_OPTIONS[key]}={_text(value)}" for key, value in settings.items()),
    ]
    directory = lab.client.directory / f"{topic}-{number}"
    directory.mkdir()
    traefik = RealTraefik(directory, traefik_binary.newest(), options)
    try:
        traefik.start()
        traefik.wait_for_log(_READ, '"providerName":"swarm"', or_error=_FATAL)
        addresses = _addresses(lab)
        configuration = _configuration(traefik)
        eventually(lambda: _is_taken_on(traefik, configuration), 10, "it is taken on")
        return _normal({**configuration, **_state(traefik)}, addresses)
    finally:
        traefik.close()


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _addresses(lab: Lab) -> dict[str, str]:
    """What to call the swarm's addresses: they differ from one recording to the next."""
    found: dict[str, str] = {}
    for service in lab.services().values():
        networks = {vip["NetworkID"]: vip for vip in service["Endpoint"].get("VirtualIPs", [])}
        for vip in networks.values():
            address = vip.get("Addr", "").split("/")[0]
            found[address] = f"{{vip:{_network_of(address)}}}"
    for task in lab.tasks():
        for attachment in task.get("NetworksAttachments", []):
            for cidr in attachment.get("Addresses", []):
                address = cidr.split("/")[0]
                found[address] = f"{{{_network_of(address)}}}"
    return found


def _network_of(address: str) -> str:
    prefixes = {subnet.rsplit(".", 1)[0]: name for name, subnet in SUBNETS.items()}
    return prefixes.get(address.rsplit(".", 1)[0], "other")


def _configuration(traefik: RealTraefik) -> Json:
    """What the provider handed over, before anything was added to it."""
    for line in traefik.log_lines():
        if line.get("providerName") == "swarm" and line.get("message") == _READ:
            config: Json = line["config"]
            return {
                protocol: {kind: objects for kind, objects in kinds.items() if objects}
                for protocol, kinds in config.items()
                if any(kinds.values())
            }
    return {}


def _is_taken_on(traefik: RealTraefik, configuration: Json) -> bool:
    names = {f"{name}@swarm" for name in configuration.get("http", {}).get("services", {})}
    taken_on: Json = traefik.api("rawdata").get("services", {})
    return names <= taken_on.keys()


def _state(traefik: RealTraefik) -> Json:
    """What the provider said, and what of its routers and services Traefik then refused."""
    said = {
        f"{line.get('routerName') or line.get('serviceName', '')}: "
        f"{_in_order(line.get('error') or line.get('message', ''))}"
        for line in traefik.errors()
        # The rest is what the next in line says of the objects: see `refused`.
        if line.get("providerName") == "swarm" or _FATAL in line.get("message", "")
    }
    refused = {
        f"{section}/{name.removesuffix('@swarm')}": body["error"]
        for section, objects in traefik.api("rawdata").items()
        for name, body in objects.items()
        if name.endswith("@swarm") and body.get("error")
    }
    return {"said": sorted(said), "refused": refused}


def _in_order(message: str) -> str:
    """Lists of names come out of Traefik's maps in any order."""
    return re.sub(
        r'\["[^]]*"\]', lambda found: f"[{' '.join(sorted(found[0][1:-1].split()))}]", message
    )


def _normal(configuration: Json, addresses: Mapping[str, str]) -> Json:
    text = json.dumps(configuration, sort_keys=True)
    for address, name in addresses.items():
        text = re.sub(rf"(?<![\d.]){re.escape(address)}(?![\d.])", name, text)
    result: Json = json.loads(text)
    return result


def main(arguments: Sequence[str]) -> int:
    """Returns 1 where `--check` finds a difference."""
    check = "--check" in arguments
    wanted = [argument for argument in arguments if argument != "--check"] or topics()
    different = 0
    for topic, found in record(wanted).items():
        text = json.dumps(found, indent=1, sort_keys=True) + "\n"
        path = recorded_file(topic)
        if not check:
            path.write_text(text, encoding="utf-8")
        elif path.read_text(encoding="utf-8") != text:
            different = 1
            subprocess.run(["diff", "-u", path, "-"], input=text, text=True, check=False)
    return different


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
