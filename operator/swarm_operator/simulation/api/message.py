"""A request to the Engine API and its answer, as values: what faces and in-memory clients exchange."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from swarm_operator.simulation.api.event_stream import EventStream

ApiVersion = tuple[int, int]

_VERSIONED: Final = re.compile(r"^/v([0-9]+)\.([0-9]+)(/.*)$")


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request, without its transport."""

    method: str
    path: str
    """Without the version, percent-decoded: `/services/web/update`."""
    api_version: ApiVersion | None = None
    """Of the path's prefix; None where there was none: the engine's newest then."""
    query: Mapping[str, str] = field(default_factory=dict)
    """Decoded; of a key given twice the first, as Go's Form.Get."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By any spelling of the name; `header` looks one up. May hold registry credentials."""
    body: Any = field(default=None, repr=False)
    """Decoded JSON; None where there was no body. `BadJson` where it was none. Never changed."""

    def header(self, name: str) -> str | None:
        """A header's value, whatever the case of its name."""
        wanted = name.lower()
        return next((v for k, v in self.headers.items() if k.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class BadJson:
    """A body that is not to be used; `problem` in the engine's own words."""

    problem: str = "invalid JSON: invalid character"


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """One answer: JSON in `body`, or plain `text`, or a `stream` of events, or nothing at all.

    `body` may be an object that the model goes on using: nobody may change it.
    """

    status: int
    body: Any = field(default=None, repr=False)
    text: str | None = None
    """With content type text/plain; None where the answer is JSON or empty."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Besides Content-Type and Content-Length, which whoever serves it adds."""
    stream: EventStream | None = None
    """An answer without end: one JSON object and a newline for each event, chunked."""
    has_body: bool = True
    """False for answers like 204 and those to HEAD: no content at all (then `body` says nothing,
    where True a None is JSON's null)."""


def split_version(path: str) -> tuple[ApiVersion | None, str]:
    """The version prefix of a request's path, and the rest: `/v1.45/info` → (1, 45), `/info`."""
    match = _VERSIONED.match(path)
    if match is None:
        return None, path
    return (int(match[1]), int(match[2])), match[3]
