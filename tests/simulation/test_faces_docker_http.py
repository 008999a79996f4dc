"""The Engine API on its socket: what HTTP itself promises to the docker command and the SDKs."""

import http.client
import json
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from swarm_operator.simulation.faces.serve import CannotServe, Faces
from swarm_operator.simulation.world import World
from tests.simulation.served import UnixConnection, ask, connection, served

SERVICE = {
    "Name": "web",
    "TaskTemplate": {"ContainerSpec": {"Image": "nginx:1"}, "Placement": {}},
    "Mode": {"Replicated": {"Replicas": 2}},
}


@pytest.fixture(scope="module")
def faces() -> Iterator[Faces]:
    with served() as made:
        yield made


def test_the_socket_is_this_users_alone(faces: Faces) -> None:
    path = Path(faces.docker_host.removeprefix("unix://"))
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_ping_names_the_version_without_a_body(faces: Faces) -> None:
    for target in ("/_ping", "/v1.41/_ping"):
        status, headers, body = ask(faces, "HEAD", target)
        assert (status, body) == (200, b"")
        assert headers["Api-Version"]
        assert headers["Ostype"] == "linux"
    assert ask(faces, "GET", "/_ping")[2] == b"OK"


def test_json_has_a_length_a_type_and_a_newline(faces: Faces) -> None:
    status, headers, body = ask(faces, "GET", "/v1.45/nodes")
    assert status == 200
    assert headers["Content-Type"] == "application/json"
    assert int(headers["Content-Length"]) == len(body)
    assert body.endswith(b"]\n")
    assert len(json.loads(body)) == 5


def test_errors_are_json_with_a_message(faces: Faces) -> None:
    status, headers, body = ask(faces, "GET", "/v1.45/services/nothing")
    assert status == 404
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"message": "service nothing not found"}


def test_a_broken_body_is_refused(faces: Faces) -> None:
    status, _, body = ask(faces, "POST", "/v1.45/services/create", b"{not json")
    assert status == 400
    assert "message" in json.loads(body)


def test_what_is_out_of_scope_says_so_by_name(faces: Faces) -> None:
    status, _, body = ask(faces, "POST", "/v1.45/containers/create", {})
    assert status == 501
    assert "containers" in json.loads(body)["message"]


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
def test_bodies_are_json(faces: Faces, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    body = {**SERVICE, "Name": "typed"}
    assert ask(faces, "POST", "/v1.45/services/create", body, headers)[0] == 201
    assert ask(faces, "DELETE", "/v1.45/services/typed")[0] == 200


@pytest.mark.parametrize(
    ("content_type", "body", "said"),
    [
        ("text/plain", b"{}", "unsupported Content-Type header (text/plain)"),
        ("", b"{}", "malformed Content-Type header (): mime: no media type"),
        ("application/json", b"{", "unexpected EOF"),
        ("application/json", b"{}{}", "unexpected content after JSON"),
        ("application/json", b'{"Name": NaN}', "invalid JSON"),
        ("application/json", b"[" * 200_000, "exceeded max depth"),
    ],
)
def test_bodies_that_the_engine_refuses(
    faces: Faces, content_type: str, body: bytes, said: str
) -> None:
    headers = {"Content-Type": content_type}
    status, _, answer = ask(faces, "POST", "/v1.45/services/create", body, headers)
    assert status == 400
    assert said in json.loads(answer)["message"]


def test_a_megabyte_of_config_passes(faces: Faces) -> None:
    import base64  # noqa: PLC0415

    data = base64.b64encode(b"x" * 999_999).decode()
    status, _, body = ask(faces, "POST", "/v1.45/configs/create", {"Name": "big", "Data": data})
    assert status == 201, body
    assert ask(faces, "DELETE", "/v1.45/configs/big")[0] == 204


def test_one_connection_serves_many_requests_without_waiting_for_acks(faces: Faces) -> None:
    made = connection(faces)
    started = time.monotonic()
    for _ in range(50):
        made.request("GET", "/v1.45/nodes")
        assert made.getresponse().read()
    made.close()
    assert time.monotonic() - started < 1.0


def test_events_come_as_they_happen_and_end_at_until(faces: Faces) -> None:
    made = connection(faces)
    made.request("GET", '/v1.45/events?filters={"type":["service"]}')
    response = made.getresponse()
    assert response.headers["Transfer-Encoding"] == "chunked"
    assert ask(faces, "POST", "/v1.45/services/create", {**SERVICE, "Name": "told"})[0] == 201
    event = json.loads(response.readline())
    assert (event["Type"], event["Action"]) == ("service", "create")
    assert event["Actor"]["Attributes"]["name"] == "told"
    made.close()
    ask(faces, "DELETE", "/v1.45/services/told")
    since = event["time"] - 1
    _, _, body = ask(faces, "GET", f"/v1.45/events?since={since}&until={event['time'] + 1}")
    names = [json.loads(line)["Action"] for line in body.splitlines()]
    assert "create" in names


def test_a_subscriber_that_hangs_up_is_forgotten() -> None:
    with served() as faces:
        opened = [connection(faces) for _ in range(5)]
        for made in opened:
            made.request("GET", "/v1.45/events")
            made.getresponse()
        for made in opened:
            assert made.sock is not None
            made.sock.shutdown(socket.SHUT_RDWR)
            made.close()
        whole = faces.world.engine_api._whole
        end = time.monotonic() + 5
        while faces.call(lambda: len(whole._streams)) and time.monotonic() < end:
            time.sleep(0.02)
        assert faces.call(lambda: len(whole._streams)) == 0


def test_time_passes_by_itself(faces: Faces) -> None:
    assert ask(faces, "POST", "/v1.45/services/create", {**SERVICE, "Name": "timed"})[0] == 201
    wait_until_running(faces, "timed", 2)
    ask(faces, "DELETE", "/v1.45/services/timed")


def test_a_frozen_engine_takes_requests_and_answers_when_it_thaws() -> None:
    with served() as faces:
        faces.call(faces.gate.freeze)
        made = connection(faces, timeout=0.3)
        made.request("GET", "/v1.45/nodes")
        with pytest.raises(TimeoutError):
            made.getresponse()
        made.close()
        patient = connection(faces)
        patient.request("GET", "/v1.45/nodes")
        threading.Timer(0.3, lambda: faces.call(faces.gate.thaw)).start()
        assert patient.getresponse().status == 200
        patient.close()


def test_a_frozen_engine_sends_no_events_either() -> None:
    with served() as faces:
        made = connection(faces, timeout=0.5)
        made.request("GET", '/v1.45/events?filters={"type":["node"]}')
        response = made.getresponse()
        faces.call(faces.gate.freeze)
        faces.call(lambda: faces.world.engine.add_node("late-1"))
        with pytest.raises(TimeoutError):
            response.readline()
        made.close()


def test_writes_are_counted_and_reads_apart() -> None:
    with served() as faces:
        before = faces.call(faces.engine_requests.copy)
        ask(faces, "GET", "/v1.45/nodes")
        ask(faces, "POST", "/v1.45/services/create", SERVICE)
        ask(faces, "GET", "/simulation")
        seen = faces.call(faces.engine_requests.copy).since(before)
        assert (seen.reads, seen.writes) == (1, 1)
        assert seen.written() == ["POST /services/create"]


def test_a_manager_that_panics_hangs_up() -> None:
    """SwarmKit dies of a spec without a placement where its tasks have one."""
    with served() as faces:
        container = {"ContainerSpec": {"Image": "nginx:1"}}
        placed = {**container, "Placement": {"Constraints": ["node.role == worker"]}}
        created = {**SERVICE, "TaskTemplate": placed}
        assert ask(faces, "POST", "/v1.45/services/create", created)[0] == 201
        wait_until_running(faces, "web", 2)
        service = json.loads(ask(faces, "GET", "/v1.45/services/web")[2])
        target = f"/v1.45/services/web/update?version={service['Version']['Index']}"
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            ask(faces, "POST", target, {**SERVICE, "TaskTemplate": container})


def test_nothing_is_left_behind() -> None:
    before = threading.active_count()
    with served() as faces:
        path = Path(faces.docker_host.removeprefix("unix://"))
        port = int(faces.consul_addr.rpartition(":")[2])
        hanging = connection(faces)
        hanging.request("GET", "/v1.45/events")
        hanging.getresponse()
        started = time.monotonic()
    assert time.monotonic() - started < 3
    hanging.close()
    assert not path.exists()
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_a_path_too_long_for_a_socket_is_said(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    with pytest.raises(CannotServe, match="TMPDIR"):
        Faces(World(), folder).start()


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    with served() as faces:  # a short folder
        folder = faces.folder / "second"
        folder.mkdir()
        with pytest.raises(CannotServe, match="cannot listen on 127"):
            Faces(World(), folder, consul_port=taken.getsockname()[1]).start()
        assert not list(folder.iterdir()), tmp_path
    taken.close()


def test_a_call_hands_its_exception_over(faces: Faces) -> None:
    def fail() -> None:
        raise LookupError("as asked")

    with pytest.raises(LookupError, match="as asked"):
        faces.call(fail)


def test_the_control_path_and_its_refusals(faces: Faces) -> None:
    def control(method: str, target: str) -> tuple[int, dict[str, object]]:
        status, _, body = ask(faces, method, f"/simulation{target}")
        return status, json.loads(body)

    status, state = control("GET", "")
    assert status == 200
    assert state["kind"] == "swarm-operator simulation"
    assert control("POST", "/nodes/worker-2/kill")[0] == 200
    assert control("POST", "/nodes/worker-2/kill") == (409, {"message": "worker-2 is off already"})
    assert control("POST", "/nodes/worker-2/return")[0] == 200
    status, refused = control("POST", "/nodes/worker-9/kill")
    assert status == 404
    assert "did you mean worker-" in str(refused["message"])
    status, refused = control("POST", "/nodes/manager-1/kill")
    assert status == 409
    assert "DOCKER_HOST" in str(refused["message"])
    assert control("POST", "/nodes/worker-2/explode")[0] == 404
    assert control("PUT", "/images?image=a:1&how=crash")[0] == 200
    assert control("GET", "")[1]["images"] == {"a:1": "crash"}
    assert control("PUT", "/images?image=a:1&how=melt")[0] == 400
    assert control("DELETE", "/images?image=a:1")[0] == 200
    assert control("DELETE", "/images?image=a:1")[0] == 404
    assert control("POST", "/kv/freeze?for_s=0.2")[0] == 200
    assert control("GET", "")[1]["frozen"] == ["kv"]
    time.sleep(0.4)
    assert control("GET", "")[1]["frozen"] == []
    assert control("POST", "/kv/thaw")[0] == 409
    assert control("POST", "/kv/freeze?for_s=soon")[0] == 400
    status, state = control("POST", "/leader")
    assert status == 200
    nodes = state["nodes"]
    assert isinstance(nodes, list)
    assert [n["hostname"] for n in nodes if n["role"] == "leader"] != ["manager-1"]


def test_consul_answers_beside_it(faces: Faces) -> None:
    host, port = faces.consul_addr.removeprefix("http://").split(":")
    made = UnixConnection("unused")
    made.sock = socket.create_connection((host, int(port)), timeout=5)
    made.request("PUT", "/v1/kv/a/b", b"c")
    assert json.loads(made.getresponse().read()) is True
    made.close()


def wait_until_running(faces: Faces, service: str, wanted: int) -> None:
    end = time.monotonic() + 10
    running = -1
    while running != wanted:
        assert time.monotonic() < end, f"{running} of {wanted} run"
        time.sleep(0.05)
        target = f'/v1.45/tasks?filters={{"service":["{service}"]}}'
        tasks = json.loads(ask(faces, "GET", target)[2])
        running = sum(1 for task in tasks if task["Status"]["State"] == "running")
