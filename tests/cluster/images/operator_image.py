"""The operator's image, built from the checkout with its own `Dockerfile`, in a node of a lab."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from swarm_operator import __version__
from tests.cluster.harness import paths
from tests.cluster.harness.lab import Lab
from tests.cluster.harness.node import Node
from tests.cluster.images import base_image, cache

NAME = f"swarm-operator:{__version__}"
"""The image that `deploy/stack.yml` names by default."""

_INPUTS = (
    *("Dockerfile", ".dockerignore", "deploy/wheelhouse", "requirements.lock", "pyproject.toml"),
    *("README.md", "LICENSE", "operator", "desired_state"),
)


def load(lab: Lab, *nodes: Node) -> None:
    """Load the image of the checkout as it is now on these nodes (default: all managers).

    It is built only if an input has changed since: a build takes some 20 s, loading 3 s.
    """
    archive = cache.made_once("operator", key(), lambda target: _build(lab, target))

    def load_on(node: Node) -> None:
        lab.docker_cli(node, "load", "--quiet", "--input", archive)

    chosen = nodes or tuple(lab.managers)
    with ThreadPoolExecutor(max_workers=len(chosen)) as pool:
        list(pool.map(load_on, chosen))


def key() -> str:
    """Return what tells one content of the image from another."""
    digest = hashlib.sha256(base_image.key().encode())
    for file in _input_files():
        digest.update(f"{file.relative_to(paths.CHECKOUT)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


def build(lab: Lab, node: Node, context: Path, *, buildkit: bool = False) -> str:
    """Build the image on a node, without a network; returns what the builder said.

    Raises AssertionError with the builder's output.
    """
    command = lab.docker_command(node, "build", "--network=none", "--tag", NAME, context)
    environment = {**os.environ, "DOCKER_BUILDKIT": str(int(buildkit))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker build: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def make_context(folder: Path) -> None:
    """Fill a folder with what `make image` builds from: Dockerfile and wheelhouse."""
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copy2(paths.CHECKOUT / name, folder)
    done = subprocess.run(
        [paths.CHECKOUT / "deploy/wheelhouse", folder / "wheelhouse"],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"deploy/wheelhouse: {done.stdout}{done.stderr}"


def _build(lab: Lab, target: Path) -> None:
    node = lab.manager
    base_image.import_on(lab, node)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        make_context(Path(folder))
        build(lab, node, Path(folder))
    lab.docker_cli(node, "save", "--output", target, NAME)


def _input_files() -> Iterator[Path]:
    for name in _INPUTS:
        path = paths.CHECKOUT / name
        if path.is_file():
            yield path
        yield from sorted(
            file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts
        )
