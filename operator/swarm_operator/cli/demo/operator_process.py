"""An operator as a process of its own: the very `swarm-operator run` that people deploy."""

import json
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

_START_S: Final = 30.0
_STOP_S: Final = 6.0
"""The daemon itself ends within five seconds."""
_REMEMBERED: Final = 200

LogLine = Mapping[str, Any]


class OperatorFailed(Exception):
    """It ended by itself, or never said that it started; the text has its last words."""


class OperatorProcess:
    """One operator, from `start` to `stop` or `kill`. Its log goes to a file, and to `on_line`."""

    def __init__(
        self,
        environment: Mapping[str, str],
        log: Path,
        on_line: Callable[[LogLine], None] = lambda _line: None,
    ) -> None:
        """`environment` is all that it gets. `on_line` is called by a thread."""
        self._environment = {**environment, "SWARM_OPERATOR_LOG_FORMAT": "json"}
        self._log = log
        self._on_line = on_line
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._started = threading.Event()
        self._address = ""
        self.lines: deque[LogLine] = deque(maxlen=_REMEMBERED)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def metrics(self) -> str:
        """The URL of its metrics, once it started."""
        return f"http://{self._address}/metrics" if self._address else ""

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Returns once it says that it started. Raises OperatorFailed."""
        command = [sys.executable, "-m", "swarm_operator.cli.demo.child", "run"]
        # A session of its own: Ctrl-C at the terminal reaches it through us, in order.
        self._process = subprocess.Popen(  # noqa: S603 - this very program
            command,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name="operator's log", daemon=True)
        self._reader.start()
        self._started.wait(_START_S)
        if not self._address:
            self.kill()
            raise OperatorFailed(f"the operator did not start:\n{self.last_words()}")

    def stop(self) -> None:
        """SIGTERM, and a little later the hard way."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._collect()

    def kill(self) -> None:
        """SIGKILL: no time to release or to write anything."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        self._collect()

    def last_words(self) -> str:
        """The last lines of its log, for an error."""
        return "\n".join(f"  {readable(line)}" for line in list(self.lines)[-8:]) or "  (no log)"

    def _collect(self) -> None:
        process = self._process
        if process is None:
            return
        process.wait()
        if self._reader is not None:
            self._reader.join(timeout=2)
        for stream in (process.stdin, process.stderr):
            if stream is not None:
                stream.close()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        with self._log.open("a", encoding="utf-8") as log:
            for text in self._process.stderr:
                log.write(text)
                log.flush()
                line = _parsed(text)
                self.lines.append(line)
                if line.get("event") == "started":
                    self._address = str(line.get("listen", ""))
                    self._started.set()
                self._on_line(line)
        self._started.set()


def _parsed(text: str) -> LogLine:
    try:
        line = json.loads(text)
    except ValueError:
        line = None
    return line if isinstance(line, dict) else {"event": text.rstrip(), "level": "error"}


def readable(line: LogLine) -> str:
    """A log line for people."""
    rest = ", ".join(
        f"{key}: {value}"
        for key, value in line.items()
        if key not in {"time", "level", "event", "exception"} and value is not None
    )
    exception = str(line.get("exception", "")).rpartition("\n")[2]
    rest = ", ".join(part for part in (rest, exception) if part)
    return f"{line.get('event', '')}{f' ({rest})' if rest else ''}"
