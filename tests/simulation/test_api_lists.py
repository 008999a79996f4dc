"""Lists and their filters: the answers that engines 20.10, 26.1 and 28.5 gave to the same questions."""

from typing import Any

import pytest

from tests.simulation.api_desk import Desk, name_of, spec


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def services(desk: Desk) -> Desk:
    """One service of each mode; the first has labels."""
    desk.create("cap_web", replicas=2, Labels={"team": "a", "empty": ""})
    desk.create("cap_host", Mode={"Global": {}})
    job = {"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 2}}
    desk.create("cap_job", Mode=job)
    desk.create("other")
    desk.engine.advance(5)
    return desk


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["cap_host", "cap_job", "cap_web", "other"]),
        ({"name": ["cap_w"]}, ["cap_web"]),
        ({"name": ["web"]}, []),
        ({"name": ["CAP_WEB"]}, []),
        ({"name": ["cap_web", "oth"]}, ["cap_web", "other"]),
        ({"name": []}, ["cap_host", "cap_job", "cap_web", "other"]),
        ({"label": ["team"]}, ["cap_web"]),
        ({"label": ["team=a"]}, ["cap_web"]),
        ({"label": ["team=b"]}, []),
        ({"label": ["team=a=c"]}, []),
        ({"label": ["team=a", "foo"]}, []),
        ({"label": ["empty="]}, ["cap_web"]),
        ({"mode": ["global"]}, ["cap_host"]),
        ({"mode": ["replicated"]}, ["cap_web", "other"]),
        ({"mode": ["replicated-job", "global"]}, ["cap_host", "cap_job"]),
        ({"mode": ["foo"]}, []),
        ({"runtime": ["container"]}, ["cap_host", "cap_job", "cap_web", "other"]),
        ({"runtime": ["plugin"]}, []),
        ({"name": ["cap_web"], "id": ["~"]}, []),
    ],
)
def test_services(services: Desk, filters: Any, found: list[str]) -> None:
    assert services.names("/services", **filters) == found


def test_a_filter_may_be_written_as_an_object(services: Desk) -> None:
    listed = services.get("/services", filters='{"name": {"cap_w": true}}')
    assert [name_of(each) for each in listed] == ["cap_web"]


@pytest.mark.parametrize("text", ["foo", "[]", '{"name": "x"}', '{"name": {"x": 1}}', "7"])
def test_what_is_no_filter(desk: Desk, text: str) -> None:
    assert desk.refusal("GET", "/services", filters=text) == (400, "invalid filter")


@pytest.mark.parametrize("kind", ["services", "tasks", "nodes", "networks", "configs", "secrets"])
def test_an_unknown_filter(desk: Desk, kind: str) -> None:
    refused = desk.refusal("GET", f"/{kind}", filters='{"foo": ["x"]}')
    assert refused == (400, "invalid filter 'foo'")


def test_lists_are_sorted_by_id(services: Desk) -> None:
    for kind in ("services", "tasks", "nodes"):
        ids = [each["ID"] for each in services.get(f"/{kind}")]
        assert ids == sorted(ids)
        assert len(ids) > 1


def test_an_id_filter_is_a_beginning(services: Desk) -> None:
    whole = services.get("/services/cap_web")["ID"]
    assert services.names("/services", id=[whole[:6]]) == ["cap_web"]
    assert services.get(f"/services/{whole[:6]}")["ID"] == whole


def task_owners(desk: Desk, **filters: list[str]) -> list[str]:
    names = {each["ID"]: each["Spec"]["Name"] for each in desk.get("/services")}
    return sorted(names[task["ServiceID"]] for task in desk.listed("/tasks", **filters))


def test_tasks(services: Desk) -> None:
    web = services.get("/services/cap_web")["ID"]
    assert task_owners(services, service=["cap_web"]) == ["cap_web", "cap_web"]
    assert task_owners(services, service=[web[:6]]) == ["cap_web", "cap_web"]
    assert task_owners(services, service=["cap_web", "other"]) == ["cap_web", "cap_web", "other"]
    assert task_owners(services, name=["cap_web.1"]) == ["cap_web"]
    assert task_owners(services, label=["team"]) == ["cap_web", "cap_web"]
    assert task_owners(services, label=["team=b"]) == []
    everywhere = services.listed("/tasks", node=["node1", "node2"])
    assert len(everywhere) == len(services.get("/tasks"))
    for node in services.nodes:
        listed = services.listed("/tasks", node=[node.hostname])
        assert {task["NodeID"] for task in listed} == {node.id}


def test_tasks_by_what_is_wished_of_them(services: Desk) -> None:
    running = services.listed("/tasks", **{"desired-state": ["running", "ACCEPTED"]})
    assert {task["DesiredState"] for task in running} == {"running"}
    refused = services.refusal("GET", "/tasks", filters='{"desired-state": ["bogus"]}')
    assert refused == (500, "Invalid desired-state filter: 'bogus'")


def test_tasks_that_are_up_to_date(services: Desk) -> None:
    service = services.get("/services/cap_web")
    services.post(
        f"/services/{service['ID']}/update",
        spec("cap_web", replicas=2, TaskTemplate={**spec()["TaskTemplate"], "ForceUpdate": 1}),
        version=str(service["Version"]["Index"]),
    )
    services.engine.advance(0.2)
    fresh = services.listed("/tasks", service=["cap_web"], **{"_up-to-date": ["true"]})
    assert {task["Spec"]["ForceUpdate"] for task in fresh} == {1}
    assert len(services.listed("/tasks", service=["cap_web"])) > len(fresh)
    refused = services.refusal("GET", "/tasks", filters='{"up-to-date": ["true"]}')
    assert refused == (400, "invalid filter 'up-to-date'")


def test_tasks_of_what_is_not_there(desk: Desk) -> None:
    refused = desk.refusal("GET", "/tasks", filters='{"service": ["nosuch"]}')
    assert refused == (404, "service nosuch not found")
    refused = desk.refusal("GET", "/tasks", filters='{"node": ["self"]}')
    assert refused == (404, "node self not found")


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"name": ["node"]}, ["node1", "node2"]),
        ({"name": ["node1"]}, ["node1"]),
        ({"role": ["manager"]}, ["node1"]),
        ({"role": ["WORKER"]}, ["node2"]),
        ({"membership": ["accepted"]}, ["node1", "node2"]),
        ({"membership": ["pending"]}, []),
        ({"label": ["x"]}, []),
        ({"node.label": ["x"]}, []),
    ],
)
def test_nodes(desk: Desk, filters: Any, found: list[str]) -> None:
    assert desk.names("/nodes", **filters) == found


def test_nodes_by_words_that_there_are_not(desk: Desk) -> None:
    for key in ("role", "membership"):
        refused = desk.refusal("GET", "/nodes", filters=f'{{"{key}": ["boss"]}}')
        assert refused == (500, f"Invalid {key} filter: 'boss'")


LOCAL = ["bridge", "docker_gwbridge", "host", "none"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"label": ["a"]}, ["cap_net"]),
        ({"label": ["a=b"]}, ["cap_net"]),
        ({"name": ["ap_n"]}, ["cap_net"]),
        ({"name": ["cap_net"]}, ["cap_net"]),
        ({"scope": ["swarm"]}, ["cap_net", "ingress"]),
        ({"scope": ["local"]}, LOCAL),
        ({"scope": ["foo"]}, []),
        ({"driver": ["overlay"]}, ["cap_net", "ingress"]),
        ({"driver": ["bridge"]}, ["bridge", "docker_gwbridge"]),
        ({"type": ["custom"]}, ["cap_net", "docker_gwbridge", "ingress"]),
        ({"type": ["builtin"]}, ["bridge", "host", "none"]),
        ({"dangling": ["true"]}, ["cap_net", "docker_gwbridge", "ingress"]),
        ({"dangling": ["false"]}, ["bridge", "host", "none"]),
    ],
)
def test_networks(desk: Desk, filters: Any, found: list[str]) -> None:
    body = {"Name": "cap_net", "Driver": "overlay", "Labels": {"a": "b"}}
    desk.post("/networks/create", body)
    assert desk.names("/networks", **filters) == found


def test_networks_by_a_type_that_there_is_not(desk: Desk) -> None:
    refused = desk.refusal("GET", "/networks", filters='{"type": ["foo"]}')
    assert refused == (500, "invalid filter: 'type'='foo'")


@pytest.mark.parametrize("kind", ["configs", "secrets"])
def test_configs_and_secrets(desk: Desk, kind: str) -> None:
    desk.post(f"/{kind}/create", {"Name": "cap_x", "Labels": {"a": "b"}, "Data": "aGk="})
    desk.post(f"/{kind}/create", {"Name": "y", "Data": "aGk="})
    assert desk.names(f"/{kind}", name=["cap"]) == ["cap_x"]
    assert desk.names(f"/{kind}", name=["x"]) == []
    assert desk.names(f"/{kind}", label=["a"]) == ["cap_x"]
    assert desk.names(f"/{kind}", label=["a=b"]) == ["cap_x"]
    assert desk.names(f"/{kind}") == ["cap_x", "y"]


def test_only_secrets_are_found_by_whole_names(desk: Desk) -> None:
    desk.post("/secrets/create", {"Name": "cap_sec", "Data": "aGk="})
    assert desk.names("/secrets", names=["cap_sec"]) == ["cap_sec"]
    assert desk.names("/secrets", names=["cap"]) == []
    refused = desk.refusal("GET", "/configs", filters='{"names": ["x"]}')
    assert refused == (400, "invalid filter 'names'")


def test_a_secret_never_shows_its_data(desk: Desk) -> None:
    desk.post("/secrets/create", {"Name": "s", "Data": "aGlkZGVu"})
    assert "aGlkZGVu" not in repr(desk.get("/secrets")) + repr(desk.get("/secrets/s"))


def test_what_did_not_change_is_the_same_object_again(services: Desk) -> None:
    before = {each["ID"]: each for each in services.get("/tasks")}
    services.create("new")
    after = {each["ID"]: each for each in services.get("/tasks")}
    assert all(after[key] is value for key, value in before.items())
    assert len(after) == len(before) + 1


def test_what_changed_is_shown_anew(services: Desk) -> None:
    (before,) = services.listed("/tasks", service=["other"])
    service = services.get("/services/other")
    services.post(
        "/services/other/update",
        spec("other", Labels={"x": "y"}),
        version=str(service["Version"]["Index"]),
    )
    changed = services.get("/services/other")
    assert changed["Spec"]["Labels"] == {"x": "y"}
    assert changed["PreviousSpec"] == service["Spec"]
    assert changed["Version"]["Index"] > service["Version"]["Index"]
    (after,) = services.listed("/tasks", service=["other"])
    assert after["ID"] == before["ID"]


def test_counts_of_tasks_come_only_where_they_are_asked_for(services: Desk) -> None:
    assert all("ServiceStatus" not in each for each in services.get("/services"))
    listed = services.get("/services", status="1")
    counts = {name_of(each): each["ServiceStatus"] for each in listed}
    assert counts["cap_web"] == {"RunningTasks": 2, "DesiredTasks": 2, "CompletedTasks": 0}
    assert counts["cap_host"] == {"RunningTasks": 2, "DesiredTasks": 2, "CompletedTasks": 0}
    refused = services.refusal("GET", "/services", status="maybe")
    said = 'invalid value for status: maybe: strconv.ParseBool: parsing "maybe": invalid syntax'
    assert refused == (400, said)
