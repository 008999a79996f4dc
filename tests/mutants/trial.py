"""One mutant's life: a copy of the tree, the patch, the laws, and what they say."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.mutants.patch import Patch, PatchMoved

ROOT = Path(__file__).parents[2]
_COPIED = ("operator", "desired_state", "tests", "pyproject.toml")
_NEVER_NEEDED = ("cluster", "contract", "parity", "mutants")
"""Below `tests`: large, or of no law."""
LIMIT_S = 200.0
"""For the laws of one mutant; one that makes the code hang is noticed too, but not at once."""

CONTROL: Final = "(control)"
"""How the names of verdicts without a patch begin."""

_PASSED, _FAILED = 0, 1
"""What pytest exits with; anything else is trouble of its own (no such test, no such file)."""


class Result(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "SURVIVED"
    BROKEN = "BROKEN"
    """It proves nothing: the patch does not apply, or the laws could not be run."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`said` names the tests that failed, or what is wrong."""

    name: str
    result: Result
    said: str
    took_s: float


def try_patch(patch: Patch) -> Verdict:
    """Whether each of its laws notices that the guard is gone."""
    started = time.monotonic()
    with TemporaryDirectory(prefix="swarm-operator-mutant-") as directory:
        root = Path(directory)
        copy_tree(root)
        try:
            patch.apply(root)
        except PatchMoved as moved:
            return Verdict(patch.name, Result.BROKEN, str(moved), time.monotonic() - started)
        noticed, trouble = _notices(root, patch.laws)
    took_s = time.monotonic() - started
    if trouble is not None:
        return Verdict(patch.name, Result.BROKEN, trouble, took_s)
    blind = [law for law, failed in noticed.items() if not failed]
    if blind:
        return Verdict(
            patch.name, Result.SURVIVED, f"holds all the same: {', '.join(blind)}", took_s
        )
    return Verdict(patch.name, Result.KILLED, ", ".join(noticed.values()), took_s)


def _notices(root: Path, laws: Sequence[str]) -> tuple[dict[str, str], str | None]:
    """By law the test that failed, empty where none did; and what is wrong with the trial itself."""
    noticed: dict[str, str] = {}
    for law in laws:
        code, output = run_laws(root, [law])
        failure = first_failure(output)
        if code not in {_PASSED, _FAILED} or (code == _FAILED and not failure):
            return noticed, f"pytest exited with {code} for {law}:\n{output}"
        noticed[law] = failure if code == _FAILED else ""
    return noticed, None


def laws_of(patches: Sequence[Patch]) -> list[str]:
    """Every law that a patch names, once."""
    return sorted({law for patch in patches for law in patch.laws})


def try_control(law: str) -> Verdict:
    """A law on a copy without any patch: it must hold, or its failing elsewhere says nothing."""
    started = time.monotonic()
    with TemporaryDirectory(prefix="swarm-operator-mutant-") as directory:
        root = Path(directory)
        copy_tree(root)
        code, output = run_laws(root, [law])
    took_s = time.monotonic() - started
    name = f"{CONTROL} {law.removeprefix('tests/')}"
    if code == _PASSED:
        return Verdict(name, Result.SURVIVED, "", took_s)
    return Verdict(name, Result.BROKEN, f"a law fails without any patch:\n{output}", took_s)


def copy_tree(root: Path) -> None:
    """What the laws need, with its compiled files."""
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            ignore = _tests_needed if name == "tests" else None
            shutil.copytree(source, root / name, ignore=ignore)
        else:
            shutil.copy2(source, root / name)


def _tests_needed(directory: str, names: list[str]) -> set[str]:
    is_top = Path(directory) == ROOT / "tests"
    return set(_NEVER_NEEDED) & set(names) if is_top else set()


def run_laws(root: Path, laws: Sequence[str]) -> tuple[int, str]:
    """pytest's exit code and output, up to the first failure; a code of its own where it hangs."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=line", "-p", "no:cacheprovider"]
    # The copy, and nothing else, is imported: its pyproject.toml puts it first on the path.
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "mutants", "PYTHONHASHSEED": "0"}
    environment.pop("PYTEST_ADDOPTS", None)
    environment.pop("PYTEST_XDIST_WORKER", None)
    try:
        done = subprocess.run(
            [*command, *laws],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -1, f"no end after {LIMIT_S:.0f} s"
    return done.returncode, done.stdout + done.stderr


def first_failure(output: str) -> str:
    """The law that failed, as pytest's summary names it; empty where a test could not be run."""
    lines = (line.removeprefix("FAILED ") for line in output.splitlines() if _is_failure(line))
    return next(lines, "").partition(" - ")[0]


def _is_failure(line: str) -> bool:
    return line.startswith("FAILED ")
