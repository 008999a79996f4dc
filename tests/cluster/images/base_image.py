"""The base image of the `Dockerfile`, made from Debian's packages where no registry is reachable.

It has the base's own name, its Debian release and its Python: what the `Dockerfile` does with the
real one it does with this one.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.cluster.harness import paths
from tests.cluster.harness.lab import Lab
from tests.cluster.harness.node import Node
from tests.cluster.images import cache

_PACKAGES = "ca-certificates,python3,python3-venv"
# What no program reads; and device files, of which a container gets its own.
_LEFT_OUT = (
    *("./dev/*", "./proc/*", "./sys/*", "./run/*", "./tmp/*", "./var/cache/*", "./var/log/*"),
    *("./var/lib/apt/lists/*", "./usr/share/doc/*", "./usr/share/man/*", "./usr/share/locale/*"),
)


def name() -> str:
    """Return the base image that the Dockerfile names."""
    text = (paths.CHECKOUT / "Dockerfile").read_text(encoding="utf-8")
    found = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", text, re.MULTILINE)
    assert found is not None, "the Dockerfile has no ARG PYTHON_IMAGE"
    return found[1]


def suite() -> str:
    """Return the Debian release in the base image's name."""
    return name().rsplit("-", 1)[-1]


def key() -> str:
    """Return what tells one recipe from another: this file's text and the release."""
    recipe = Path(__file__).read_bytes() + suite().encode()
    return hashlib.sha256(recipe).hexdigest()[:12]


def archive() -> Path:
    """Return the image's root file system as a tar; made once, in some 40 s, and kept.

    Raises RuntimeError with the end of debootstrap's log.
    """
    return cache.made_once(f"base-{suite()}", key(), _build)


def import_on(lab: Lab, node: Node) -> None:
    """Make the base image known to a node's engine."""
    lab.docker_cli(node, "import", "--change", 'CMD ["python3"]', archive(), name())


def _build(target: Path) -> None:
    root = target.with_suffix(".root")
    shutil.rmtree(root, ignore_errors=True)
    log = target.with_suffix(".log")
    command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", suite(), str(root)]
    try:
        with log.open("wb") as output:
            done = subprocess.run(
                [*command, _debian_mirror()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"PATH": paths.SYSTEM_PATH, "LC_ALL": "C"},
                check=False,
            )
        if done.returncode != 0:
            tail = log.read_text(encoding="utf-8", errors="replace")[-1000:]
            raise RuntimeError(f"{' '.join(command)}: {tail}")
        left_out = [f"--exclude={pattern}" for pattern in _LEFT_OUT]
        subprocess.run(
            ["tar", f"--directory={root}", "--numeric-owner", *left_out, "-cf", target, "."],
            check=True,
        )
    finally:
        shutil.rmtree(root, ignore_errors=True)
        log.unlink(missing_ok=True)


def _debian_mirror() -> str:
    """Return the mirror that apt is set up with (or SWARM_OPERATOR_DEBIAN_MIRROR)."""
    if given := os.environ.get("SWARM_OPERATOR_DEBIAN_MIRROR"):
        return given
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for line in targets.splitlines():
        label, _, uri = line.partition(" ")
        if label == "Debian" and uri.startswith("http"):
            return uri.rstrip("/")
    raise RuntimeError("apt knows no Debian mirror: set SWARM_OPERATOR_DEBIAN_MIRROR")
