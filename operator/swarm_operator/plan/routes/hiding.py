"""What people see of routes, without what may be secret in it. It may be read by more than those who may
read labels.

Traefik's messages hold values as they were written: for a user without a colon "error parsing BasicUser:
<the whole user>" (`pkg/middlewares/auth/auth.go`). Rules hold what a header or a query must be, often a
token; labels all of that, and what is put into headers.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Final

from desired_state.secret_texts import HIDDEN
from swarm_operator.observed.json import canonical
from swarm_operator.plan.ownership import ROUTES_LABEL
from swarm_operator.plan.routes import fields, predicates
from swarm_operator.plan.routes.fields import Field, FieldType
from swarm_operator.plan.routes.labels import SERVER
from swarm_operator.plan.routes.tree import PROTOCOLS, RouteTree, Value

_USER: Final = re.compile(
    r"(error parsing (?:basic|digest)\s*user\b:?)\s*\S.*", re.IGNORECASE | re.DOTALL
)
_HEADERS: Final = frozenset({"customrequestheaders", "customresponseheaders", "headers"})
"""Maps whose values may be tokens; Traefik marks none of them."""
_PLAIN: Final = frozenset(
    {"host", "hostregexp", "hostheader", "hostsni", "hostsniregexp", "path", "pathprefix",
     "pathregexp", "method", "clientip", "alpn"}
)  # fmt: skip
"""Matchers whose texts anybody may see. Of others, misspelled ones too, the first text is a name, and the
others are what it must be (v2: `name=value`)."""
_TELLING_V1: Final = frozenset({"headers", "headersregexp"})
_OF_V1: Final = frozenset({"headers", "auth"})
"""Labels of Traefik 1 below `frontend` that hold secrets."""
_NAMED: Final = re.compile(r"\[\d+\]")
_LONGEST: Final = 300
"""Of what is told, in characters."""
_SHORTEST: Final = 4
"""Of a value that is perhaps secret: shorter ones ("1", "on") are words of any message."""


def without_users(text: str) -> str:
    """One message of Traefik's, cut where it begins to repeat a user."""
    return _USER.sub(rf"\1 {HIDDEN}", text)


def secrets_of(tree: RouteTree) -> tuple[str, ...]:
    """All texts of a tree that nobody is to see: of fields that Traefik marks as secret, of headers, of
    plugins, of rules what headers and queries must be; the longest first."""
    found: set[str] = set()
    for item in tree:
        shape = fields.find(item.id.protocol, item.id.kind)
        if shape is not None:
            found |= set(_secrets(item.body, shape, is_secret=False, perhaps=False))
        with suppress(predicates.NotAPredicate):
            rule = str(item.body.get("rule", ""))
            texts = (rule[start:end] for start, end in _telling_parts(rule))
            found |= {text for text in texts if len(text) >= _SHORTEST}
    # As Go's %q writes them too.
    found |= {json.dumps(each, ensure_ascii=False)[1:-1] for each in found}
    return tuple(sorted(found, key=lambda each: (-len(each), each)))


def without(secrets: Collection[str], text: str) -> str:
    """A text with none of them in it, cut where it is very long. `secrets`: the longest first."""
    text = without_users(text)
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


@lru_cache(maxsize=8192)
def shown_rule(rule: str) -> str:
    """A router's rule, without what headers and queries must be; their names stay."""
    try:
        parts = [*_shown_parts(rule)]
    except predicates.NotAPredicate:
        return HIDDEN  # nobody knows where its texts begin
    return "".join(parts)


def _shown_parts(rule: str) -> Iterator[str]:
    last = 0
    for start, end in _telling_parts(rule):
        yield rule[last:start] + HIDDEN
        last = end
    yield rule[last:]


def _telling_parts(rule: str) -> Iterator[tuple[int, int]]:
    """Where what a header or a query must be begins and ends. Raises NotAPredicate."""
    for text in predicates.placed(rule):
        start, end = text.start + 1, text.end - 1
        if text.number == 0:  # a name; of Traefik 2 a query's `name=value`
            _, equals, value = rule[start:end].partition("=")
            start = end - len(value) if equals else end
        if text.function.lower() not in _PLAIN and start < end:
            yield start, end


def shown_label(label: str, value: str) -> str:
    """The value of a service's label, where it is about routes; other labels stay as they are."""
    if label == ROUTES_LABEL:
        return _shown_terse(value)
    first, *names = label.lower().split(".")
    if first != "traefik" or not names or not value:
        return value
    if names[0] in PROTOCOLS:
        is_rule = len(names) == 4 and names[1] == "routers" and names[3] == "rule"
        if is_rule:
            return shown_rule(value)
        return HIDDEN if _is_telling(names) else value
    return _shown_of_v1(names, value)


def _shown_of_v1(names: list[str], value: str) -> str:
    """Of a label of Traefik 1. Its rules: `Headers:X-Token,secret;Host:example.org`."""
    below = names[names.index("frontend") + 1 :] if "frontend" in names else []
    if below[:1] and below[0] in _OF_V1:
        return HIDDEN
    return ";".join(map(_shown_part, value.split(";"))) if below == ["rule"] else value


def _shown_part(text: str) -> str:
    matcher, _, values = text.partition(":")
    name, comma, _ = values.partition(",")
    is_telling = comma and matcher.strip().lower() in _TELLING_V1
    return f"{matcher}:{name},{HIDDEN}" if is_telling else text


def _is_telling(names: list[str]) -> bool:
    """Whether a label below `traefik` ends at a field that may hold a secret, or at one that Traefik does
    not have: nobody knows what was meant."""
    if len(names) < 3:
        return False
    shape = fields.find(names[0], names[1])
    for name in names[3:]:
        if shape is not None and name == SERVER and "servers" in shape.fields:
            return False  # a port, a scheme
        below = fields.child(shape, _NAMED.sub("", name)) if shape is not None else None
        if below is None:
            return True
        is_map = below.type is FieldType.MAP and below.name.lower() in _HEADERS
        if below.secret or below.type is FieldType.RAW or is_map:
            return True
        # An index is a part of its name.
        shape = fields.as_element(below) if below.type is FieldType.STRUCTS else below
    return False


def _shown_terse(value: str) -> str:
    try:
        routes = json.loads(value)
        json.dumps(routes, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # half a character is a ValueError too
        return HIDDEN
    for route in routes if isinstance(routes, list) else ():
        if isinstance(route, dict) and isinstance(route.get("rule"), str):
            route["rule"] = shown_rule(route["rule"])
    return canonical(routes)


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
