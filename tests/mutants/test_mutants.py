"""The mutants' own tests: every patch still fits the code, and the verdicts tell one thing from another.

Whether the laws kill them all is `python -m tests.mutants`.
"""

import shutil
from pathlib import Path

import pytest

from tests.mutants.patch import Change, Patch, PatchMoved, all_patches
from tests.mutants.trial import ROOT, Result, try_patch

LAW = "tests/runtime/test_lost_sentinel.py"
SOURCE = "operator/swarm_operator/plan/missing.py"


@pytest.mark.parametrize("patch", all_patches(), ids=lambda patch: patch.name)
def test_every_patch_fits_the_code_and_names_laws_that_exist(patch: Patch, tmp_path: Path) -> None:
    for change in patch.changes:
        copy = tmp_path / change.file
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / change.file, copy)
    patch.apply(tmp_path)
    for change in patch.changes:
        compile((tmp_path / change.file).read_text(), change.file, "exec")
    for law in patch.laws:
        path, _, test = law.partition("[")[0].partition("::")
        assert (ROOT / path).exists(), law
        assert not test or f"def {test}(" in (ROOT / path).read_text(), law


def test_every_invariant_has_mutants() -> None:
    said = " ".join(patch.guard for patch in all_patches())
    missing = [number for number in range(1, 11) if f"{number})" not in said]
    assert len(all_patches()) >= 10
    assert missing == []


def test_a_patch_whose_source_moved_is_no_mutant(tmp_path: Path) -> None:
    """Neither where its words are gone nor where they stand twice, nor where the file is gone."""
    (tmp_path / "a.py").write_text("x = 1\nx = 1\n")
    for before, file in (("y = 1", "a.py"), ("x = 1", "a.py"), ("x = 1", "b.py")):
        with pytest.raises(PatchMoved):
            Change(file, before, "").apply(tmp_path)


def _harmless(law: str, before: str = '"""Stacks that are', after: str = '"""The stacks') -> Patch:
    return Patch("harmless", "nothing", (law,), (Change(SOURCE, before, after),))


def test_a_mutant_that_no_law_notices_survives() -> None:
    assert try_patch(_harmless(LAW)).result is Result.SURVIVED


def test_what_proves_nothing_is_broken() -> None:
    """A patch that does not fit, a law that is not there, code that cannot even be imported."""
    assert try_patch(_harmless(LAW, before="not there")).result is Result.BROKEN
    assert try_patch(_harmless("tests/laws/test_nowhere.py")).result is Result.BROKEN
    broken = try_patch(_harmless(LAW, after='raise ImportError("""'))
    assert broken.result is Result.BROKEN, broken
