"""Where the harness keeps its things, all outside the checkout, and what of them is missing.

`.ci/install-engines` fills `engines/` and `tools/`; every lab has a directory below `labs/`.
"""

import os
import shutil
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
INSTALLER = ".ci/install-engines"
# `mount`, `ip` and others live in sbin, which the PATH of a plain `su` lacks.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def home() -> Path:
    """Return the directory of roots, tools and running labs (SWARM_OPERATOR_CLUSTER_HOME)."""
    default = "/var/tmp/swarm-operator-cluster"  # on disk: engine roots are too large for a tmpfs
    return Path(os.environ.get("SWARM_OPERATOR_CLUSTER_HOME", default))


def engine_root(generation: str) -> Path:
    """Return the root file system of an engine generation, such as "26"."""
    return home() / "engines" / generation


def tool(name: str) -> Path:
    """Return the path of a fetched program: consul, docker-registry, prometheus, promtool."""
    return home() / "tools" / name


def labs() -> Path:
    """Return the directory that holds one directory for each lab."""
    return home() / "labs"


def subnets() -> Path:
    """Return the directory in which a link named K reserves 10.K.0.0/24 for a lab."""
    return home() / "subnets"


def docker_command() -> Path | None:
    """Return the real docker command line: that of PATH, else the one taken from an engine root."""
    found = shutil.which("docker")
    fetched = tool("docker")
    return Path(found) if found else fetched if fetched.exists() else None


def missing(*generations: str) -> list[str]:
    """Say what this machine lacks for labs of these engine generations; empty when ready."""
    problems = [] if os.geteuid() == 0 else ["labs need root (namespaces and mounts)"]
    absent = [
        *(f"engine root {g}" for g in generations if not engine_root(g).is_dir()),
        *(f"the command {c}" for c in ("ip", "nsenter", "unshare") if not _system_command(c)),
        *([] if tool("consul").exists() else ["Consul"]),
        *([] if docker_command() else ["the docker command line"]),
        *([] if shutil.which("busybox", path=SYSTEM_PATH) else ["busybox"]),
    ]
    if absent:
        wanted = " ".join(("", *generations))
        problems.append(f"missing: {', '.join(absent)} (run {INSTALLER}{wanted})")
    return problems


def _system_command(name: str) -> str | None:
    return shutil.which(name, path=SYSTEM_PATH)
