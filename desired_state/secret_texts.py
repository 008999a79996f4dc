"""Secret values as texts show them: as they are, as JSON or Go's %q writes them, line by line."""

import base64
import json
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

HIDDEN: Final = "(hidden)"

SHORT: Final = 4
"""Secrets shorter than this are hidden only where they are a whole string: a `.env` that says
REPLICAS=3 must not black out every text with a 3 in it."""

_LONG: Final = 4096
"""Of longer secrets the lines are looked for, not the whole."""

_LINE: Final = 12
"""Lines of a secret shorter than this say nothing by themselves (`{`, `-----`, `root:`)."""


def spellings(secret: str) -> Iterator[str]:
    """A secret as it may stand in a text: as it is, line by line, in JSON, a URL, base64."""
    pieces = {line.strip() for line in secret.splitlines() if len(line.strip()) >= _LINE}
    if len(secret) <= _LONG:
        pieces |= {secret, secret.strip()}
    for piece in pieces - {""}:
        yield piece
        if len(piece) >= SHORT:
            yield json.dumps(piece)[1:-1]
            yield json.dumps(piece, ensure_ascii=False)[1:-1]  # as Go's %q, in an engine's errors
            yield repr(piece)[1:-1]
            yield quote(piece, safe="")
            yield base64.b64encode(piece.encode()).decode()
