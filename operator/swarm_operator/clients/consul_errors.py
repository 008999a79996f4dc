"""Consul's refusals → `observed.errors`."""

import json
from collections.abc import Sequence
from typing import Any, Final

from swarm_operator.observed.errors import (
    Conflict,
    Denied,
    Gone,
    LeaseLost,
    OutsideError,
    SpecRefused,
    TooLarge,
    Unavailable,
)

MAX_TEXT: Final = 300
"""Characters of Consul's text that are passed on."""

_STATUS_ERRORS: Final[dict[int, type[OutsideError]]] = {
    400: SpecRefused,
    401: Denied,
    403: Denied,
    404: Gone,
    408: Unavailable,
    409: Conflict,
    413: TooLarge,
    429: Unavailable,
}


def outside_error(status: int, body: str, operation: str) -> OutsideError:
    """The error that an answer means. `operation` says for people what was tried.

    Every 5xx is Unavailable: no leader yet, an i/o deadline of the agent, a restart.
    """
    kind = _STATUS_ERRORS.get(status, Unavailable)
    return kind(f"{operation}: {_text(body) or f'Consul answered {status}'}")


def transaction_error(body: str, keys: Sequence[str], *, fenced: bool) -> OutsideError:
    """The error that the 409 of a transaction means; `keys` are those of its operations."""
    failures = _failures(body)
    if not failures:
        return Conflict("the transaction was refused, and Consul does not say why")
    for index, what in failures:
        if "denied" in what.lower():
            return Denied(f"the token may not write {_key(keys, index)}: {what}")
    for index, what in failures:
        if fenced and index == 0:
            return LeaseLost(f"the lock {_key(keys, index)} is not ours any more: {what}")
    return Conflict("; ".join(f"{_key(keys, index)}: {what}" for index, what in failures[:3]))


def _failures(body: str) -> list[tuple[int, str]]:
    try:
        errors: Any = json.loads(body)["Errors"]
        return [(int(each["OpIndex"]), _text(str(each["What"]))) for each in errors or ()]
    except (ValueError, KeyError, TypeError):
        return []


def _key(keys: Sequence[str], index: int) -> str:
    return f"`{keys[index]}`" if 0 <= index < len(keys) else f"operation {index}"


def _text(body: str) -> str:
    line = " ".join(body.split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"
