"""`x-operator.routes`: what people may write, and what they are told."""

from typing import Any

import pytest

from desired_state.route_forms import ServiceRoute
from tests.desired_state.stacks import loaded, refusals

HEAD = "services:\n  web:\n    image: nginx\n    x-operator:\n      routes:\n"


def routes(text: str) -> tuple[ServiceRoute, ...]:
    return loaded(HEAD + text).document.services["web"].options.routes


def said(text: str) -> list[str]:
    return refusals(HEAD + text)


def test_the_bounds_of_a_drain_are_among_what_is_taken() -> None:
    for drain in ("0", "0s", "10m", "600s"):
        assert routes(f"        {{host: a, port: 80, drain: {drain!r}}}\n")[0].drain == drain


def plain(route: ServiceRoute) -> dict[str, Any]:
    return route.model_dump(mode="json", exclude_defaults=True)


def test_one_entry_or_a_list_of_them() -> None:
    one = routes("        host: Shop.example.org\n        port: 80\n")
    listed = routes("        - host: [shop.example.org]\n          port: 80\n")
    assert one == listed
    assert plain(one[0]) == {"host": ["shop.example.org"], "port": 80}


def test_all_that_can_be_said() -> None:
    text = (
        "        - {name: shop, host: [a.org, '*.b.org'], path: /x, strip: true, https: le, port: 80,"
        " scheme: h2c, entrypoint: [a, b], middlewares: auth@file, priority: 7, sticky: sid,"
        " target: dns, network: edge, drain: 10s, canary: {service: web, weight: 5, port: 81}}\n"
        "        - tcp: {entrypoint: ssh, port: 22, sni: git.org, tls: passthrough, name: git}\n"
        "        - udp: {entrypoint: dns, port: 53, target: vip}\n"
        "        - {rule: 'Host(`x`)', port: 80, https: false, sticky: true}\n"
    )
    http, tcp, udp, rule = routes(text)
    assert (http.https, http.sticky, http.middlewares) == ("le", "sid", ("auth@file",))
    assert http.canary is not None
    assert tcp.tcp is not None
    assert tcp.tcp.sni == ("git.org",)
    assert udp.udp is not None
    assert (udp.udp.target, udp.udp.port) == ("vip", 53)
    assert (rule.rule, rule.https, rule.sticky) == ("Host(`x`)", False, True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{port: 80}", "routes: says not which requests it is for; write host: app.example.org"),
        ("{host: a}", "routes: names no port of the tasks; write port: 80"),
        ("[{host: a, port: 80}, {host: b}]", "6:31: services.web.x-operator.routes[1]: names no"),
        ("{host: a b, port: 80}", "routes.host: is no host name"),
        ("{host: 'http://a', port: 80}", "routes.host: is no host name"),
        ("{host: a, port: 0}", "routes.port: must be at least 1"),
        (
            "{host: a, port: '80'}",
            "routes.port: must be a whole number, not text; remove the quotes",
        ),
        ("{host: a, hots: b, port: 80}", 'unknown key; did you mean "host"?'),
        ("{host: a, rule: 'Host(`a`)', port: 80}", "routes.rule: stands beside host"),
        ("{rule: 'Host(`a`)', path: /x, port: 80}", "routes.path: stands beside rule"),
        ("{host: a, strip: true, port: 80}", "routes.strip: has no path to take away"),
        ("{host: a, path: x, port: 80}", "routes.path: must begin with /"),
        ("{host: a, port: 80, drain: soon}", "routes.drain: is not a duration"),
        ("{host: a, port: 80, drain: -5s}", "routes.drain: must be between 0 and 10m"),
        ("{host: a, port: 80, drain: 601s}", "routes.drain: must be between 0 and 10m"),
        ("{tcp: {entrypoint: a, port: 1, drain: 9999h}}", "tcp.drain: must be between 0 and 10m"),
        ("{host: a, port: 80, target: ip}", "routes.target: must be"),
        ("{host: a, port: 80, https: 7}", "must be true, false or a resolver's name, not a number"),
        ("{host: a, port: 80, middlewares: [a, a]}", "is in the list twice"),
        ("{host: a, port: 80, middlewares: ['a b']}", "is no name"),
        ("{host: a, port: 80, name: '12'}", "with a letter in it"),
        ("{host: a, port: 80, canary: {service: web, weight: 101}}", "must be at most 100"),
        ("{host: a, tcp: {entrypoint: ssh, port: 22}}", "host: stands beside tcp"),
        ("{tcp: {entrypoint: ssh}}", "tcp: names no port of the tasks; write port: 22"),
        ("{tcp: {port: 22}}", "entrypoint is missing"),
        ("{tcp: {entrypoint: a, port: 1, sni: b, tls: false}}", "tls: without TLS"),
        ("{udp: {entrypoint: dns, port: 53, sni: a}}", "sni: unknown key"),
        ("{tcp: {entrypoint: a, port: 1}, udp: {entrypoint: a, port: 1}}", "stands beside tcp"),
        ("", "routes: has no value"),
        ("text", "must be a list"),
    ],
)
def test_what_is_wrong_is_told(text: str, told: str) -> None:
    found = said(f"        {text}\n")
    assert any(told in each for each in found), found
    assert len(found) == 1, found
