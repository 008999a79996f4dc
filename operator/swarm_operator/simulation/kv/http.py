"""What goes in and out of `ConsulApi`: requests and answers as values, without sockets."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple


class Request(NamedTuple):
    """`path` and `query` are decoded; of a parameter given twice the first counts, as in Consul."""

    method: str
    path: str
    query: Mapping[str, str] = {}
    body: bytes = b""
    raw_query: str = ""
    """As it came, for a redirect alone."""


NOTHING: Final = object()
"""The content of an answer without JSON."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: JSON (`content`, whose parts are shared: change nothing in it) or bytes."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Any = field(default=NOTHING, repr=False)
    data: bytes = field(default=b"", repr=False)
    is_pretty: bool = False

    @property
    def body(self) -> bytes:
        """As it goes over the wire."""
        return self.data if self.content is NOTHING else go_json(self.content, self.is_pretty)


@dataclass(frozen=True, slots=True)
class Later:
    """An answer that is not there yet: a blocking read, or a fault.

    Whoever carries it waits until `subscribe`'s callback came, or until `until`, and then asks
    `answer`; what that gives may have to wait again, and it may raise Broken.
    """

    until: float
    """Seconds of the timeline; infinite where nothing but the callback ends it."""
    subscribe: Callable[[Callable[[], None]], Callable[[], None]]
    """Takes the callback, which may be called more than once; gives what takes it back."""
    answer: "Callable[[], Response | Later]"


Outcome = Response | Later


class Broken(Exception):
    """No answer will come: the connection was refused, or broke. The text is for people."""


class Refused(Broken):
    """Nothing listens."""


class Rejected(Exception):
    """An answer that is an error: its status, and Consul's text."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.response = plain(status, text, headers)


def plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in plain text."""
    kind = {"Content-Type": "text/plain; charset=utf-8"}
    return Response(status, {**(headers or {}), **VARY, **kind}, data=text.encode())


VARY: Final = {"Vary": "Accept-Encoding"}
JSON_HEADERS: Final = {"Content-Type": "application/json", **VARY}

_ESCAPED: Final = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")

MAX_DEPTH: Final = "invalid character '[' exceeded max depth"
"""Go's decoder of JSON that is nested deeper than it goes along."""


def whole_text(text: str) -> str:
    """Half a surrogate pair (JSON may spell one, UTF-8 cannot) becomes U+FFFD, as in Go."""
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def go_json(content: Any, is_pretty: bool) -> bytes:
    """As Go's encoding/json writes it: no blanks, and nothing that HTML could take for its own."""
    if is_pretty:
        text = json.dumps(content, ensure_ascii=False, indent=4) + "\n"
    else:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_ESCAPED).encode("utf-8", "replace")
