"""What Traefik says, without the secrets that it repeats.

Its messages hold values as they were written: for a user without a colon "error parsing BasicUser:
<the whole user>" (`pkg/middlewares/auth/auth.go`). What people see of a route may be read by more than
those who may read its labels.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from swarm_operator.plan.routes import fields
from swarm_operator.plan.routes.fields import Field, FieldType
from swarm_operator.plan.routes.tree import RouteTree, Value

HIDDEN: Final = "(hidden)"

_USER: Final = re.compile(
    r"(error parsing (?:basic|digest)\s*user\b:?)\s*\S.*", re.IGNORECASE | re.DOTALL
)
_HEADERS: Final = frozenset({"customrequestheaders", "customresponseheaders", "headers"})
"""Maps whose values may be tokens; Traefik marks none of them."""
_LONGEST: Final = 300
"""Of what is told, in characters."""
_SHORTEST: Final = 4
"""Of a value that is perhaps secret: shorter ones ("1", "on") are words of any message."""


def without_users(text: str) -> str:
    """One message of Traefik's, cut where it begins to repeat a user."""
    return _USER.sub(rf"\1 {HIDDEN}", text)


def secrets_of(tree: RouteTree) -> tuple[str, ...]:
    """All texts of a tree that nobody is to see: of fields that Traefik marks as secret, of headers and
    of plugins; the longest first."""
    found: set[str] = set()
    for item in tree:
        shape = fields.find(item.id.protocol, item.id.kind)
        if shape is not None:
            found |= set(_secrets(item.body, shape, is_secret=False, perhaps=False))
    # As Go's %q writes them too.
    found |= {json.dumps(each, ensure_ascii=False)[1:-1] for each in found}
    return tuple(sorted(found, key=lambda each: (-len(each), each)))


def without(secrets: Collection[str], text: str) -> str:
    """A text with none of them in it, cut where it is very long. `secrets`: the longest first."""
    text = without_users(text)
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def _secrets(value: Value, shape: Field | None, *, is_secret: bool, perhaps: bool) -> Iterator[str]:
    if shape is not None:
        is_secret |= shape.secret
        perhaps |= shape.type is FieldType.RAW or shape.name.lower() in _HEADERS
    if isinstance(value, str):
        text = value.strip()
        if text and (is_secret or (perhaps and len(text) >= _SHORTEST)):
            yield text
            password = text.partition(":")[2]
            if len(password) >= _SHORTEST:
                yield password
    elif isinstance(value, tuple):
        for entry in value:
            yield from _secrets(entry, None, is_secret=is_secret, perhaps=perhaps)
    elif isinstance(value, Mapping):
        for name, each in value.items():
            below = fields.child(shape, name) if shape is not None else None
            yield from _secrets(each, below, is_secret=is_secret, perhaps=perhaps)
