"""What keeps the house in order: layers, purity, sizes, and nothing of one machine in the tree."""

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "operator" / "swarm_operator"
PURE = (PACKAGE / "plan", PACKAGE / "observed", ROOT / "desired_state")

IMPURE_MODULES = {
    "asyncio", "consul", "docker", "io", "logging", "multiprocessing", "os", "pathlib",
    "prometheus_client", "random", "requests", "secrets", "select", "shutil", "signal", "socket",
    "structlog", "subprocess", "tempfile", "threading", "time", "urllib.request", "uuid",
}  # fmt: skip
IMPURE_CALLS = {"now", "utcnow", "today", "open", "input", "print", "urandom", "uuid4", "getenv"}
MAX_LINES = 400


def _python_files(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def _tracked() -> list[Path]:
    """Every file that is, or would be, in the repository."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    )
    names = listed.stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def test_operator_is_no_package_and_the_standard_library_keeps_its_own() -> None:
    """`import operator` must stay the standard library's, in tests and in an installed wheel."""
    assert not (ROOT / "operator" / "__init__.py").exists()
    found = importlib.util.find_spec("operator")
    assert found is not None
    assert found.origin is not None
    assert ROOT not in Path(found.origin).parents
    assert sys.modules["operator"].itemgetter(1)("ab") == "b"


@pytest.mark.parametrize("path", _python_files(*PURE), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_core_is_pure(path: Path) -> None:
    """No clock, no randomness, no environment, no thread, no file, no log in the core."""
    assert list(impurities(ast.parse(path.read_text()))) == []


def impurities(tree: ast.AST) -> Iterator[str]:
    """What in a module reaches out of it."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            if name in IMPURE_MODULES or name.partition(".")[0] in IMPURE_MODULES:
                yield f"line {node.lineno}: imports {name}"  # type: ignore[attr-defined]
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else None
            called = node.func.id if isinstance(node.func, ast.Name) else called
            if called in IMPURE_CALLS:
                yield f"line {node.lineno}: calls {called}"
        if isinstance(node, ast.Global):
            yield f"line {node.lineno}: global state"


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from random import choice",
        "from os.path import join",
        "x = datetime.now(UTC)",
        "y = open('f')",
        "def f():\n    global z\n    z = 1",
    ],
)
def test_the_purity_check_can_fail(source: str) -> None:
    assert list(impurities(ast.parse(source)))


def test_no_module_is_too_large() -> None:
    """What does not fit on a few screens is two things."""
    files = _python_files(PACKAGE, ROOT / "desired_state")
    sizes = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in files}
    assert {name: size for name, size in sizes.items() if size > MAX_LINES} == {}


_PLACES = re.compile(rb"/home/[a-z]+/|--(?:extra-)?index-" + rb"url")


def test_nothing_of_one_machine_is_in_the_tree() -> None:
    """No home of one person, no index of packages; the lock files name no host at all."""
    found: dict[str, bytes] = {}
    for path in _tracked():
        match = _PLACES.search(path.read_bytes())
        if match is not None:
            found[str(path.relative_to(ROOT))] = match.group()
    assert found == {}
    for lock in ROOT.glob("*.lock"):
        assert "://" not in lock.read_text(), lock.name


def test_imports_go_one_way() -> None:
    """The contracts of pyproject.toml, checked by import-linter."""
    lint = Path(sys.executable).parent / "lint-imports"
    if not lint.exists():
        pytest.skip("import-linter is not installed here")
    done = subprocess.run(
        [lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
