"""The Docker Engine's refusals → `observed.errors`, by what their texts say.

The status alone misleads: a stale version is a 500, and so is a wrong constraint. The texts are
the same on engines 20.10, 26.1 and 28.5.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from swarm_operator.observed.errors import (
    Conflict,
    Denied,
    Gone,
    InUse,
    NotManager,
    OutsideError,
    SpecRefused,
    Unavailable,
)

MAX_TEXT: Final = 500
"""Characters of an engine's text that are passed on."""

_RPC_PREFIX = re.compile(r"rpc error: code = \w+ desc = ")
_NOT_MANAGER = re.compile(
    r"not a swarm manager|not part of a swarm|no longer a swarm manager", re.IGNORECASE
)
_NOT_NOW = re.compile(
    r"does not have a leader|DeadlineExceeded|deadline exceeded|code = Unavailable|code = Canceled"
    r"|context canceled|connection (error|refused|reset)|transport is closing|lost (its )?leader"
    r"|losing leader|not (the )?leader|\braft: |try again|shutting down|swarm is encrypted",
    re.IGNORECASE,
)
_CLIENT_VERSION = re.compile(r"client version \S+ is too (new|old)", re.IGNORECASE)
_IN_USE = re.compile(r"\bis in use by\b", re.IGNORECASE)
_SERVICE_GONE = re.compile(r"service \S+ not found")
_REFERENCE_GONE = re.compile(r"\bnetwork \S+ not found|\b(secret|config) not found: ")


def outside_error(
    status: int, text: str, operation: str, *, has_spec: bool = False
) -> OutsideError:
    """The error that an answer of `status` with the engine's own `text` means.

    `operation` says for people what was tried; `has_spec` that the request carried a spec, so
    that a refusal without a better reason is about the spec.
    """
    kind = _kind(status, text, has_spec=has_spec)
    return kind(f"{operation}: {engine_text(text) or f'the engine answered {status}'}")


def engine_text(text: str) -> str:
    """The engine's text for people: one line, without the framing of gRPC, of bounded length."""
    line = " ".join(_RPC_PREFIX.sub("", text).split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


def _kind(status: int, text: str, *, has_spec: bool) -> type[OutsideError]:
    if "update out of sequence" in text or status == 409:
        return Conflict
    if status in (401, 403):
        return Denied
    if _NOT_MANAGER.search(text):
        return NotManager
    if status < 500:
        return _client_error(status, text, has_spec=has_spec)
    return _server_error(status, text, has_spec=has_spec)


def _client_error(status: int, text: str, *, has_spec: bool) -> type[OutsideError]:
    if status in (408, 429) or _CLIENT_VERSION.search(text):
        return Unavailable
    if _IN_USE.search(text):
        return InUse
    if _SERVICE_GONE.match(text):
        return Gone
    if has_spec:
        return _spec_error(text)
    return Gone if status == 404 else SpecRefused


def _server_error(status: int, text: str, *, has_spec: bool) -> type[OutsideError]:
    if status == 501:
        return SpecRefused
    if status in (502, 503, 504) or _NOT_NOW.search(text):
        return Unavailable
    if _IN_USE.search(text):
        return InUse
    return _spec_error(text) if has_spec else Unavailable


def _spec_error(text: str) -> type[OutsideError]:
    # What the spec refers to went away after it was read: the spec itself may be right.
    return Conflict if _REFERENCE_GONE.search(text) else SpecRefused


def unreachable(error: BaseException, address: str) -> OutsideError:
    """The error that a call which got no answer means; `address` is the engine's base URL."""
    causes = tuple(_causes(error))
    path = socket_path(address)
    if path is not None and any(isinstance(cause, PermissionError) for cause in causes):
        return Denied(_socket_denied(path))
    if path is not None and any(isinstance(cause, FileNotFoundError) for cause in causes):
        return Unavailable(f"there is no Docker socket at {path}")
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return Unavailable(f"nothing listens at {address}: the Docker Engine is down")
    if any(isinstance(cause, TimeoutError) or "timed out" in str(cause) for cause in causes):
        return Unavailable(f"the Docker Engine at {address} did not answer in time")
    return Unavailable(f"the connection to the Docker Engine at {address} broke")


def socket_path(address: str) -> Path | None:
    """The path of a Unix socket's address; None for other addresses."""
    for scheme in ("unix://", "http+unix://"):
        if address.startswith(scheme):
            return Path("/" + address.removeprefix(scheme).lstrip("/"))
    return None


def _socket_denied(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return f"no permission to use the Docker socket {path}, nor to look at it"
    return (
        f"no permission to use the Docker socket {path}: it belongs to user {status.st_uid} and "
        f"group {status.st_gid}, mode {status.st_mode & 0o7777:04o}; run with group "
        f'{status.st_gid}, in a stack file with `user: "<uid>:{status.st_gid}"`'
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it was raised from or wraps in its arguments."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting.extend(_wrapped(current))


def _wrapped(error: BaseException) -> Iterable[BaseException]:
    reason = getattr(error, "reason", None)
    for inner in (error.__cause__, error.__context__, reason, *error.args):
        if isinstance(inner, BaseException):
            yield inner
