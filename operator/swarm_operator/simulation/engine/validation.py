"""What SwarmKit's control API refuses in a spec that is well-formed JSON (manager/controlapi).

Every function raises `ApiError` with SwarmKit's own text, in SwarmKit's order of checks, or returns
None. Specs are normalised ones.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.simulation.engine import templates
from swarm_operator.simulation.engine.constraints import parse_constraints
from swarm_operator.simulation.engine.errors import ApiError, Code, refused

MAX_SECRET_BYTES = 500 * 1024
MAX_CONFIG_BYTES = 1000 * 1024

_DNS_NAME = re.compile(r"[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*")
_OBJECT_NAME = re.compile(r"[a-zA-Z0-9]+(?:[a-zA-Z0-9\-_.]*[a-zA-Z0-9])?")
_DOMAIN_PART = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_PATH_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
    rf"(?:/{_PATH_PART})+"
    r"(?::\w[\w.-]{0,127})?"
    r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)
"""A whole reference, its domain included (distribution/reference)."""
_IDENTIFIER = re.compile("[a-f0-9]{64}")
_LEAST_CPU = 1_000_000
_LEAST_MEMORY = 4 << 20
_LEAST_DURATION = 1_000_000
"""Nanoseconds: of a health check's times, where they are given."""


def _invalid(text: str) -> ApiError:
    return refused(Code.INVALID_ARGUMENT, text)


def check_service(spec: JsonObject) -> None:
    """validateServiceSpec of controlapi/service.go."""
    check_name(spec["Name"])
    _check_task(spec["TaskTemplate"])
    if is_job(spec):
        if "UpdateConfig" in spec:
            raise _invalid("Jobs may not have an update config")
    else:
        _check_update(spec.get("UpdateConfig") or {})
    _check_endpoint(spec.get("EndpointSpec") or {})


def is_job(spec: JsonObject) -> bool:
    """Whether the spec's mode is one that ends."""
    return "ReplicatedJob" in spec["Mode"] or "GlobalJob" in spec["Mode"]


def check_name(name: str) -> None:
    """Of services and networks: one label of a DNS name."""
    if not name:
        raise _invalid("meta: name must be provided")
    if _DNS_NAME.fullmatch(name) is None:
        raise _invalid("name must be valid as a DNS name component")
    if len(name) > 63:
        raise _invalid("name must be 63 characters or fewer")


def check_config(spec: JsonObject) -> None:
    _check_object_name(spec.get("Name", ""))
    if not 0 < _data_size(spec) < MAX_CONFIG_BYTES:
        raise _invalid(f"config data must be larger than 0 and less than {MAX_CONFIG_BYTES} bytes")


def check_secret(spec: JsonObject) -> None:
    _check_object_name(spec.get("Name", ""))
    driver = spec.get("Driver")
    if driver is not None:
        if not driver.get("Name"):
            raise _invalid("secret driver must have a name")
        return
    if not 0 < _data_size(spec) < MAX_SECRET_BYTES:
        raise _invalid(f"secret data must be larger than 0 and less than {MAX_SECRET_BYTES} bytes")


def data_of(spec: JsonObject) -> bytes:
    """Of a config or secret. Raises ApiError 400 where it is not base64."""
    try:
        return base64.b64decode(spec.get("Data") or "", validate=True)
    except binascii.Error:
        raise ApiError(400, "invalid JSON: illegal base64 data at input byte 0") from None


def _data_size(spec: JsonObject) -> int:
    return len(data_of(spec))


def _check_object_name(name: str) -> None:
    if not name:
        raise _invalid("name must be provided")
    if len(name) > 64 or _OBJECT_NAME.fullmatch(name) is None:
        raise _invalid(
            "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end "
            "character must be [a-zA-Z0-9]"
        )


# --- the task template ----------------------------------------------------------------------------


def _check_task(task: JsonObject) -> None:
    for part in ("Limits", "Reservations"):
        _check_resources(dig(task, "Resources", part) or {})
    policy = task.get("RestartPolicy") or {}
    for key, word in (("Delay", "restart-delay"), ("Window", "restart-window")):
        if policy.get(key, 0) < 0:
            raise _invalid(f"TaskSpec: {word} cannot be negative")
    try:
        parse_constraints(dig(task, "Placement", "Constraints") or [])
    except ValueError as error:
        raise refused(Code.UNKNOWN, str(error)) from None
    container = task["ContainerSpec"]
    _check_references(container.get("Secrets") or [], "secret")
    _check_references(container.get("Configs") or [], "config")
    _check_credential_config(container)
    _check_container(container)


def _check_resources(resources: JsonObject) -> None:
    cpus, memory = resources.get("NanoCPUs", 0), resources.get("MemoryBytes", 0)
    if cpus and cpus < _LEAST_CPU:
        raise _invalid(f"invalid cpu value {cpus / 1e9:g}: Must be at least {_LEAST_CPU / 1e9:g}")
    if memory and memory < _LEAST_MEMORY:
        raise _invalid(f"invalid memory value {memory}: Must be at least 4MiB")


def _check_references(references: Iterable[JsonObject], kind: str) -> None:
    """Of secrets or configs: whole, and no two of them in one file."""
    owners: dict[str, str] = {}
    names = {"secret": ("SecretID", "SecretName"), "config": ("ConfigID", "ConfigName")}[kind]
    for reference in references:
        if not all(reference.get(name) for name in names):
            raise _invalid(f"malformed {kind} reference")
        target = reference.get("File")
        if target is None:
            if reference.get("Runtime") is None:
                raise _invalid(f"malformed {kind} reference, no target provided")
            continue
        path, name = target["Name"], reference[names[1]]
        if not path:
            raise _invalid(f"malformed file {kind} reference, invalid target file name provided")
        if path in owners:
            raise _invalid(
                f"{kind} references '{owners[path]}' and '{name}' have a conflicting target: "
                f"'{path}'"
            )
        owners[path] = name


def _check_credential_config(container: JsonObject) -> None:
    wanted = dig(container, "Privileges", "CredentialSpec", "Config")
    offered = [c["ConfigID"] for c in container.get("Configs") or [] if "Runtime" in c]
    if wanted and wanted not in offered:
        raise _invalid(
            f"CredentialSpec references config '{wanted}', but that config isn't in config "
            "references with RuntimeTarget"
        )


def _check_container(container: JsonObject) -> None:
    if (why := templates.problem(container)) is not None:
        raise _invalid(why)
    image = container.get("Image", "")
    if not image:
        raise _invalid("ContainerSpec: image reference must be provided")
    if not is_image_reference(image):
        raise _invalid(f'ContainerSpec: "{image}" is not a valid repository/tag')
    targets: set[str] = set()
    for mount in container.get("Mounts") or []:
        target = mount.get("Target", "")
        if target in targets:
            raise _invalid(f"ContainerSpec: duplicate mount point: {target}")
        targets.add(target)
    _check_health(container.get("Healthcheck") or {})


def is_image_reference(image: str) -> bool:
    """ParseNormalizedNamed: what stands before the first slash is a domain where it looks like one."""
    if _IDENTIFIER.fullmatch(image):
        return False
    head, slash, _ = image.partition("/")
    looks_so = "." in head or ":" in head or head == "localhost" or head != head.lower()
    return _IMAGE.fullmatch(image if slash and looks_so else f"docker.io/{image}") is not None


def _check_health(check: JsonObject) -> None:
    for key in ("Interval", "Timeout", "StartPeriod", "StartInterval"):
        value = check.get(key, 0)
        if value and value < _LEAST_DURATION:
            raise _invalid(f"ContainerSpec: {key} in HealthConfig cannot be less than 1ms")
    if check.get("Retries", 0) < 0:
        raise _invalid("ContainerSpec: Retries in HealthConfig cannot be negative")


# --- updates and ports ----------------------------------------------------------------------------


def _check_update(update: JsonObject) -> None:
    for key, word in (("Delay", "update-delay"), ("Monitor", "update-monitor")):
        if update.get(key, 0) < 0:
            raise _invalid(f"TaskSpec: {word} cannot be negative")
    if not 0 <= update.get("MaxFailureRatio", 0) <= 1:
        raise _invalid("TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1")


def _check_endpoint(endpoint: JsonObject) -> None:
    published: set[tuple[Any, Any]] = set()
    for port in endpoint.get("Ports") or []:
        if endpoint["Mode"] == "dnsrr" and port["PublishMode"] == "ingress":
            raise _invalid(
                "EndpointSpec: port published with ingress mode can't be used with dnsrr mode"
            )
        if not port.get("PublishedPort"):
            continue
        key = (port["PublishedPort"], port["Protocol"])
        if key in published:
            raise _invalid("EndpointSpec: duplicate published ports provided")
        published.add(key)
