"""Large files that take long to make, kept beside the engines' roots, outside the checkout."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.cluster.harness import paths

_KEPT = 3


def made_once(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """Return the file of this kind and key; `make` writes it to the given path if it is missing.

    Several processes may ask at once: one makes, the others wait. A few former keys are kept, so
    that two checkouts side by side do not throw each other's file away.
    """
    folder = paths.home() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = folder / f"{kind}-{key}.tar"
    with _locked(folder / f".{kind}.lock"):
        if not wanted.exists():
            draft = folder / f".{kind}-{key}.draft"
            try:
                make(draft)
                draft.rename(wanted)
            finally:
                draft.unlink(missing_ok=True)
        os.utime(wanted)
        _forget_old(folder, kind)
    return wanted


def _forget_old(folder: Path, kind: str) -> None:
    files = sorted(folder.glob(f"{kind}-*.tar"), key=lambda file: file.stat().st_mtime)
    for file in files[:-_KEPT]:
        file.unlink()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
