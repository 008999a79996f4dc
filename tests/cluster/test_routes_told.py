"""What is told of routes besides their state: who is up, who cannot be reached, and no secret."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cluster import in_containers
from tests.cluster.harness import Lab, always, eventually
from tests.cluster.scenarios import route_stage
from tests.cluster.scenarios.documents import JsonObject
from tests.cluster.scenarios.route_stage import RouteStage, on_the_edge, routed_service
from tests.cluster.traefik_lab import Traefik

SECRET = "PLAINSECRET"


@pytest.fixture(scope="module")
def lab(engine: str) -> Iterator[Lab]:
    with Lab.start(2, 1, engine) as made:
        route_stage.prepare(made)
        yield made


@pytest.fixture(scope="module")
def stage(lab: Lab) -> Iterator[RouteStage]:
    with RouteStage.of(lab, Traefik(lab).start()) as made:
        made.deploy("steady", on_the_edge({"web": routed_service("steady")}))
        made.wait_for_route("steady", "http/steady")
        yield made


@contextmanager
def paused(lab: Lab, service: str) -> Iterator[None]:
    """One of a service's tasks stands still, and Swarm does not see it."""
    node, container = next(in_containers.containers(lab, service))
    lab.docker_cli(node, "pause", container)
    try:
        yield
    finally:
        lab.docker_cli(node, "unpause", container)


def checked(protocol: str, name: str, **fields: str) -> dict[str, str]:
    """Labels of a health check of Traefik's own."""
    check = f"traefik.{protocol}.services.{name}.loadbalancer.healthcheck"
    wanted = {"interval": "1s", "timeout": "500ms", **fields}
    return {f"{check}.{field}": value for field, value in wanted.items()}


def up(stage: RouteStage, stack: str, route: str) -> list[int]:
    """How many servers are up, as each instance says it."""
    found: JsonObject = stage.routes(stack)["routes"][route]
    return list(found.get("up", {}).values())


def test_a_server_that_traefiks_health_check_takes_down_is_told(stage: RouteStage) -> None:
    more = checked("http", "sick", path="/healthz")
    stage.deploy("sick", on_the_edge({"web": routed_service("sick", replicas=3, more_labels=more)}))
    stage.wait_for_route("sick", "http/sick")
    eventually(lambda: up(stage, "sick", "http/sick") == [3], 10, "all are up")
    before = stage.write_indexes()
    with paused(stage.lab, "sick_web"):
        states = eventually(lambda: _states(stage, "http", "sick", "DOWN"), 10, "one is down there")
        eventually(lambda: up(stage, "sick", "http/sick") == [2], 10, "and is told")
        print(f"serverStatus {states}; route {stage.routes('sick')['routes']['http/sick']}")
        assert stage.routes("sick")["routes"]["http/sick"]["servers"] == 3
        assert stage.routes("sick")["routes"]["http/sick"]["state"] == "live"
        said = stage.operator.cli("routes").stdout
        assert "2 of 3" in said, said
        assert stage.traefik.get("sick.lab")[0] == 200
    eventually(lambda: up(stage, "sick", "http/sick") == [3], 15, "it is up again")
    assert stage.write_indexes() == before, "none of it is a write"
    stage.remove("sick")


def _states(stage: RouteStage, protocol: str, name: str, wanted: str) -> dict[str, str] | None:
    found = stage.traefik.api(f"{protocol}/services/{name}@consul")
    states: dict[str, str] = (found or {}).get("serverStatus") or {}
    return states if wanted in states.values() else None


def test_a_tcp_server_that_is_down_is_told(stage: RouteStage) -> None:
    """Traefik knows health checks of TCP since 3.6."""
    wanted = routed_service("plain")
    wanted["deploy"]["labels"] = {
        "traefik.tcp.routers.plain.rule": "HostSNI(`*`)",
        "traefik.tcp.routers.plain.entrypoints": "tcp",
        "traefik.tcp.services.plain.loadbalancer.server.port": "80",
        **checked("tcp", "plain", send="GET /healthz HTTP/1.0\r\n\r\n", expect="HTTP/1.1 200"),
    }
    stage.deploy("plain", on_the_edge({"web": wanted}))
    stage.wait_for_route("plain", "tcp/plain")
    eventually(lambda: up(stage, "plain", "tcp/plain") == [2], 10, "both are up")
    with paused(stage.lab, "plain_web"):
        eventually(lambda: up(stage, "plain", "tcp/plain") == [1], 15, "one is down")
    eventually(lambda: up(stage, "plain", "tcp/plain") == [2], 15, "both are up again")
    stage.remove("plain")


def test_what_an_application_answers_by_itself_takes_no_server_out(stage: RouteStage) -> None:
    """Traefik's passive check counts answers of 500 and more as failures of the server. The control by
    hand has one attempt: two such answers, and nobody gets anything else."""
    own = "http/services/steady/loadbalancer"
    assert f"{own}/passivehealthcheck/maxfailedattempts" in stage.traefik_keys(), "it is on"
    by_hand = {
        key.replace("/steady/", "/strict/"): value
        for key, value in stage.traefik_values(f"{own}/").items()
    }
    by_hand[f"{own}/passivehealthcheck/maxfailedattempts".replace("steady", "strict")] = "1"
    stage.put_traefik(by_hand)
    stage.put_traefik(
        {
            "http/routers/strict/entrypoints": "web",
            "http/routers/strict/rule": "Host(`strict.lab`)",
            "http/routers/strict/service": "strict",
        }
    )
    stage.traefik.wait_for("strict.lab")
    answers = {}
    for host, errors in (("steady.lab", 8), ("strict.lab", 2)):
        for _ in range(errors):
            assert stage.traefik.get(host, "/?status=500")[0] == 500
        answers[host] = [stage.traefik.get(host)[0] for _ in range(6)]
    print(f"after answers of 500 in a row: {answers}")
    assert set(answers["steady.lab"]) == {200}
    assert set(answers["strict.lab"]) == {503}, "the control"
    stage.kv.delete("traefik/http/routers/strict", recurse=True)
    stage.kv.delete("traefik/http/services/strict", recurse=True)


@pytest.mark.parametrize("form", ["label", "terse"])
def test_a_service_that_traefik_cannot_reach_is_told_so(stage: RouteStage, form: str) -> None:
    lost = routed_service("lost")
    if form == "label":
        lost["deploy"]["labels"]["traefik.swarm.network"] = "nope"
    else:
        lost["deploy"]["labels"] = {}
        terse = {"name": "lost", "host": "lost.lab", "port": 80, "network": "nope"}
        lost["x-operator"] = {"routes": {**terse, "entrypoint": "web"}}
    stage.deploy("lost", on_the_edge({"web": lost}))
    found = stage.wait_for_route("lost", "http/lost")
    assert found["servers"] == 0
    assert "not on the network nope" in found["message"], found
    said = stage.wait_for_refusal("lost", "nope")
    assert said.startswith("service lost_web"), said
    assert stage.traefik.get("lost.lab")[0] == 503
    assert "nope" in stage.operator.cli("routes").stdout
    assert not stage.routes("steady").get("refused")
    stage.remove("lost")


def test_no_secret_that_traefik_repeats_is_told_anywhere(stage: RouteStage) -> None:
    """Its words about a basic-auth user that it cannot read hold the user, and the password."""
    users = f"admin:{SECRET}:x"
    own = {
        "traefik.http.routers.own.middlewares": "own",
        "traefik.http.middlewares.own.basicauth.users": users,
    }
    stage.put("own", on_the_edge({"web": routed_service("own", replicas=1, more_labels=own)}))
    stage.wait_for_refusal("own", "basicauth")
    stage.put_traefik({"http/middlewares/hand/basicauth/users": users})
    router = {"traefik.http.routers.theirs.middlewares": "hand@consul"}
    theirs = routed_service("theirs", replicas=1, more_labels=router)
    stage.put("theirs", on_the_edge({"web": theirs}))
    found = stage.wait_for_route("theirs", "http/theirs", "disabled", within=30)
    print(f"disabled: {found['message']}")
    said = stage.traefik.api("http/routers/theirs@consul")["error"]
    assert SECRET in str(said), "Traefik says it"

    def nowhere() -> bool:
        for key in stage.keys_below("status/"):
            assert SECRET not in (stage.key(key) or b"").decode(), key
        assert SECRET not in stage.operator.tail(1_000_000)
        assert SECRET not in stage.operator.cli("routes").stdout
        return True

    always(nowhere, 3)
    stage.remove("own")
    stage.remove("theirs")
    stage.kv.delete("traefik/http/middlewares/hand", recurse=True)


def test_labels_of_one_service_take_no_tls_from_the_others(stage: RouteStage) -> None:
    more = {"traefik.tls.options.default.snistrict": "true"}
    stage.put(
        "strict", on_the_edge({"web": routed_service("strict", replicas=1, more_labels=more)})
    )
    stage.wait_for_refusal("strict", "default")
    assert not [key for key in stage.traefik_keys() if "tls/options" in key]
    named = {"traefik.tls.options.mine.snistrict": "true"}
    web = routed_service("strict", replicas=1, more_labels=named)
    stage.put("strict", on_the_edge({"web": web}))
    stage.wait_for_route("strict", "http/strict", within=30)
    assert "tls/options/mine/snistrict" in stage.traefik_keys(), "the control: named ones are"
    stage.remove("strict")
