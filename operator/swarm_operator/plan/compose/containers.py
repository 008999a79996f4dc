"""The containers of a service: `TaskTemplate.ContainerSpec` (cli/compose/convert/service.go)."""

from collections.abc import Mapping

from desired_state import images
from desired_state.problems import Path
from desired_state.service import CredentialSpec, HealthCheck, Service
from swarm_operator.observed.json import JsonObject
from swarm_operator.plan.compose import mounts
from swarm_operator.plan.compose.references import References
from swarm_operator.plan.compose.stack import Conversion, given, present

_MILLISECOND = 10**6


def container_spec(
    conversion: Conversion, path: Path, service: Service, references: References
) -> JsonObject:
    """What a task runs. `Privileges` are always there: a task without them is another task."""
    added, dropped = capabilities(service.cap_add or (), service.cap_drop or ())
    spec = present(
        Image=images.shortened(service.image) if service.image else "",
        Command=list(service.entrypoint or ()),
        Args=list(service.command or ()),
        Hostname=service.hostname,
        Hosts=[f"{address} {host}" for host, address in service.extra_hosts or ()],
        Env=environment(service.environment or {}),
        Dir=service.working_dir,
        User=service.user,
        Mounts=mounts.converted(conversion, (*path, "volumes"), service.volumes or ()),
        StopSignal=service.stop_signal,
        TTY=service.tty,
        OpenStdin=service.stdin_open,
        Secrets=references.secrets,
        Configs=references.configs,
        ReadOnly=service.read_only,
        Isolation=service.isolation,
        Sysctls=service.sysctls,
        CapabilityAdd=added,
        CapabilityDrop=dropped,
        Ulimits=[
            {"Name": name, "Hard": limit.hard, "Soft": limit.soft}
            for name, limit in sorted((service.ulimits or {}).items())
        ],
    )
    spec |= given(
        DNSConfig=_dns(service),
        Healthcheck=_healthcheck(conversion, (*path, "healthcheck"), service.healthcheck),
        StopGracePeriod=service.stop_grace_period,
        Init=service.init,
    )
    spec["Labels"] = conversion.labels(service.labels)
    spec["Privileges"] = {
        "CredentialSpec": _credential_spec(conversion, path, service.credential_spec),
        "SELinuxContext": None,
        "NoNewPrivileges": False,
    }
    return spec


def environment(variables: Mapping[str, str | None]) -> list[str]:
    """`K=V`, or `K` alone, sorted as whole texts."""
    return sorted(name if value is None else f"{name}={value}" for name, value in variables.items())


def capabilities(add: tuple[str, ...], drop: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Normalised and sorted; ALL swallows the rest of its list, adding wins over dropping."""
    added, dropped = set(map(_capability, add)), set(map(_capability, drop))
    added = {"ALL"} if "ALL" in added else added
    dropped = {"ALL"} if "ALL" in dropped else dropped
    return sorted(added - {"RESET"}), sorted(dropped - added - {"RESET"})


def _capability(name: str) -> str:
    name = name.strip().upper()
    return name if name in {"ALL", "RESET"} or name.startswith("CAP_") else f"CAP_{name}"


def _dns(service: Service) -> JsonObject | None:
    if service.dns is None and service.dns_search is None:
        return None
    return present(Nameservers=list(service.dns or ()), Search=list(service.dns_search or ()))


def _healthcheck(
    conversion: Conversion, path: Path, check: HealthCheck | None
) -> JsonObject | None:
    if check is None:
        return None
    if check.disable:
        if check.test:
            message = "test and disable contradict each other"
            conversion.error(path, message, "remove one of the two")
        return {"Test": ["NONE"]}
    for name in ("interval", "timeout", "start_period", "start_interval"):
        duration = getattr(check, name)
        if duration and duration < _MILLISECOND:
            conversion.error((*path, name), "must be 0 or at least 1ms")
    return present(
        Test=list(check.test or ()),
        Interval=check.interval,
        Timeout=check.timeout,
        Retries=check.retries,
        StartPeriod=check.start_period,
        StartInterval=check.start_interval,
    )


def _credential_spec(
    conversion: Conversion, path: Path, spec: CredentialSpec | None
) -> JsonObject | None:
    if spec is None:
        return None
    named = [name for name in ("config", "file", "registry") if getattr(spec, name)]
    if not named:
        return None
    if len(named) > 1:
        message = f"takes one of config, file and registry, not {' and '.join(named)}"
        conversion.error((*path, "credential_spec"), message)
    config = spec.config or ""
    if config:
        config = conversion.name_of(config, conversion.stack.document.configs.get(config))
    return {"Config": config, "File": spec.file or "", "Registry": spec.registry or ""}
