"""How the tasks of a service run: resources, restarts, placement, updates, mode."""

import re
from typing import Any, Final

from desired_state import go_values
from desired_state.deploy import Deploy, Limits, Placement, Reservations, Resources, UpdateConfig
from desired_state.problems import Path
from desired_state.service import Service
from swarm_operator.observed.json import JsonObject
from swarm_operator.plan.compose.floats import single_precision
from swarm_operator.plan.compose.stack import Conversion, given, present

MIN_MEMORY: Final = 4 * 1024 * 1024
MIN_NANO_CPUS: Final = 10**6


def resources(conversion: Conversion, path: Path, source: Resources | None) -> JsonObject:
    """`TaskTemplate.Resources`: there even when empty."""
    if source is None:
        return {}
    limits, reservations = source.limits, source.reservations
    spec: JsonObject = {}
    if limits is not None:
        spec["Limits"] = _amounts(conversion, (*path, "limits"), limits) | present(Pids=limits.pids)
    if reservations is not None:
        spec["Reservations"] = _amounts(
            conversion, (*path, "reservations"), reservations
        ) | present(GenericResources=_generic(conversion, (*path, "reservations"), reservations))
    return spec


def _amounts(conversion: Conversion, path: Path, source: Limits | Reservations) -> JsonObject:
    nanos = go_values.nano_cpus(source.cpus) if source.cpus else 0
    if nanos and nanos < MIN_NANO_CPUS:
        conversion.error((*path, "cpus"), "must be at least 0.001")
    if source.memory and source.memory < MIN_MEMORY:
        conversion.error((*path, "memory"), "must be at least 4M")
    return present(NanoCPUs=nanos, MemoryBytes=source.memory)


def _generic(conversion: Conversion, path: Path, source: Reservations) -> list[JsonObject]:
    result: list[JsonObject] = []
    for index, resource in enumerate(source.generic_resources or ()):
        discrete = resource.discrete_resource_spec
        if discrete is None:
            hint = "add discrete_resource_spec with kind and value"
            where = (*path, "generic_resources", index)
            conversion.error(where, "is empty, which breaks the request to the engine", hint)
        spec = None if discrete is None else present(Kind=discrete.kind, Value=discrete.value)
        result.append(given(DiscreteResourceSpec=spec))
    return result


_CONDITIONS: Final = frozenset(("", "none", "on-failure", "any"))


def restart_policy(conversion: Conversion, path: Path, service: Service) -> JsonObject | None:
    """`deploy.restart_policy`, or what `restart` says where that is absent."""
    policy = service.deploy.restart_policy if service.deploy else None
    if policy is None:
        return _restart(conversion, (*path, "restart"), service.restart or "")
    where = (*path, "deploy", "restart_policy")
    if (policy.condition or "") not in _CONDITIONS:
        conversion.error((*where, "condition"), "must be one of none, on-failure and any")
    _not_negative(conversion, where, policy, "delay", "window")
    return present(Condition=policy.condition) | given(
        Delay=policy.delay, MaxAttempts=policy.max_attempts, Window=policy.window
    )


def _restart(conversion: Conversion, path: Path, text: str) -> JsonObject | None:
    name, _, count = text.partition(":")
    attempts = 0
    if count:
        try:
            attempts = go_values.whole_number(count)
        except ValueError as error:
            conversion.error(path, f"the number of attempts {error}")
    match name:
        case "" if not text:
            return None
        case "no":
            return None
        case "always" | "unless-stopped":
            return {"Condition": "any"}
        case "on-failure":
            if attempts < 0:
                conversion.error(path, "the number of attempts must be at least 0")
            return {"Condition": "on-failure", "MaxAttempts": attempts}
    conversion.error(path, "must be no, always, unless-stopped or on-failure[:attempts]")
    return None


def _not_negative(conversion: Conversion, path: Path, source: Any, *names: str) -> None:
    for name in names:
        if (getattr(source, name) or 0) < 0:
            conversion.error((*path, name), "must not be negative")


_CONSTRAINT_KEY: Final = re.compile(r"[a-z_][a-z0-9\-_.]+", re.IGNORECASE | re.ASCII)
_CONSTRAINT_VALUE: Final = re.compile(r"[a-z0-9:\-_\s.*()?+\[\]\\^$|/]+", re.IGNORECASE | re.ASCII)


def _is_constraint(text: str) -> bool:
    """swarmkit's rule: a key, == or !=, and a value, each without blanks around it."""
    operator = "==" if "==" in text else "!="
    key, found, value = text.partition(operator)
    return bool(
        found
        and _CONSTRAINT_KEY.fullmatch(key.strip())
        and _CONSTRAINT_VALUE.fullmatch(value.strip())
    )


def placement(conversion: Conversion, path: Path, source: Placement | None) -> JsonObject:
    """`TaskTemplate.Placement`: there even when empty, since a manager panics without it."""
    if source is None:
        return {}
    for index, constraint in enumerate(source.constraints or ()):
        if not _is_constraint(constraint):
            message = "is no constraint; write key == value or key != value"
            conversion.error((*path, "constraints", index), message)
    preferences = [
        {"Spread": {"SpreadDescriptor": preference.spread or ""}}
        for preference in source.preferences or ()
    ]
    return present(
        Constraints=list(source.constraints or ()),
        Preferences=preferences,
        MaxReplicas=source.max_replicas_per_node,
    )


_FAILURE_ACTIONS: Final = frozenset(("", "pause", "continue", "rollback"))


def update_config(
    conversion: Conversion, path: Path, source: UpdateConfig | None
) -> JsonObject | None:
    """One task at a time where the section says nothing else."""
    if source is None:
        return None
    if (source.failure_action or "") not in _FAILURE_ACTIONS:
        message = "must be one of pause, continue and rollback"
        conversion.error((*path, "failure_action"), message)
    ratio = source.max_failure_ratio or 0.0
    if path[-1] == "update_config":  # the engine takes anything for a rollback
        _not_negative(conversion, path, source, "delay", "monitor")
    if path[-1] == "update_config" and not 0 <= ratio <= 1:
        conversion.error((*path, "max_failure_ratio"), "must be between 0 and 1")
    spec: JsonObject = {"Parallelism": 1 if source.parallelism is None else source.parallelism}
    spec |= present(Delay=source.delay, FailureAction=source.failure_action, Monitor=source.monitor)
    spec |= {"MaxFailureRatio": single_precision(ratio), "Order": source.order or ""}
    return spec


def mode(conversion: Conversion, path: Path, deploy: Deploy) -> JsonObject:
    """`Mode` of a service."""
    replicas = deploy.replicas
    kind = deploy.mode or "replicated"
    if kind in {"global", "global-job"} and replicas is not None:
        message = f"a service of mode {kind} has no replicas"
        conversion.error((*path, "replicas"), message, "remove it")
    if kind.endswith("-job") and deploy.update_config is not None:
        message = "a job cannot be updated step by step"
        conversion.error((*path, "update_config"), message, "remove it")
    match kind:
        case "replicated":
            return {"Replicated": given(Replicas=replicas)}
        case "global":
            return {"Global": {}}
        case "replicated-job":
            counts = given(MaxConcurrent=replicas, TotalCompletions=replicas)
            return {"ReplicatedJob": counts}
        case "global-job":
            return {"GlobalJob": {}}
    message = "must be one of replicated, global, replicated-job and global-job"
    conversion.error((*path, "mode"), message)
    return {}
