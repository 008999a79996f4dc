"""Rules of routers, held against what Traefik's muxers accept: a router whose rule they refuse is off.

Follows `pkg/rules/parser.go`, `pkg/muxer/http/matcher.go`, `matcher_v2.go` and their likes in
`pkg/muxer/tcp`. No message repeats a quoted text of a rule: `Header` may hold a secret.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from swarm_operator.plan.routes import go_regexes, predicates
from swarm_operator.plan.routes.field_table.types import Version
from swarm_operator.plan.routes.predicates import Call
from swarm_operator.plan.routes.tree import Protocol

_Check: TypeAlias = Callable[[str], str | None]
"""What is wrong with one text of a matcher; None where nothing is."""


NEWEST: Final[Version] = (3, 7, 0)
_KNOWS_WILDCARDS: Final[Version] = (3, 7, 0)
MAX_RULE_B: Final = 256 * 1024
"""Of a rule: some ten thousand hosts. Beyond it the key would near what Consul takes."""
_OF_V2: Final = re.compile(r"\{(\w+)([:}])")


@dataclass(frozen=True, slots=True)
class _Matcher:
    """How many texts a matcher takes, and what each must be."""

    least: int
    most: int | None
    checks: tuple[_Check, ...] = ()
    """Of the last text in v3, of every text in v2."""


def rule_faults(protocol: Protocol, rule: str, syntax: str = "v3") -> Iterator[str]:
    """What is wrong with a rule, for people; nothing where Traefik takes it."""
    known = _MATCHERS[protocol, "v2" if syntax == "v2" else "v3"]
    if len(rule.encode(errors="replace")) > MAX_RULE_B:
        yield f"the rule has more than {MAX_RULE_B // 1024} kB: share its hosts among several routers"
        return
    try:
        parsed = predicates.parse(rule)
    except predicates.NotAPredicate as fault:
        yield f"the rule cannot be read: {fault}"
        return
    for call in predicates.calls(parsed):
        matcher = _named(known, call.name)
        if matcher is None:
            yield f"{call.name} is unknown in a rule{_hint(protocol, known, call.name, syntax)}"
        else:
            yield from _call_faults(call, matcher, syntax)


def rule_doubts(rule: str, syntax: str = "v3", version: Version = NEWEST) -> Iterator[str]:
    """What of a rule without faults is probably not meant so, or not read so by this version."""
    if syntax == "v2":
        return
    for call in predicates.calls(predicates.parse(rule)):
        if version < _KNOWS_WILDCARDS and _is_wildcard(call):
            regexp = f"{call.name}Regexp(`^[^.]+\\.example\\.org$`)"
            yield f"{call.name} with *. is known from Traefik 3.7 on; write {regexp} for older ones"
        if call.name.lower().endswith("regexp") and any(map(_has_names, call.arguments)):
            yield (
                f"{call.name} has {{…}} with a name in it, which meant something in the rules of "
                "Traefik 2 only: write a regular expression such as ^.+\\.example\\.org$"
            )


def _is_wildcard(call: Call) -> bool:
    is_host = call.name.lower() in {"host", "hostsni"}
    return is_host and any(text.startswith("*.") for text in call.arguments)


def _has_names(text: str) -> bool:
    """Whether there is a `{name}` or `{name:regex}`. A count such as `{2,3}` is none."""
    last = text.rfind("}")
    return any(
        found.start() < last and (found[2] == ":" or not found[1].isdigit())
        for found in _OF_V2.finditer(text)
    )


def _named(known: Mapping[str, _Matcher], name: str) -> _Matcher | None:
    """A matcher under one of its four spellings: Host, host, HOST; HostRegexp also as Hostregexp."""
    for full, matcher in known.items():
        if name in {full, full.lower(), full.upper(), full.capitalize()}:
            return matcher
    return None


def _hint(protocol: Protocol, known: Mapping[str, _Matcher], name: str, syntax: str) -> str:
    if syntax != "v2" and _named(_MATCHERS[protocol, "v2"], name) is not None:
        v3 = {"headers": "Header", "headersregexp": "HeaderRegexp", "hostheader": "Host"}
        return f" of Traefik 3: write {v3[name.lower()]}"
    if protocol == "http" and name.lower().startswith("hostsni"):
        return ": that is for TCP, write Host"
    if protocol == "tcp" and name.lower() in {"host", "hostregexp"}:
        return " of a TCP router: write HostSNI"
    return f": there are {', '.join(known)}"


def _call_faults(call: Call, matcher: _Matcher, syntax: str) -> Iterator[str]:
    count = len(call.arguments)
    if count < matcher.least or (matcher.most is not None and count > matcher.most):
        if matcher.most == 1 and count > 1:
            yield f"{call.name} takes one text: write {call.name}(`…`) || {call.name}(`…`)"
        else:
            takes = "two texts" if matcher.least == 2 else f"{matcher.least} or more texts"
            yield f"{call.name} takes {takes}, and has {count or 'none'}"
        return
    if not all(call.arguments):
        yield f"{call.name} has an empty text"
        return
    checked: Sequence[str] = call.arguments if syntax == "v2" else call.arguments[-1:]
    if call.name.lower() == "queryregexp" and count == 1:
        return
    for text in checked:
        for check in matcher.checks:
            fault = check(text)
            if fault is not None:
                yield f"{call.name}: {fault}"


def _ascii(text: str) -> str | None:
    return None if text.isascii() else "has other characters than ASCII: write the name in punycode"


def _path(text: str) -> str | None:
    return None if text.startswith("/") else "must begin with /"


def _regex(text: str) -> str | None:
    try:
        go_regexes.compiled(text)
    except go_regexes.NotARegex as fault:
        return str(fault)
    return None


def _address(text: str) -> str | None:
    try:
        ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return "must be an IP address or a range such as 10.0.0.0/8"
    return None


def _sni(text: str) -> str | None:
    if text == "*" or re.fullmatch(r"(\*\.)?[\w.\-:]+", text, re.ASCII):
        return None
    return "must be a host name, or * for all"


def _sni_v2(text: str) -> str | None:
    if text == "*" or re.fullmatch(r"[\w.\-:]+", text, re.ASCII):
        return None
    return "must be a host name, or * for all"


def _protocol(text: str) -> str | None:
    return "acme-tls/1 is Traefik's own" if text == "acme-tls/1" else None


def _template(text: str) -> str | None:
    """A text with `{name}` or `{name:regex}` (gorilla/mux)."""
    level = 0
    inner = ""
    for character in text:
        if character == "}":
            level -= 1
            if level == 0:
                name, colon, regex = inner.partition(":")
                if not name or (colon and not regex):
                    return "has {} without a name or a regular expression"
                if colon and (fault := _regex(regex)) is not None:
                    return fault
        if level < 0:
            return "has a } without a {"
        if level:
            inner += character
        if character == "{":
            level += 1
            inner = inner if level > 1 else ""
    return "has a { without a }" if level else None


def _assignment(text: str) -> str | None:
    return None if "=" in text else "must be name=value"


_IP: Final = (_address,)
_MATCHERS: Final[Mapping[tuple[str, str], Mapping[str, _Matcher]]] = {
    ("http", "v3"): {
        "Host": _Matcher(1, 1, (_ascii,)),
        "HostRegexp": _Matcher(1, 1, (_ascii, _regex)),
        "Path": _Matcher(1, 1, (_path,)),
        "PathPrefix": _Matcher(1, 1, (_path,)),
        "PathRegexp": _Matcher(1, 1, (_regex,)),
        "Method": _Matcher(1, 1),
        "Header": _Matcher(2, 2),
        "HeaderRegexp": _Matcher(2, 2, (_regex,)),
        "Query": _Matcher(1, 2),
        "QueryRegexp": _Matcher(1, 2, (_regex,)),
        "ClientIP": _Matcher(1, 1, _IP),
    },
    ("http", "v2"): {
        "Host": _Matcher(1, None, (_ascii,)),
        "HostHeader": _Matcher(1, None, (_ascii,)),
        "HostRegexp": _Matcher(1, None, (_ascii, _template)),
        "Path": _Matcher(1, None, (_path, _template)),
        "PathPrefix": _Matcher(1, None, (_path, _template)),
        "Method": _Matcher(1, None),
        "Headers": _Matcher(2, None),
        "HeadersRegexp": _Matcher(2, None),
        "Query": _Matcher(1, None, (_assignment,)),
        "ClientIP": _Matcher(1, None, _IP),
    },
    ("tcp", "v3"): {
        "HostSNI": _Matcher(1, 1, (_sni,)),
        "HostSNIRegexp": _Matcher(1, 1, (_ascii, _regex)),
        "ClientIP": _Matcher(1, 1, _IP),
        "ALPN": _Matcher(1, 1, (_protocol,)),
    },
    ("tcp", "v2"): {
        "HostSNI": _Matcher(1, None, (_sni_v2,)),
        "HostSNIRegexp": _Matcher(1, None, (_template,)),
        "ClientIP": _Matcher(1, None, _IP),
        "ALPN": _Matcher(1, None, (_protocol,)),
    },
}
