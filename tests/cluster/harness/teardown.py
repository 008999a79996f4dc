"""Take a lab away: processes, namespaces, mounts, control groups, files, in this order.

Needs nothing but the lab's directory, may be interrupted and run again: the directory, which is
the evidence that something may be left, goes last.
"""

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from tests.cluster.harness import network, node, processes, record


def teardown(lab: record.LabRecord) -> None:
    """Remove everything that belongs to this lab.

    Raises TimeoutError or OSError naming what could not be removed; calling it again goes on.
    """
    namespaces = lab.network.namespaces(lab.nodes)
    with processes.hold(*namespaces) as numbers:
        processes.end_all(numbers)
        for namespace in namespaces:
            network.remove(namespace)
        # A process that was on its way in meanwhile: from now on none can enter.
        processes.end_all(numbers)
    _unmount_below(lab.directory)
    for number in range(1, lab.nodes + 1):
        for directory in control_groups(lab.name, number):
            _remove_control_group(directory)
    # The record of what the lab is must be the last to go: its big directories before it.
    for child in lab.directory.iterdir():
        if child.is_dir():
            shutil.rmtree(child)
    record.forget(lab)


def collect_garbage() -> list[str]:
    """Take down the labs that have no owner any more; return their names."""
    taken = []
    for lab in record.every():
        with contextlib.suppress(FileNotFoundError):  # somebody else was faster
            if lab.is_dead:
                teardown(lab)
                taken.append(lab.name)
    record.sweep()
    return taken


def control_groups(lab: str, number: int) -> list[Path]:
    """Return the control group directories of a node, in every hierarchy of cgroup v1 and v2."""
    top = Path("/sys/fs/cgroup")
    name = node.cgroup(lab, number).lstrip("/")
    return [*top.glob(name), *top.glob(f"*/{name}")]


def _remove_control_group(directory: Path, within: float = 5) -> None:
    deadline = time.monotonic() + within
    inner = [Path(path) for path, _, _ in os.walk(directory, topdown=False)]
    for path in inner:
        while path.exists():
            try:
                path.rmdir()
            except OSError:
                # Busy for a moment after its last process has ended.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


def _unmount_below(directory: Path) -> None:
    # A node's mounts die with its namespace; these are what a test may have made out here.
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    points = [line.split()[4] for line in mounts]
    for point in sorted(points, reverse=True):
        if Path(point).is_relative_to(directory):
            subprocess.run(["umount", "-l", point], check=True)
