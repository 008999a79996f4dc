"""Structured logs: JSON lines for programs, a readable form on a terminal, no secret in either.

The code that logs takes its logger as a parameter; only the edge calls `configure`.
"""

import logging
import re
import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from desired_state.secret_texts import HIDDEN, SHORT, spellings
from swarm_operator.settings import LogFormat, LogLevel

_STRUCTURAL: Final = frozenset(
    {
        "time", "level", "controller", "stack", "kind", "verb", "name", "effect", "result", "state",
        "revision", "cause", "number", "mode", "version",
    }
)  # fmt: skip
"""Fields that hold names, words of ours and KV keys, which are public. A document may well say
`LOG_LEVEL: info` or name a database like its stack; that must not black out every line."""


class Redactor:
    """Replaces every secret that it was told in every text of every event.

    It is the net below, not the way to handle secrets: what shows a value decides by itself.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._known: frozenset[str] = frozenset()
        self._whole: frozenset[str] = frozenset()
        self._parts: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Hide these from now on."""
        if self._known.issuperset(secrets):
            return
        shown = {each for secret in secrets for each in spellings(secret)}
        with self._lock:
            self._known |= frozenset(secrets)
            self._whole |= shown
            parts = self._parts | {each for each in shown if len(each) >= SHORT}
            if parts != self._parts:
                self._parts = parts
                longest_first = sorted(parts, key=lambda part: (-len(part), part))
                self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def text(self, text: str) -> str:
        """The text without any secret in it."""
        if text in self._whole:
            return HIDDEN
        return self._pattern.sub(HIDDEN, text) if self._pattern else text

    def value(self, value: Any) -> Any:
        """A JSON-like value with its strings (keys too) cleaned; other objects become their
        cleaned `repr` where that holds a secret."""
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool | int | float):
            return HIDDEN if not isinstance(value, bool) and str(value) in self._parts else value
        if isinstance(value, Mapping):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item) for item in value]
        return self.text(str(value) if isinstance(value, BaseException) else repr(value))

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {
            key: item if key in _STRUCTURAL and isinstance(item, str) else self.value(item)
            for key, item in event.items()
        }


def configure(
    log_format: LogFormat,
    log_level: LogLevel,
    redactor: Redactor,
    stream: TextIO | None = None,
) -> None:
    """Set up structlog for this process, and the standard library's loggers through it.

    Lines go to `stream` (standard error unless told): standard output is for results.
    """
    out = stream or sys.stderr
    console = log_format is LogFormat.CONSOLE or (log_format is LogFormat.AUTO and out.isatty())
    level = logging.getLevelName(str(log_level).upper())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,  # plain text: local variables may hold secrets
        redactor,
        _name_the_stack if console else _readable_order,
    ]
    renderer = _console(out.isatty()) if console else _json()
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    _route_standard_library(out, level, shared, renderer)


def _readable_order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    first = {key: event.pop(key) for key in ("time", "level", "event") if key in event}
    return {**first, **event}


def _name_the_stack(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    # For structlog's console a field `stack` is a call stack, printed below the line.
    if "stack" in event:
        event["stack_name"] = event.pop("stack")
    return event


def _json() -> Processor:
    return structlog.processors.JSONRenderer(ensure_ascii=False, default=str)


def _console(colors: bool) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=colors,
        timestamp_key="time",
        exception_formatter=structlog.dev.plain_traceback,
        pad_event_to=24,
    )


def _route_standard_library(
    out: TextIO, level: int, shared: list[Processor], renderer: Processor
) -> None:
    """What libraries log (docker, urllib3, …) from WARNING on comes out in the same form."""
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # urllib3 and docker write whole requests at DEBUG: never below INFO.
    root.setLevel(max(level, logging.WARNING))
