"""`desired/routes/<name>`: what is told of a document, and where."""

import pytest

from desired_state import DocumentRefused
from desired_state.route_documents import RouteDocument


def said(text: str) -> list[str]:
    try:
        RouteDocument.parse("legacy", text.encode())
    except DocumentRefused as refused:
        return [str(problem) for problem in refused.problems]
    return []


def test_both_languages_in_one_document() -> None:
    document = RouteDocument.parse(
        "legacy",
        b"routes: {host: a.org, servers: 'http://10.0.0.5'}\nhttp: {routers: {a: {rule: x}}}\n",
    )
    (route,) = document.routes
    assert route.servers == ("http://10.0.0.5",)
    assert document.dynamic == {"http": {"routers": {"a": {"rule": "x"}}}}


@pytest.mark.parametrize("text", ["", "{}", "# nothing\n", "http: {}\n"])
def test_a_document_may_be_empty(text: str) -> None:
    document = RouteDocument.parse("legacy", text.encode())
    assert (document.routes, document.dynamic) == ((), {})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "desired/routes/legacy:1:1: a document of routes is a mapping, not a list"),
        ("a: [", "desired/routes/legacy:"),
        ("htpp: {}", 'desired/routes/legacy:1:1: htpp: unknown key; did you mean "http"?'),
        ("http: []", "desired/routes/legacy:1:1: http: must be a mapping, not a list"),
        ("routes: {host: a}", "routes: names no servers"),
        ("routes: {servers: 'http://a'}", "routes: says not which requests"),
        ("routes: {host: a, servers: 10.0.0.5}", "routes.servers: is no address of a server"),
        ("routes: {host: a, servers: 'ftp://a'}", "routes.servers: is no address of a server"),
        ("routes: {host: a, port: 80, servers: 'http://a'}", "routes.port: unknown key"),
        ("routes: {tcp: {entrypoint: a, servers: 10.0.0.5}}", "is no address of a server"),
        ("routes: {tcp: {entrypoint: a}}", "servers is missing"),
        (
            "routes: {udp: {entrypoint: a, servers: '10.0.0.5:53'}, host: a}",
            "routes.host: stands beside udp",
        ),
    ],
)
def test_what_is_wrong_is_told(text: str, told: str) -> None:
    found = said(text)
    assert any(told in each for each in found), found
