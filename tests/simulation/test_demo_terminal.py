"""The live view on a real terminal: drawn, drawn anew, and gone at Ctrl-C."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulation.demo import bare_environment, short_folder

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
ALTERNATE_SCREEN, BACK_AGAIN = "\x1b[?1049h", "\x1b[?1049l"


class Terminal:
    """A program on a pseudo-terminal of its own."""

    def __init__(
        self, *command: str, environment: dict[str, str], lines: int, columns: int
    ) -> None:
        self._fd, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.seen = ""

    def read_until(self, check: Callable[[], bool], within_s: float = 40) -> None:
        end = time.monotonic() + within_s
        while not check():
            assert time.monotonic() < end, ESCAPES.sub("", self.seen)[-3000:]
            if select.select([self._fd], [], [], 0.2)[0] and not self._read():
                assert check(), self.seen[-3000:]
                return

    def _read(self) -> bool:
        data = b""
        with contextlib.suppress(OSError):  # the program has ended
            data = os.read(self._fd, 65536)
        self.seen += data.decode("utf-8", "replace")
        return bool(data)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.vanish()

    def vanish(self) -> None:
        """As when its window is closed."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @property
    def picture(self) -> str:
        """The last one that was drawn."""
        return ESCAPES.sub("", self.seen.rpartition("\x1b[H")[2])


def test_the_picture_and_its_end() -> None:
    with short_folder() as folder:
        environment = {**bare_environment(folder), "TERM": "xterm-256color"}
        command = (sys.executable, "-m", "swarm_operator", "demo", "run", "--seed", "1")
        terminal = Terminal(*command, environment=environment, lines=50, columns=140)
        try:
            terminal.read_until(lambda: _is_whole(terminal.picture))
            assert ALTERNATE_SCREEN in terminal.seen
            started = time.monotonic()
            terminal.process.send_signal(signal.SIGINT)
            terminal.read_until(lambda: "nothing is left behind" in terminal.seen)
            assert terminal.process.wait(timeout=10) == 0
            assert time.monotonic() - started < 5
            assert terminal.seen.rindex(BACK_AGAIN) > terminal.seen.rindex(ALTERNATE_SCREEN)
            assert list(Path(folder).iterdir()) == []
        finally:
            terminal.close()


@pytest.mark.parametrize("mode", [(), ("--plain",)], ids=["picture", "lines"])
def test_it_ends_when_the_terminal_vanishes(mode: tuple[str, ...]) -> None:
    """Beneath a leader of the session that ignores SIGHUP, as below make: nobody tells it."""
    with short_folder() as folder:
        environment = {**bare_environment(folder), "TERM": "xterm-256color"}
        demo = [sys.executable, "-m", "swarm_operator", "demo", "run", "--no-examples", *mode]
        leader = (
            "import signal, subprocess, sys; signal.signal(signal.SIGHUP, lambda *_: None); "
            "sys.exit(subprocess.call(sys.argv[1:], restore_signals=True))"
        )
        terminal = Terminal(
            sys.executable, "-c", leader, *demo, environment=environment, lines=24, columns=80
        )
        try:
            terminal.read_until(lambda: "worker-2" in terminal.seen)
            terminal.vanish()
            assert terminal.process.wait(timeout=10) == 0
            assert list(Path(folder).iterdir()) == []
        finally:
            terminal.close()


def _is_whole(picture: str) -> bool:
    """Four stacks are ready, and everything else is there too."""
    words = ("manager-1", "worker-2", "voting-app_vote.1", "wordpress", "create service")
    return len(re.findall(r"\bReady\b", picture)) == 4 and all(word in picture for word in words)
