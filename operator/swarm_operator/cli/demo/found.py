"""Where simulated worlds of this user run: each has a private folder with its socket and a note."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

PREFIX: Final = "swarm-operator-demo-"
NOTE: Final = "world.json"
OWNER: Final = "process"
"""The process that made the folder: its id and when it started, for ids are used again."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a running world says of itself."""

    pid: int
    docker_host: str
    consul_addr: str
    metrics: str = ""

    def write(self, folder: Path) -> None:
        """Into its folder; whoever finds it finds it whole."""
        half = folder / f"{NOTE}.new"
        half.write_text(json.dumps(asdict(self), indent=1), "utf-8")
        half.replace(folder / NOTE)


def new_folder(environment: Mapping[str, str]) -> Path:
    """A private folder for a world, where others will look for it. Raises OSError."""
    _sweep(environment)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_places(environment)[0]))
    (folder / OWNER).write_text(_identity(os.getpid()), "utf-8")
    return folder


def running(environment: Mapping[str, str]) -> list[Note]:
    """The notes of this user's worlds whose process is alive; the youngest first."""
    found = [
        (path.stat().st_mtime, note)
        for place in _places(environment)
        for path in place.glob(f"{PREFIX}*/{NOTE}")
        if path.stat().st_uid == os.getuid() and (note := _read(path)) and _is_alive(path.parent)
    ]
    return [note for _, note in sorted(found, key=lambda pair: -pair[0])]


def _places(environment: Mapping[str, str]) -> list[Path]:
    """The runtime folder of the session where there is one (a tmpfs of this user's), else the
    system's for temporary files."""
    return list(_candidates(environment))


def _candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    runtime = Path(environment.get("XDG_RUNTIME_DIR") or "/nonexistent")
    if runtime.is_dir() and os.access(runtime, os.W_OK):
        yield runtime
    yield Path(tempfile.gettempdir())


def _read(path: Path) -> Note | None:
    try:
        return Note(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _sweep(environment: Mapping[str, str]) -> None:
    """Folders that worlds left which had no time to clean up (SIGKILL, a power cut)."""
    for place in _places(environment):
        for folder in place.glob(f"{PREFIX}*"):
            # Without its owner's name it may just be in the making.
            try:
                is_left = folder.stat().st_uid == os.getuid() and (folder / OWNER).is_file()
            except OSError:
                continue
            if is_left and not _is_alive(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_alive(folder: Path) -> bool:
    """Whether the very process runs that made it."""
    try:
        written = (folder / OWNER).read_text("utf-8")
    except OSError:
        return False
    pid = written.partition(" ")[0]
    # Empty: another one is just writing it.
    return not pid.isdecimal() or _identity(int(pid)) == written


def _identity(pid: int) -> str:
    """`PID START`, where START are clock ticks after the boot (proc(5), field 22 of stat), or
    nothing where no /proc is; empty where no such process is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return f"{pid} "
    return f"{pid} {fields[19]}"
