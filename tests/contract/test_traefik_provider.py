"""The facts about Traefik's KV provider that the design of routes rests on, on real Traefiks.

What fails here has changed in Traefik: then the code that relies on it has to change too.
"""

import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from tests.cluster.images.http_task import _Http, _HttpServer
from tests.contract import traefik_servers
from tests.contract.real_traefik import RealTraefik
from tests.contract.traefik_servers import Pair

STAMP = "traefik/http/middlewares/stamp/headers/customresponseheaders/X-Generation"


@pytest.fixture(scope="module", params=traefik_servers.SERVERS)
def shared_pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    with traefik_servers.running(request.param, tmp_path_factory.mktemp("traefik")) as made:
        yield made


@pytest.fixture
def pair(shared_pair: Pair) -> Iterator[Pair]:
    """A Traefik, and a Consul with a stamp alone below the root."""
    shared_pair.store.put(STAMP, f"begin-{time.monotonic_ns()}")
    yield shared_pair
    shared_pair.store.delete("traefik", recurse=True)
    shared_pair.store.delete("other", recurse=True)
    settle(shared_pair)


@pytest.fixture(scope="module")
def backend() -> Iterator[str]:
    """The URL of a server that answers."""
    with _HttpServer(("127.0.0.1", 0), _Http) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{_port(server)}"
        server.shutdown()


def _port(server: socketserver.TCPServer) -> int:
    port: int = server.server_address[1]
    return port


def settle(pair: Pair) -> None:
    """Write a stamp and wait until it is seen, with the throttle over."""
    generation = f"settled-{time.monotonic_ns()}"
    pair.store.put(STAMP, generation)
    pair.eventually(lambda: stamp(pair) == generation, 20)
    pair.wait(traefik_servers.THROTTLE_S + 0.1)


def stamp(pair: Pair) -> str | None:
    """The generation that this Traefik has taken on."""
    found = pair.traefik.api("http/middlewares/stamp@consul")
    if found is None:
        return None
    said: str = found["headers"]["customResponseHeaders"]["X-Generation"]
    return said


def route(name: str, url: str) -> dict[str, str]:
    """Keys of a router for NAME.lab and its service."""
    return {
        f"traefik/http/routers/{name}/rule": f"Host(`{name}.lab`)",
        f"traefik/http/routers/{name}/entrypoints": "web",
        f"traefik/http/routers/{name}/service": name,
        f"traefik/http/services/{name}/loadbalancer/servers/t1/url": url,
    }


def status(pair: Pair, name: str) -> int:
    assert isinstance(pair.traefik, RealTraefik)
    return pair.traefik.get(f"{name}.lab")[0]


def test_one_bad_key_freezes_all_and_its_removal_thaws(pair: Pair, backend: str) -> None:
    pair.store.commit(route("before", backend))
    pair.eventually(lambda: status(pair, "before") == 200)
    pair.store.put("traefik/http/routers/bad/nonsense", "x")
    pair.store.commit({**route("after", backend), STAMP: "frozen"})
    pair.wait(2)
    assert status(pair, "before") == 200
    assert status(pair, "after") == 404
    assert stamp(pair) != "frozen"
    pair.store.delete("traefik/http/routers/bad/nonsense")
    pair.eventually(lambda: status(pair, "after") == 200, 20)
    assert stamp(pair) == "frozen", "the stamp is seen with what it came with"


def test_a_restart_with_a_bad_key_serves_nothing(pair: Pair, backend: str) -> None:
    pair.store.commit(route("gone", backend))
    pair.eventually(lambda: status(pair, "gone") == 200)
    pair.store.put("traefik/http/routers/bad/priority", "high")
    pair.traefik.restart()
    pair.wait(1)
    assert status(pair, "gone") == 404
    pair.store.delete("traefik/http/routers/bad/priority")
    pair.eventually(lambda: status(pair, "gone") == 200, 30)


def test_the_stamp_is_seen_together_with_its_routes(pair: Pair, backend: str) -> None:
    for number in range(5):
        pair.store.commit({**route(f"s{number}", backend), STAMP: f"generation-{number}"})
        pair.eventually(lambda number=number: stamp(pair) == f"generation-{number}")
        assert status(pair, f"s{number}") == 200


def test_without_another_element_the_last_route_never_goes(pair: Pair, backend: str) -> None:
    pair.store.commit(route("last", backend), deletes=(STAMP,))
    pair.eventually(lambda: status(pair, "last") == 200)
    pair.store.put("traefik/_note", "decoded by nobody")
    pair.store.delete("traefik/http", recurse=True)
    pair.wait(2)
    assert status(pair, "last") == 200, "the empty configuration is skipped"
    pair.store.put(STAMP, "sentinel")
    pair.eventually(lambda: status(pair, "last") == 404)


def test_a_change_in_one_transaction_fails_no_request_and_the_wrong_order_does(
    pair: Pair, backend: str
) -> None:
    pair.store.commit(route("app", backend))
    pair.eventually(lambda: status(pair, "app") == 200)
    pair.wait(1)

    def failed_while(*steps: dict[str, str]) -> int:
        failed = 0
        for step in steps:
            pair.store.commit(step)
            pair.wait(0.05)
        deadline = time.monotonic() + 1.5
        while time.monotonic() < deadline:
            failed += status(pair, "app") != 200
        settle(pair)
        return failed

    router = {"traefik/http/routers/app/service": "green"}
    service = {"traefik/http/services/green/loadbalancer/servers/t1/url": backend}
    assert failed_while({**router, **service}) == 0
    router = {"traefik/http/routers/app/service": "blue"}
    service = {"traefik/http/services/blue/loadbalancer/servers/t1/url": backend}
    assert failed_while(router, service) > 10, "the router before its service: live for a throttle"


def test_servers_have_names_not_numbers(pair: Pair, backend: str) -> None:
    keys = route("named", backend)
    for name in ("p1x9zq", "17", "x-y_z.3"):
        keys[f"traefik/http/services/named/loadbalancer/servers/{name}/url"] = f"{backend}/{name}"
    pair.store.commit(keys)
    pair.eventually(lambda: status(pair, "named") == 200)
    service = pair.traefik.api("http/services/named@consul")
    assert len(service["loadBalancer"]["servers"]) == 4
    pair.store.delete("traefik/http/services/named/loadbalancer/servers/17", recurse=True)
    pair.eventually(
        lambda: len(pair.traefik.api("http/services/named@consul")["loadBalancer"]["servers"]) == 3
    )


def test_no_server_is_503_and_no_service_is_404(pair: Pair, backend: str) -> None:
    keys = route("empty", backend)
    keys.pop("traefik/http/services/empty/loadbalancer/servers/t1/url")
    pair.store.commit({**keys, "traefik/http/services/empty/loadbalancer/passhostheader": "true"})
    pair.eventually(lambda: status(pair, "empty") == 503)
    missing = route("missing", backend)
    pair.store.commit({**missing, "traefik/http/routers/missing/service": "nowhere"})
    pair.eventually(lambda: pair.traefik.api("http/routers/missing@consul"))
    assert status(pair, "missing") == 404
    assert pair.traefik.api("http/routers/missing@consul")["status"] == "disabled"


def test_equal_values_written_again_are_no_reload(pair: Pair, backend: str) -> None:
    keys = route("same", backend)
    pair.store.commit(keys)
    pair.eventually(lambda: status(pair, "same") == 200)
    pair.wait(1)
    before = pair.traefik.reloads()
    for _ in range(3):
        pair.store.commit(keys)
        pair.store.put("other/key", str(time.monotonic()))
        pair.wait(0.3)
    pair.wait(1)
    assert pair.traefik.reloads() == before
    pair.store.put(STAMP, "a change")
    pair.eventually(lambda: pair.traefik.reloads() == before + 1)
