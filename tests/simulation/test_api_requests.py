"""Routes, versions and refusals: statuses and texts are those of engine 28.5.2."""

from typing import Any

import pytest

from swarm_operator.simulation.api.engine_versions import newest_of
from swarm_operator.simulation.api.message import BadJson, split_version
from tests.simulation.api_desk import ABSENT, Desk, spec


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/v1.45/info", ((1, 45), "/info")),
        ("/info", (None, "/info")),
        ("/v1.45", (None, "/v1.45")),
        ("/vx/info", (None, "/vx/info")),
    ],
)
def test_the_version_in_a_path(path: str, parts: Any) -> None:
    assert split_version(path) == parts


@pytest.mark.parametrize(
    ("engine", "api"),
    [
        ("20.10.24", (1, 41)),
        ("23.0.6", (1, 42)),
        ("26.1.5+dfsg1", (1, 45)),
        ("27.5.1", (1, 47)),
        ("28.0.4", (1, 48)),
        ("28.5.2", (1, 51)),
        ("nonsense", (1, 41)),
    ],
)
def test_the_newest_api_of_an_engine(engine: str, api: tuple[int, int]) -> None:
    assert newest_of(engine) == api


def test_versions_that_the_engine_does_not_speak(desk: Desk) -> None:
    response = desk.ask_in((1, 99), "/info")
    said = "client version 1.99 is too new. Maximum supported API version is 1.51"
    assert (response.status, response.body) == (400, {"message": said})
    response = desk.ask_in((1, 10), "/info")
    said = (
        "client version 1.10 is too old. Minimum supported API version is 1.24, please upgrade "
        "your client to a newer version\n"
    )
    assert (response.status, response.text) == (400, said)
    assert desk.ask_in((1, 41), "/info").status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_ping(desk: Desk, method: str) -> None:
    response = desk.ask(method, "/_ping")
    assert (response.status, response.text) == (200, "OK" if method == "GET" else "")
    assert response.headers["Api-Version"] == "1.51"
    assert response.headers["Swarm"] == "active/manager"
    assert response.headers["Ostype"] == "linux"
    assert desk.ask_worker(method, "/_ping").headers["Swarm"] == "active/worker"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nosuch"),
        ("GET", "/services/"),
        ("GET", "/services/c/x/y"),
        ("POST", "/services"),
        ("PUT", "/services"),
        ("HEAD", "/info"),
        ("GET", ""),
    ],
)
def test_an_unknown_page(desk: Desk, method: str, path: str) -> None:
    assert desk.refusal(method, path) == (404, "page not found")
    assert desk.ask(method, path).headers == {}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/services/web/logs"),
        ("GET", "/tasks/x/logs"),
        ("POST", "/networks/net/connect"),
        ("POST", "/networks/prune"),
        ("POST", "/swarm/leave"),
        ("GET", "/swarm/unlockkey"),
        ("GET", "/containers/x/json"),
        ("POST", "/containers/create"),
        ("POST", "/images/create"),
        ("POST", "/build"),
        ("GET", "/system/df"),
        ("GET", "/plugins"),
        ("POST", "/auth"),
    ],
)
def test_what_is_out_of_scope_says_its_name(desk: Desk, method: str, path: str) -> None:
    status, text = desk.refusal(method, path)
    assert status == 501
    assert text.endswith(f"{method} {path} is not simulated")


def test_what_an_engine_has_besides_the_swarm(desk: Desk) -> None:
    assert desk.get("/containers/json") == []
    assert desk.get("/images/json") == []
    assert desk.get("/volumes") == {"Volumes": [], "Warnings": None}
    status, text = desk.refusal("GET", "/distribution/registry.example.org/team/web:1/json")
    assert status == 404
    assert "registry.example.org/team/web:1" in text


@pytest.mark.parametrize("kind", ["service", "task", "node", "network", "config", "secret"])
def test_what_is_not_there(desk: Desk, kind: str) -> None:
    assert desk.refusal("GET", f"/{kind}s/nosuch") == (404, f"{kind} nosuch not found")
    if kind != "task":
        assert desk.refusal("DELETE", f"/{kind}s/nosuch") == (404, f"{kind} nosuch not found")


@pytest.mark.parametrize("kind", ["service", "node"])
def test_an_update_needs_a_version(desk: Desk, kind: str) -> None:
    desk.create()
    path = f"/{kind}s/{'web' if kind == 'service' else 'node2'}/update"
    body = spec() if kind == "service" else {"Role": "worker", "Availability": "active"}
    problem = f"invalid {kind} version '': strconv.ParseUint: parsing \"\": invalid syntax"
    assert desk.refusal("POST", path, body) == (400, problem)
    problem = f"invalid {kind} version 'x': strconv.ParseUint: parsing \"x\": invalid syntax"
    assert desk.refusal("POST", path, body, version="x") == (400, problem)
    stale = "rpc error: code = Unknown desc = update out of sequence"
    assert desk.refusal("POST", path, body, version="1") == (500, stale)


@pytest.mark.parametrize("kind", ["config", "secret"])
def test_a_configs_update(desk: Desk, kind: str) -> None:
    desk.post(f"/{kind}s/create", {"Name": "x", "Data": "aGk="})
    path, body = f"/{kind}s/x/update", {"Name": "x", "Labels": {"a": "b"}, "Data": "aGk="}
    assert desk.refusal("POST", path, body) == (400, f"invalid {kind} version")
    stale = "rpc error: code = Unknown desc = update out of sequence"
    assert desk.refusal("POST", path, body, version="1") == (500, stale)
    version = str(desk.get(f"/{kind}s/x")["Version"]["Index"])
    response = desk.ask("POST", path, body, version=version)
    assert (response.status, response.has_body) == (200, False)
    assert desk.get(f"/{kind}s/x")["Spec"]["Labels"] == {"a": "b"}


def test_words_that_a_service_update_knows(desk: Desk) -> None:
    desk.create()
    version = str(desk.get("/services/web")["Version"]["Index"])

    def refused(**query: str) -> tuple[int, str]:
        return desk.refusal("POST", "/services/web/update", spec(), version=version, **query)

    assert refused(registryAuthFrom="foo") == (500, "unsupported registryAuthFrom value")
    assert refused(rollback="foo") == (500, "unrecognized rollback option foo")
    problem = "service does not have a previous spec"
    assert refused(registryAuthFrom="previous-spec") == (500, problem)


def test_a_rollback(desk: Desk) -> None:
    desk.create(Labels={"v": "1"})
    for label in ("2", "3"):
        version = str(desk.get("/services/web")["Version"]["Index"])
        desk.post("/services/web/update", spec(Labels={"v": label}), version=version)
    version = str(desk.get("/services/web")["Version"]["Index"])
    desk.post("/services/web/update", spec(), version=version, rollback="previous")
    assert desk.get("/services/web")["Spec"]["Labels"] == {"v": "2"}


def test_a_body_that_is_no_json(desk: Desk) -> None:
    broken = BadJson(
        "invalid JSON: invalid character 'n' looking for beginning of object key string"
    )
    said = "invalid JSON: invalid character 'n' looking for beginning of object key string"
    assert desk.refusal("POST", "/secrets/create", broken) == (400, said)


def test_no_body_is_an_empty_one(desk: Desk) -> None:
    said = "mismatched Runtime and *Spec fields"
    assert desk.refusal("POST", "/services/create") == (400, said)
    said = "rpc error: code = InvalidArgument desc = name must be provided"
    assert desk.refusal("POST", "/secrets/create") == (400, said)


def test_what_creations_answer(desk: Desk) -> None:
    response = desk.ask("POST", "/services/create", spec())
    assert (response.status, response.body.keys()) == (201, {"ID", "Warnings"})
    response = desk.ask("POST", "/networks/create", {"Name": "n", "Driver": "overlay"})
    assert (response.status, response.body.keys()) == (201, {"Id", "Warning"})
    for kind in ("configs", "secrets"):
        response = desk.ask("POST", f"/{kind}/create", {"Name": "x", "Data": "aGk="})
        assert (response.status, response.body.keys()) == (201, {"ID"})


def test_what_removals_answer(desk: Desk) -> None:
    desk.create()
    desk.post("/networks/create", {"Name": "n", "Driver": "overlay"})
    desk.post("/configs/create", {"Name": "c", "Data": "aGk="})
    desk.post("/secrets/create", {"Name": "s", "Data": "aGk="})
    for path, status in (
        ("/services/web", 200),
        ("/networks/n", 204),
        ("/configs/c", 204),
        ("/secrets/s", 204),
    ):
        response = desk.ask("DELETE", path)
        assert (response.status, response.has_body) == (status, False)


def test_nodes_that_may_not_go(desk: Desk) -> None:
    worker = desk.nodes[1].id
    said = f"rpc error: code = FailedPrecondition desc = node {worker} is not down and can't be removed"
    assert desk.refusal("DELETE", "/nodes/node2") == (400, said)
    assert desk.ask("DELETE", "/nodes/node2", force="1").status == 200
    assert desk.names("/nodes") == ["node1"]


def test_networks_that_may_not_go(desk: Desk) -> None:
    said = "bridge is a pre-defined network and cannot be removed"
    assert desk.refusal("DELETE", "/networks/bridge") == (403, said)


def test_a_drained_node(desk: Desk) -> None:
    node = desk.get("/nodes/node2")
    drained = {**node["Spec"], "Availability": "drain", "Labels": {"x": "y"}}
    desk.post("/nodes/node2/update", drained, version=str(node["Version"]["Index"]))
    assert desk.get("/nodes/node2")["Spec"] == drained


def test_a_worker_knows_no_swarm(desk: Desk) -> None:
    for path in ("/services", "/tasks", "/nodes", "/configs", "/secrets", "/swarm"):
        response = desk.ask_worker("GET", path)
        assert response.status == 503
        assert response.body["message"].startswith("This node is not a swarm manager. Worker")
    assert desk.ask_worker("POST", "/networks/create", {"Name": "n"}).status == 503
    info = desk.ask_worker("GET", "/info").body["Swarm"]
    assert (info["LocalNodeState"], info["ControlAvailable"]) == ("active", False)
    assert "Cluster" not in info
    networks = desk.ask_worker("GET", "/networks").body
    assert {each["Scope"] for each in networks} == {"local"}


def test_without_a_quorum_nothing_of_the_swarm_is_answered() -> None:
    desk = Desk(managers=3)
    desk.engine.lose_quorum()
    said = (
        "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too "
        "few managers are online. Make sure more than half of the managers are online."
    )
    assert desk.refusal("GET", "/services") == (500, said)
    info = desk.get("/info")["Swarm"]
    assert (info["Error"], info["ControlAvailable"]) == (said, True)
    assert info["Cluster"]["ID"] == ""
    assert desk.ask("GET", "/_ping").status == 200


def test_case_does_not_count_in_the_names_of_members(desk: Desk) -> None:
    desk.post("/services/create", {"name": "web", "tasktemplate": spec()["TaskTemplate"]})
    assert desk.get("/services/web")["Spec"]["TaskTemplate"]["Placement"] == {}


def test_an_ambiguous_beginning(desk: Desk) -> None:
    for number in range(40):
        desk.create(f"s{number}", replicas=0)
    ids = [each["ID"] for each in desk.get("/services")]
    first = next(letter for letter in "0123456789" if sum(i[0] == letter for i in ids) > 1)
    count = sum(identity[0] == first for identity in ids)
    said = f"service {first} is ambiguous ({count} matches found)"
    assert desk.refusal("GET", f"/services/{first}") == (400, said)
    assert desk.refusal("GET", f"/services/{ABSENT}")[0] == 404


@pytest.mark.parametrize("name", ["host", "bridge"])
def test_the_swarms_twins_of_local_networks_are_found(desk: Desk, name: str) -> None:
    """By name where the scope is given, so asks `docker service create --network host`; in no list."""
    twin = desk.get(f"/networks/{name}", scope="swarm")
    assert (twin["Name"], twin["Scope"], twin["Driver"]) == (name, "swarm", name)
    assert twin["IPAM"] == {"Driver": "", "Options": None, "Config": []}
    assert desk.get(f"/networks/{twin['Id']}") == twin
    assert desk.get(f"/networks/{twin['Id']}", scope="local") == twin
    assert desk.get(f"/networks/{name}")["Scope"] == "local"
    assert desk.listed("/networks", scope=["swarm"], name=[f"^{name}$"]) == []
    task = {"ContainerSpec": {"Image": "lab/web:1"}, "Networks": [{"Target": twin["Id"]}]}
    made = desk.post("/services/create", {"Name": "web", "TaskTemplate": task})
    desk.engine.advance(5)
    (running,) = desk.listed("/tasks", service=["web"])
    assert running["Status"]["State"] == "running", made


@pytest.mark.parametrize(("engine", "is_shown"), [("26.1.5", False), ("28.5.2", True)])
def test_engines_before_28_have_no_flag_for_ipv4(engine: str, is_shown: bool) -> None:
    desk = Desk(engine_version=engine)
    shown = [desk.get("/networks/ingress"), *desk.get("/networks")]
    assert {"EnableIPv4" in network for network in shown} == {is_shown}


@pytest.mark.parametrize(
    ("engine", "is_text"), [("20.10.24", True), ("26.1.5", False), ("28.5.2", True)]
)
def test_how_old_versions_are_refused(engine: str, is_text: bool) -> None:
    response = Desk(engine_version=engine).ask_in((1, 10), "/info")
    said = response.text or response.body["message"]
    assert (response.status, (response.text is not None)) == (400, is_text)
    assert said.startswith("client version 1.10 is too old.")


def test_maps_are_sorted_as_go_writes_them(desk: Desk) -> None:
    task = {"ContainerSpec": {"Image": "lab/web:1"}}
    desk.post(
        "/services/create", {"Name": "web", "Labels": {"b": "", "a": ""}, "TaskTemplate": task}
    )
    assert list(desk.get("/services/web")["Spec"]["Labels"]) == ["a", "b"]
    options = {"encrypted": "", "a": "b"}
    desk.post("/networks/create", {"Name": "net", "Driver": "overlay", "Options": options})
    shown = list(desk.get("/networks/net")["Options"])
    assert shown == sorted(shown)
    assert len(shown) == 3


@pytest.mark.parametrize(
    "mode", [{"Replicated": {"Replicas": 10**9}}, {"ReplicatedJob": {"MaxConcurrent": 10**9}}]
)
def test_services_that_no_model_could_hold(desk: Desk, mode: Any) -> None:
    task = {"ContainerSpec": {"Image": "lab/web:1"}}
    body = {"Name": "web", "TaskTemplate": task, "Mode": mode}
    response = desk.ask("POST", "/services/create", body)
    assert (response.status, desk.names("/services")) == (501, [])
    assert "more than 100,000 tasks" in response.body["message"]
