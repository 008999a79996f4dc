"""The client of Traefik's API against a stub: what is an answer, and what is none."""

from collections.abc import Iterator

import pytest

from swarm_operator.clients.traefik import TraefikApi
from swarm_operator.observed.errors import Denied, OutsideError, Unavailable
from tests.clients.stub_server import Durations, Reply, StubServer, tcp_stub


@pytest.fixture
def server() -> Iterator[StubServer]:
    with tcp_stub() as stub:
        yield stub


@pytest.fixture
def api() -> Iterator[TraefikApi]:
    client = TraefikApi(connect_timeout_s=1, read_timeout_s=0.3)
    yield client
    client.close()


def test_an_answer_is_its_json(server: StubServer, api: TraefikApi) -> None:
    server.answer = lambda _: Reply(200, {"Version": "3.7.15"})
    assert api.get(server.url, "/api/version") == {"Version": "3.7.15"}
    assert server.asked[-1].path == "/api/version"


def test_what_is_not_there_is_none(server: StubServer, api: TraefikApi) -> None:
    server.answer = lambda _: Reply(404, {"message": "middleware not found: x@consul"})
    assert api.get(server.url, "/api/http/middlewares/x@consul") is None


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        (Reply(404, b"404 page not found\n"), Unavailable),
        (Reply(200, b"<html>"), Unavailable),
        (Reply(302, b"", {"Location": "https://elsewhere"}), Unavailable),
        (Reply(500, {}), Unavailable),
        (Reply(401, {}), Denied),
        (None, Unavailable),
    ],
    ids=["no API", "a page", "a redirect", "a fault", "a login", "nothing"],
)
def test_what_is_no_answer_is_an_error(
    server: StubServer, api: TraefikApi, reply: Reply | None, wanted: type[OutsideError]
) -> None:
    server.answer = lambda _: reply
    with pytest.raises(wanted):
        api.get(server.url, "/api/version")


def test_nobody_at_the_address_is_an_error(api: TraefikApi) -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        api.get("http://127.0.0.1:9", "/api/version")


def test_calls_are_timed_under_their_own_name(server: StubServer) -> None:
    durations = Durations()
    server.answer = lambda _: Reply(200, {})
    TraefikApi(metrics=durations).get(server.url, "/api/version")
    assert [labels["api"] for labels in durations.labels] == ["traefik"]
