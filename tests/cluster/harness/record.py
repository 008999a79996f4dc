"""What is written down about a lab, so that any process can use it or take it away.

A lab has an owner as long as somebody holds the lock of its directory; one that was started for
people (`python -m tests.cluster.harness up`) is marked as kept instead, and lives until `down`.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.cluster.harness import network, paths

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_OCTETS = range(101, 251)


@dataclass(frozen=True, slots=True)
class LabRecord:
    """The facts of a lab: 10.`octet`.0.0/24, node1 … node`nodes`, the first are the managers."""

    name: str
    octet: int
    nodes: int
    managers: int
    engine: str
    dockerd_options: tuple[str, ...] = ()

    @property
    def directory(self) -> Path:
        return paths.labs() / self.name

    @property
    def network(self) -> network.Network:
        return network.Network(self.name, self.octet)

    @property
    def is_kept(self) -> bool:
        """Whether it was started for people, to live without an owner."""
        return self._kept_mark.exists()

    def keep(self) -> None:
        self._kept_mark.write_text(_boot_id(), encoding="utf-8")

    @property
    def is_dead(self) -> bool:
        """Whether nobody will take it down but `gc`: no owner; or kept, and the host restarted."""
        if self.is_kept:
            started_at = self._kept_mark.read_text(encoding="utf-8")
            return started_at != _boot_id() or not self.network.switch.exists()
        with contextlib.suppress(FileNotFoundError), lock_of(self.directory).open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    @property
    def _kept_mark(self) -> Path:
        return self.directory / "kept"


def lock_of(directory: Path) -> Path:
    return directory / "lock"


def create(
    name: str, *, nodes: int, managers: int, engine: str, dockerd_options: tuple[str, ...] = ()
) -> tuple[LabRecord, int]:
    """Reserve a lab's directory and subnet; return its record and the descriptor of its held lock.

    Raises ValueError for a name that cannot be one, FileExistsError if it is in use.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"lab name {name!r}: use at most 32 of a-z, 0-9 and '-'")
    with only_one_changes_the_list():
        if (paths.labs() / name).exists():
            raise FileExistsError(f"there is a lab named {name!r} already")
        made = LabRecord(name, _reserve_octet(name), nodes, managers, engine, dockerd_options)
        # Made beside and moved in place, locked: no lab is ever seen without its owner.
        draft = paths.labs() / f".draft-{name}"
        draft.mkdir()
        lock = os.open(lock_of(draft), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        (draft / "lab.json").write_text(json.dumps(asdict(made)), encoding="utf-8")
        draft.rename(made.directory)
    return made, lock


def forget(lab: LabRecord) -> None:
    """Remove a lab's directory and free its subnet; everything else of it must be gone."""
    with only_one_changes_the_list():
        reservation = paths.subnets() / str(lab.octet)
        if reservation.is_symlink() and reservation.readlink().name == lab.name:
            reservation.unlink()
        # Without its name at once, so that a crash in between leaves nothing that looks like a lab.
        gone = paths.labs() / f".gone-{lab.name}"
        lab.directory.rename(gone)
        shutil.rmtree(gone)


def sweep() -> None:
    """Remove what was left by a crash within `create` or `forget`."""
    with only_one_changes_the_list():
        for directory in (*paths.labs().glob(".draft-*"), *paths.labs().glob(".gone-*")):
            shutil.rmtree(directory)
        for reservation in paths.subnets().glob("*"):
            if not reservation.exists():  # a link to a lab that is not there
                reservation.unlink()


@contextlib.contextmanager
def only_one_changes_the_list() -> Iterator[None]:
    """Keep other processes from adding or removing labs meanwhile."""
    for directory in (paths.labs(), paths.subnets()):
        directory.mkdir(parents=True, exist_ok=True)
    with (paths.labs() / ".lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def load(name: str) -> LabRecord:
    """Read the record of an existing lab. Raises FileNotFoundError naming the ones there are."""
    try:
        text = (paths.labs() / name / "lab.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        there = ", ".join(lab.name for lab in every()) or "none"
        raise FileNotFoundError(f"there is no lab named {name!r} (labs: {there})") from None
    facts = json.loads(text)
    facts["dockerd_options"] = tuple(facts["dockerd_options"])
    return LabRecord(**facts)


def every() -> Iterator[LabRecord]:
    """Yield all labs, of this and of other processes."""
    for directory in sorted(paths.labs().glob("[!.]*")):
        with contextlib.suppress(FileNotFoundError):  # taken down meanwhile
            yield load(directory.name)


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8")


def _reserve_octet(name: str) -> int:
    for octet in _OCTETS:
        with contextlib.suppress(FileExistsError):
            # Making a link is atomic, and it says whose it is.
            (paths.subnets() / str(octet)).symlink_to(Path("../labs") / name)
            return octet
    raise RuntimeError(f"all {len(_OCTETS)} subnets are taken: python -m tests.cluster.harness gc")
