"""The Docker client against a stub engine: what is sent, how often, and what never is."""

import base64
import json
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from swarm_operator.clients.docker import DockerSwarm
from swarm_operator.clients.docker_transport import negotiate
from swarm_operator.observed.errors import (
    Conflict,
    Denied,
    NotManager,
    OutsideError,
    SpecRefused,
    Unavailable,
)
from swarm_operator.observed.json import JsonObject
from tests.clients.stub_server import Asked, Durations, Reply, StubServer, tcp_stub, unix_stub

SPEC: JsonObject = {"Name": "web", "TaskTemplate": {"Placement": {}}}
INFO: JsonObject = {
    "Swarm": {
        "NodeID": "n1",
        "LocalNodeState": "active",
        "ControlAvailable": True,
        "Cluster": {"ID": "swarm1"},
    }
}
NODES = [{"ID": "n1", "ManagerStatus": {"Leader": True, "Reachability": "reachable"}}]


def healthy(request: Asked) -> Reply:
    """A swarm of one node with nothing on it."""
    path = request.path.partition("?")[0]
    if path == "/_ping":
        return Reply(body=b"OK", headers={"Api-Version": "1.45"})
    if path.endswith("/info"):
        return Reply(body=INFO)
    return Reply(body=NODES if path.endswith("/nodes") else None)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[StubServer]:
    with unix_stub(tmp_path / "docker.sock") as stub:
        stub.answer = healthy
        yield stub


@pytest.fixture
def durations() -> Durations:
    return Durations()


@pytest.fixture
def swarm(engine: StubServer, durations: Durations) -> Iterator[DockerSwarm]:
    client = DockerSwarm(engine.url, metrics=durations, sleep=lambda _: None)
    yield client
    client.close()


def paths(engine: StubServer) -> list[str]:
    return [asked.path for asked in engine.asked if asked.path != "/_ping"]


def test_a_full_pass_is_seven_reads_with_the_nodes_last(
    engine: StubServer, swarm: DockerSwarm
) -> None:
    found = swarm.read()
    assert found.is_complete
    assert found.cluster_id == "swarm1"
    assert paths(engine) == [
        f"/v1.45/{name}"
        for name in ("info", "services", "tasks", "networks", "configs", "secrets", "nodes")
    ]


def test_progress_is_three_reads_and_keeps_doubts(engine: StubServer, swarm: DockerSwarm) -> None:
    last = swarm.read()
    engine.asked.clear()
    NODES_CUT = [*NODES, {"ID": "n2", "ManagerStatus": {"Reachability": "unreachable"}}]  # noqa: N806
    engine.answer = lambda request: (
        Reply(body=NODES_CUT) if request.path.endswith("/nodes") else healthy(request)
    )
    doubtful = swarm.read_progress(last)
    assert paths(engine) == ["/v1.45/services", "/v1.45/tasks", "/v1.45/nodes"]
    assert doubtful.incomplete == ("1 of 2 managers are reachable, 2 are needed",)
    engine.answer = healthy
    assert swarm.read_progress(doubtful).incomplete == doubtful.incomplete


def test_one_connection_serves_all_requests_of_a_thread(
    engine: StubServer, swarm: DockerSwarm
) -> None:
    for _ in range(5):
        swarm.read()
    assert engine.connections == 1
    assert len([asked for asked in engine.asked if asked.path == "/_ping"]) == 1


def test_threads_share_a_client(engine: StubServer, swarm: DockerSwarm) -> None:
    failures: list[BaseException] = []

    def read_often() -> None:
        try:
            for _ in range(10):
                assert swarm.read().cluster_id == "swarm1"
        except BaseException as error:  # noqa: BLE001 - reported below
            failures.append(error)

    threads = [threading.Thread(target=read_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert len(paths(engine)) == 4 * 10 * 7


@pytest.mark.parametrize("template", [None, {}, {"Placement": None}])
def test_a_spec_without_placement_is_never_sent(
    engine: StubServer, swarm: DockerSwarm, template: JsonObject | None
) -> None:
    spec = {"Name": "web", "TaskTemplate": template}
    with pytest.raises(SpecRefused, match=r"web has no TaskTemplate\.Placement"):
        swarm.create_service(spec)
    with pytest.raises(SpecRefused, match=r"TaskTemplate\.Placement"):
        swarm.update_service("s1", 7, spec)
    assert engine.asked == []


def test_an_update_names_the_version_and_carries_the_registrys_login(
    engine: StubServer, swarm: DockerSwarm
) -> None:
    login = base64.urlsafe_b64encode(b'{"username": "u"}').decode()
    swarm.update_service("s1", 7, SPEC, registry_auth=login)
    sent = engine.asked[-1]
    assert sent.path == "/v1.45/services/s1/update?version=7&registryAuthFrom=spec"
    assert sent.headers["X-Registry-Auth"] == login
    assert json.loads(sent.body) == SPEC


def test_a_created_objects_id_is_returned(engine: StubServer, swarm: DockerSwarm) -> None:
    engine.answer = lambda request: (
        Reply(201, {"Id" if "networks" in request.path else "ID": "new"})
        if request.method == "POST"
        else healthy(request)
    )
    assert swarm.create_service(SPEC) == "new"
    assert swarm.create_network({"Name": "n"}) == "new"
    assert swarm.create_config({"Name": "c"}) == "new"
    assert swarm.create_secret({"Name": "s"}) == "new"


def test_a_write_is_never_repeated(engine: StubServer, swarm: DockerSwarm) -> None:
    engine.answer = lambda request: None if request.method == "POST" else healthy(request)
    with pytest.raises(Unavailable, match="broke"):
        swarm.update_service("s1", 7, SPEC)
    assert len(paths(engine)) == 1


def test_a_read_is_repeated_a_few_times(engine: StubServer, swarm: DockerSwarm) -> None:
    broken = iter([True, True])
    engine.answer = lambda request: (
        None if request.path.endswith("/tasks") and next(broken, False) else healthy(request)
    )
    assert swarm.read().is_complete
    assert paths(engine).count("/v1.45/tasks") == 3


def test_a_read_is_not_repeated_for_ever(engine: StubServer, swarm: DockerSwarm) -> None:
    engine.answer = lambda request: (
        Reply(500, {"message": "The swarm does not have a leader"})
        if request.path.endswith("/tasks")
        else healthy(request)
    )
    with pytest.raises(Unavailable, match="reading /tasks: The swarm does not have a leader"):
        swarm.read()
    assert paths(engine).count("/v1.45/tasks") == 3


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (503, "This node is not a swarm manager.", NotManager),
        (403, "authorization denied by plugin", Denied),
    ],
)
def test_a_read_that_time_does_not_help_is_not_repeated(
    engine: StubServer, swarm: DockerSwarm, status: int, text: str, kind: type[OutsideError]
) -> None:
    engine.answer = lambda request: (
        Reply(status, {"message": text}) if request.path.endswith("/tasks") else healthy(request)
    )
    with pytest.raises(kind):
        swarm.read()
    assert paths(engine).count("/v1.45/tasks") == 1


@pytest.mark.parametrize("body", [b"[{", {"an": "object"}, ["text"]])
def test_a_list_that_is_none_is_never_an_empty_list(
    engine: StubServer, swarm: DockerSwarm, body: object
) -> None:
    engine.answer = lambda request: (
        Reply(body=body) if request.path.endswith("/services") else healthy(request)
    )
    with pytest.raises(Unavailable):
        swarm.read()


def test_errors_hold_nothing_of_a_body(engine: StubServer, swarm: DockerSwarm) -> None:
    secret = base64.b64encode(b"geheim").decode()
    engine.answer = lambda request: (
        Reply(409, {"message": "secret exists", "echo": secret})
        if request.method == "POST"
        else healthy(request)
    )
    with pytest.raises(Conflict) as caught:
        swarm.create_secret({"Name": "db", "Data": secret})
    assert str(caught.value) == "creating secret db: secret exists"
    engine.answer = lambda request: (
        Reply(500, secret.encode()) if request.method == "POST" else healthy(request)
    )
    with pytest.raises(SpecRefused) as refused:
        swarm.create_secret({"Name": "db", "Data": secret})
    assert secret not in str(refused.value)


def test_every_call_is_timed(engine: StubServer, swarm: DockerSwarm, durations: Durations) -> None:
    engine.answer = lambda request: (
        Reply(404, {"message": "service s not found"})
        if request.method == "DELETE"
        else None
        if request.method == "POST"
        else healthy(request)
    )
    for write in (lambda: swarm.remove_service("s"), lambda: swarm.create_service(SPEC)):
        with pytest.raises(Exception, match=r"not found|broke"):
            write()
    assert durations.labels == [
        {"api": "docker", "verb": "GET", "code": "200"},
        {"api": "docker", "verb": "DELETE", "code": "404"},
        {"api": "docker", "verb": "POST", "code": "error"},
    ]


def test_an_engine_that_was_replaced_is_asked_for_its_version_again(
    engine: StubServer, swarm: DockerSwarm
) -> None:
    assert swarm.read().api_version == (1, 45)
    engine.answer = lambda _: None
    with pytest.raises(Unavailable):
        swarm.read()
    engine.answer = lambda request: (
        Reply(body=b"OK", headers={"Api-Version": "1.41"})
        if request.path == "/_ping"
        else healthy(request)
    )
    assert swarm.read().api_version == (1, 41)


@pytest.mark.parametrize(
    ("offered", "spoken"), [("1.41", (1, 41)), ("1.51", (1, 51)), ("1.56", (1, 51))]
)
def test_the_newest_version_that_both_know_is_spoken(offered: str, spoken: tuple[int, int]) -> None:
    assert negotiate(offered) == spoken


@pytest.mark.parametrize("offered", ["1.40", "", "banana", "1.x"])
def test_what_is_too_old_or_no_engine_is_refused(offered: str) -> None:
    with pytest.raises(Unavailable, match=r"1\.41|no API version"):
        negotiate(offered)


def test_no_variable_of_the_environment_sends_a_proxy_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with tcp_stub() as engine:
        engine.answer = healthy
        swarm = DockerSwarm(engine.url.replace("http://", "tcp://"))
        assert swarm.read().is_complete
        swarm.close()


@contextmanager
def somebody_else() -> Iterator[None]:
    """Without root's rights, and in no group, for a moment."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(65532)
    os.seteuid(65532)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_socket_of_another_group_is_said_with_the_group() -> None:
    # Not tmp_path: nobody else may look into that.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        Path(directory).chmod(0o755)
        path = Path(directory) / "docker.sock"
        with unix_stub(path) as stub:
            stub.answer = healthy
            os.chown(path, 0, 4711)
            path.chmod(0o660)
            swarm = DockerSwarm(stub.url)
            with somebody_else(), pytest.raises(Denied) as caught:
                swarm.ping()
            swarm.ping()  # as root all is well
            swarm.close()
    assert "belongs to user 0 and group 4711, mode 0660" in str(caught.value)
    assert 'user: "<uid>:4711"' in str(caught.value)


def test_what_was_read_before_is_each_threads_own() -> None:
    swarm = DockerSwarm("unix:///nowhere")
    others: list[object] = []
    thread = threading.Thread(target=lambda: others.append(swarm._lists))
    thread.start()
    thread.join()
    assert swarm._lists is swarm._lists
    assert others != [swarm._lists]
    swarm.close()
