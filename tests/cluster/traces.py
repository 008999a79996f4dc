"""Whatever of a lab can be found on this machine, looked for without the harness's own means."""

import os
from pathlib import Path

from tests.cluster.harness import paths


def traces_of(lab: str) -> list[str]:
    """Return every process, namespace, mount, control group and file that bears a lab's name."""
    return [
        *_processes(lab),
        *(f"namespace {path}" for path in Path("/run/netns").glob(f"*{lab}*")),
        *(f"mount {line}" for line in _lines("/proc/self/mountinfo") if lab in line),
        *(f"cgroup {path}" for path in _control_groups() if lab in path.name),
        *(f"directory {path}" for path in paths.labs().glob(f"*{lab}*")),
        *(f"subnet {path}" for path in paths.subnets().glob("*") if lab in str(path.readlink())),
    ]


def _processes(lab: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        # A container's process shows the lab in its control group; an engine in its mounts.
        for name in ("cmdline", "environ", "cgroup", "mountinfo"):
            if int(entry.name) != os.getpid() and any(lab in line for line in _lines(entry / name)):
                found.append(f"process {entry.name}: {' '.join(_lines(entry / 'cmdline'))}")
                break
    return found


def _control_groups() -> list[Path]:
    top = Path("/sys/fs/cgroup")
    return [*top.glob("*"), *top.glob("*/*")]


def _lines(path: Path | str) -> list[str]:
    try:
        raw = Path(path).read_bytes()
    except OSError:  # ended meanwhile
        return []
    return raw.decode(errors="replace").replace("\0", "\n").splitlines()
