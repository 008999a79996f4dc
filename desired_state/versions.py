"""`version:` of a document: each one from 3.0 to 3.13 knows its own keys, as docker/cli's schemas do.

A document without a version is of the newest one. `x-operator` belongs to none of them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from desired_state.problems import Path

NEWEST: Final = 13

SINCE: Final[Mapping[tuple[str, ...], int]] = {
    tuple(path.split(".")): minor
    for minor, paths in {
        1: ["secrets", "services.*.secrets"],
        2: [
            "networks.*.attachable",
            "services.*.build.cache_from",
            "services.*.deploy.endpoint_mode",
            "services.*.ports.[].mode",
            "services.*.ports.[].protocol",
            "services.*.ports.[].published",
            "services.*.ports.[].target",
            "services.*.volumes.[].bind",
            "services.*.volumes.[].consistency",
            "services.*.volumes.[].read_only",
            "services.*.volumes.[].source",
            "services.*.volumes.[].target",
            "services.*.volumes.[].type",
            "services.*.volumes.[].volume",
        ],
        3: [
            "configs",
            "services.*.build.labels",
            "services.*.configs",
            "services.*.credential_spec",
            "services.*.deploy.placement.preferences",
        ],
        4: [
            "services.*.build.network",
            "services.*.build.target",
            "services.*.deploy.update_config.order",
            "services.*.healthcheck.start_period",
            "volumes.*.name",
            "x-*",
        ],
        5: [
            "configs.*.name",
            "networks.*.name",
            "secrets.*.name",
            "services.*.build.shm_size",
            "services.*.deploy.resources.reservations.generic_resources",
            "services.*.isolation",
        ],
        6: ["services.*.volumes.[].tmpfs"],
        7: [
            "configs.*.x-*",
            "networks.*.x-*",
            "secrets.*.x-*",
            "services.*.deploy.rollback_config",
            "services.*.init",
            "services.*.x-*",
            "volumes.*.x-*",
        ],
        8: [
            "configs.*.template_driver",
            "secrets.*.driver",
            "secrets.*.driver_opts",
            "secrets.*.template_driver",
            "services.*.credential_spec.config",
            "services.*.deploy.placement.max_replicas_per_node",
        ],
        9: [
            "services.*.build.extra_hosts",
            "services.*.cgroupns_mode",
            "services.*.deploy.resources.limits.pids",
        ],
        12: ["services.*.healthcheck.start_interval"],
        13: ["services.*.networks.*.driver_opts", "services.*.oom_score_adj"],
    }.items()
    for path in paths
}
"""Key → the minor version 3.x that brought it; keys that are not here are as old as 3.0."""

_OPEN_BUILD: Final = 11
"""From here on `build` may hold any key."""
_BUILD_KEYS: Final = frozenset(
    (
        "context",
        "dockerfile",
        "args",
        "labels",
        "cache_from",
        "network",
        "target",
        "shm_size",
        "extra_hosts",
    )
)

_VERSION: Final = re.compile(r"3\.([0-9]|1[0-3])", re.ASCII)


def minor_of(version: object) -> int | None:
    """The x of version 3.x, of "3" and of none the newest; None for what is no version."""
    if version in {None, "", "3"}:
        return NEWEST
    match = _VERSION.fullmatch(version) if isinstance(version, str) else None
    return int(match[1]) if match else None


def too_new(root: Mapping[str, Any], minor: int) -> Iterator[tuple[Path, int]]:
    """The keys that version 3.`minor` does not know yet, and the version that does."""
    for pattern, since in SINCE.items():
        if since > minor:
            yield from ((path, since) for path in _matches(root, pattern, ()))
    if minor < _OPEN_BUILD:
        for path in _matches(root, ("services", "*", "build", "*"), ()):
            if path[-1] not in _BUILD_KEYS:
                yield path, _OPEN_BUILD


def _matches(node: Any, pattern: tuple[str, ...], path: Path) -> Iterator[Path]:
    if not pattern:
        yield path
        return
    first, *rest = pattern
    if first == "[]":
        if isinstance(node, list):
            for index, item in enumerate(node):
                yield from _matches(item, tuple(rest), (*path, index))
    elif isinstance(node, Mapping):
        for key, item in node.items():
            if first in {key, "*"} or (first == "x-*" and _is_extension(key)):
                yield from _matches(item, tuple(rest), (*path, key))


def _is_extension(key: str) -> bool:
    return key.startswith("x-") and key != "x-operator"
