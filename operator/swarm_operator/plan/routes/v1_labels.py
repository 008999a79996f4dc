"""Labels of Traefik 1, which Traefik 2 and later ignore without a word: recognised, and refused with
what to write instead.

The names are those of Traefik 1.7's documentation for its Docker provider. A segment
(`traefik.<segment>.port`) was one of several routes of a service.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from swarm_operator.plan.routes.label_nodes import LabelFault

_SERVICE: Final = "traefik.http.services.{name}.loadbalancer."
_ROUTER: Final = "traefik.http.routers.{name}."
_MIDDLEWARE: Final = "traefik.http.middlewares.{name}-"

EQUIVALENTS: Final[Mapping[str, str]] = {
    "port": _SERVICE + "server.port",
    "protocol": _SERVICE + "server.scheme",
    "weight": _SERVICE + "server.weight",
    "backend": "the name of the service: " + _SERVICE + "server.port",
    "domain": "hosts in the rule: " + _ROUTER + "rule=Host(`…`)",
    "tags": "labels of your own, and the setting for constraints: Label(`name`, `value`)",
    "backend.loadbalancer.method": "nothing; for another way than wrr: " + _SERVICE + "strategy",
    "backend.loadbalancer.sticky": _SERVICE + "sticky.cookie=true",
    "backend.loadbalancer.stickiness": _SERVICE + "sticky.cookie=true",
    "backend.loadbalancer.stickiness.cookiename": _SERVICE + "sticky.cookie.name",
    "backend.loadbalancer.stickiness.*": _SERVICE + "sticky.cookie.*",
    "backend.loadbalancer.swarm": "traefik.swarm.lbswarm=true",
    "backend.healthcheck.*": _SERVICE + "healthcheck.*",
    "backend.circuitbreaker.expression": _MIDDLEWARE + "breaker.circuitbreaker.expression",
    "backend.maxconn.*": _MIDDLEWARE + "limit.inflightreq.amount",
    "backend.buffering.*": _MIDDLEWARE + "buffering.buffering.*",
    "backend.responseforwarding.flushinterval": _SERVICE + "responseforwarding.flushinterval",
    "frontend.rule": _ROUTER + "rule",
    "frontend.priority": _ROUTER + "priority",
    "frontend.entrypoints": _ROUTER + "entrypoints",
    "frontend.backend": _ROUTER + "service",
    "frontend.passhostheader": _SERVICE + "passhostheader",
    "frontend.passtlscert": _MIDDLEWARE + "cert.passtlsclientcert.pem=true",
    "frontend.passtlsclientcert.*": _MIDDLEWARE + "cert.passtlsclientcert.*",
    "frontend.auth.basic": _MIDDLEWARE + "auth.basicauth.users",
    "frontend.auth.basic.*": _MIDDLEWARE + "auth.basicauth.*",
    "frontend.auth.digest.*": _MIDDLEWARE + "auth.digestauth.*",
    "frontend.auth.forward.*": _MIDDLEWARE + "auth.forwardauth.*",
    "frontend.auth.headerfield": _MIDDLEWARE + "auth.basicauth.headerfield",
    "frontend.redirect.entrypoint": _MIDDLEWARE + "https.redirectscheme.scheme=https",
    "frontend.redirect.regex": _MIDDLEWARE + "redirect.redirectregex.regex",
    "frontend.redirect.replacement": _MIDDLEWARE + "redirect.redirectregex.replacement",
    "frontend.redirect.permanent": _MIDDLEWARE + "redirect.redirectregex.permanent",
    "frontend.headers.*": _MIDDLEWARE + "headers.headers.*",
    "frontend.whitelist.sourcerange": _MIDDLEWARE + "allow.ipallowlist.sourcerange",
    "frontend.whitelist.usexforwardedfor": _MIDDLEWARE + "allow.ipallowlist.ipstrategy.depth",
    "frontend.whitelist.ipstrategy.*": _MIDDLEWARE + "allow.ipallowlist.ipstrategy.*",
    "frontend.whitelistsourcerange": _MIDDLEWARE + "allow.ipallowlist.sourcerange",
    "frontend.errors.*": _MIDDLEWARE + "errors.errors.{{status,service,query}}",
    "frontend.ratelimit.*": _MIDDLEWARE + "rate.ratelimit.{{average,burst,period}}",
}
"""By v1 label without `traefik.` and a segment's name, in lower case; `*` stands for what follows."""

_RULE: Final = "frontend.rule"


def v1_labels(labels: Mapping[str, str], name: str) -> Iterator[LabelFault]:
    """The labels of Traefik 1 among a service's labels; `name` is what its router would be named."""
    for label in sorted(labels):
        found = _found(label)
        if found is None:
            continue
        segment, old = found
        route = f"{name}-{segment}" if segment else name
        instead = EQUIVALENTS[old].format(name=route)
        if old == _RULE and (rule := new_rule(labels[label])) is not None:
            instead = f"{instead}={rule}"
        if ".middlewares." in instead:
            middleware = instead.partition(".middlewares.")[2].partition(".")[0]
            instead += f" and traefik.http.routers.{route}.middlewares={middleware}"
        yield LabelFault(label, "TraefikV1Label", f"is of Traefik 1: write {instead}")


def _found(label: str) -> tuple[str, str] | None:
    """The segment of a label and the name in the table of what it says; None where it is none of v1."""
    first, *rest = label.split(".")
    if first.lower() != "traefik" or not rest:
        return None
    whole = _listed(".".join(rest).lower())
    if whole is not None:
        return "", whole
    if len(rest) > 1 and rest[0].lower() not in {"http", "tcp", "udp", "tls", "docker", "swarm"}:
        old = _listed(".".join(rest[1:]).lower())
        if old is not None:
            return rest[0], old
    return None


def _listed(name: str) -> str | None:
    if name in EQUIVALENTS:
        return name
    while "." in name:
        name = name.rpartition(".")[0]
        if f"{name}.*" in EQUIVALENTS:
            return f"{name}.*"
    return None


_MATCHERS: Final = {
    "host": "Host",
    "hostregexp": "HostRegexp",
    "path": "Path",
    "pathprefix": "PathPrefix",
    "method": "Method",
}
"""Without those of headers, whose values may be secrets, and those that strip, which takes a middleware."""


def new_rule(old: str) -> str | None:
    """A rule of v1 (`Host:a,b;PathPrefix:/x`) in the syntax of v3; None where it cannot be said so
    simply."""
    parts: list[str] = []
    matchers = old.split(";")
    for part in matchers:
        matcher, colon, values = part.partition(":")
        name = _MATCHERS.get(matcher.strip().lower())
        if name is None or not colon or re.search(r"[`{}]", values):
            return None
        texts = [text for value in values.split(",") if (text := value.strip())]
        if not texts:
            return None
        alternatives = " || ".join(f"{name}(`{text}`)" for text in texts)
        is_one_of_many = len(texts) > 1 and len(matchers) > 1
        parts.append(f"({alternatives})" if is_one_of_many else alternatives)
    return " && ".join(parts)
