"""Faults of Consul, of an engine and of the operator itself: no service is touched meanwhile, it is
said why, and afterwards the work goes on with no restart."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.harness import always, eventually
from tests.cluster.scenarios import ROOT, Stage, document, service
from tests.cluster.scenarios.stage import a_stack, end_sessions

FILES = {
    "compose.yaml": document(
        {
            "web": service("lab/web:1", replicas=2, secrets=["key"], configs=["conf"]),
            "side": service(networks=["default"]),
        },
        secrets={"key": {"file": "./key.txt"}},
        configs={"conf": {"file": "./conf.txt"}},
    ),
    "key.txt": "hidden",
    "conf.txt": "shown",
}


class Before:
    """A settled stack, as it was before the fault."""

    def __init__(self, stage: Stage, stack: str) -> None:
        self.stage = stage
        self.services = stage.lab.services()
        self.containers = stage.containers(*self.services)
        self.objects = stage.object_names("secrets") | stage.object_names("configs")
        self.stack = stack
        stage.forget()

    def assert_untouched(self, during: float = 0) -> None:
        """Nothing was written to the swarm, and nothing restarted."""
        self.stage.assert_no_writes(during + 0.1)
        assert self.stage.lab.services() == self.services
        self.assert_nothing_restarted()

    def assert_nothing_restarted(self) -> None:
        assert self.stage.containers(*self.services) == self.containers

    def assert_work_goes_on(self) -> None:
        """A changed label is one write, and restarts nothing."""
        self.stage.forget()
        changed = json.loads(FILES["compose.yaml"])
        label = f"moved-{time.monotonic()}"
        changed["services"]["web"]["deploy"]["labels"] = {"now": label}
        self.stage.put(self.stack, json.dumps(changed))
        web = f"{self.stack}_web"
        eventually(lambda: self.stage.spec(web)["Labels"].get("now") == label, 15, "goes on")
        assert self.stage.writes() == [f"POST /services/{web}/update"]
        self.assert_nothing_restarted()


@pytest.fixture
def before(stage: Stage, tmp_path: Path) -> Iterator[Before]:
    with a_stack(stage) as stack:
        stage.push(stack, FILES, tmp_path)
        stage.wait_until_ready(stack)
        time.sleep(1)  # its settled status is on its way
        yield Before(stage, stack)


def test_consul_is_killed_and_comes_back(stage: Stage, before: Before) -> None:
    stage.lab.consul.kill()
    said = stage.operator.wait_for("/readyz", status=503, within=10)
    assert "the KV" in said.body
    before.assert_untouched(during=3)
    assert stage.operator.get("/livez").status == 200, "a restart would not help"
    stage.lab.consul.restart()
    stage.operator.wait_until_ready(within=30)
    before.assert_untouched(during=1)
    before.assert_work_goes_on()


def test_consul_is_frozen_and_thaws(stage: Stage, before: Before) -> None:
    stage.lab.consul.freeze()
    try:
        said = stage.operator.wait_for("/readyz", status=503, within=25)
        assert "the KV" in said.body
        before.assert_untouched()
    finally:
        stage.lab.consul.thaw()
    stage.operator.wait_until_ready(within=30)
    stage.wait_until_leading()
    before.assert_untouched(during=1)
    before.assert_work_goes_on()


def test_the_kv_is_wiped_and_restored(stage: Stage, before: Before) -> None:
    saved = stage.kv.get(f"{ROOT}desired/", recurse=True)[1]
    stage.lab.consul.wipe()
    said = stage.operator.wait_for("/readyz", status=503, within=10)
    assert ".installation" in said.body
    before.assert_untouched(during=3)
    for found in saved:
        stage.kv.put(found["Key"], found["Value"])
    stage.operator.wait_until_ready(within=15)
    stage.wait_for(before.stack, "Ready")
    before.assert_untouched(during=1)
    before.assert_work_goes_on()


def test_a_wiped_kv_is_recovered_by_labels_and_a_push(
    stage: Stage, before: Before, tmp_path: Path
) -> None:
    """The secrets' key is lost with the KV: they are not made anew for that."""
    stage.lab.consul.lose_data()
    before.assert_untouched()
    stage.lab.consul.restart()
    stage.operator.wait_for("/readyz", status=503, within=20)
    before.assert_untouched(during=2)
    assert stage.operator.cli("init", check=False).returncode == 1, "it is no first start"
    assert "Recovered" in stage.operator.cli("init", "--recover").stdout
    stage.operator.wait_until_ready(within=30)
    stage.wait_until_leading(within=30)
    stage.wait_for(before.stack, "Missing", within=15)
    assert stage.writes() == []
    stage.push(before.stack, FILES, tmp_path)
    stage.wait_for(before.stack, "Ready")
    before.assert_nothing_restarted()
    assert stage.object_names("secrets") | stage.object_names("configs") == before.objects
    # What the secrets are assumed to hold is noted on the services' labels, and nothing else.
    web = f"{before.stack}_web"
    assert stage.writes() in ([], [f"POST /services/{web}/update"])
    after = stage.lab.services()
    assert _without_labels(after) == _without_labels(before.services)
    before.assert_work_goes_on()


def test_a_token_that_shows_nothing_looks_like_a_wiped_kv(stage: Stage, before: Before) -> None:
    """An answer without the sentinel proves nothing, whatever else it shows."""
    sentinel = stage.key("desired/.installation")
    stage.kv.delete(f"{ROOT}desired/.installation")
    stage.delete_folder(before.stack)
    stage.kv.put(f"{ROOT}desired/removed/{before.stack}", "{}")
    stage.operator.wait_for("/readyz", status=503, within=10)
    before.assert_untouched(during=2)
    stage.kv.delete(f"{ROOT}desired/removed/{before.stack}")
    stage.put(before.stack, FILES)
    stage.kv.put(f"{ROOT}desired/.installation", sentinel)
    stage.operator.wait_until_ready(within=15)
    before.assert_untouched(during=1)


def test_a_kv_of_another_swarm_is_only_looked_at(stage: Stage, before: Before) -> None:
    sentinel = stage.key("desired/.installation")
    assert sentinel
    other = {**json.loads(sentinel), "swarm": "another"}
    stage.kv.put(f"{ROOT}desired/.installation", json.dumps(other))
    stage.operator.wait_for("/readyz", status=503, within=10)
    stage.delete_folder(before.stack)
    stage.kv.put(f"{ROOT}desired/removed/{before.stack}", "{}")
    before.assert_untouched(during=2)
    stage.kv.delete(f"{ROOT}desired/removed/{before.stack}")
    stage.put(before.stack, FILES)
    assert "Bound anew" in stage.operator.cli("init", "--recover").stdout
    stage.operator.wait_until_ready(within=15)
    before.assert_untouched(during=1)
    before.assert_work_goes_on()


def test_the_engine_of_the_manager_restarts(stage: Stage, before: Before) -> None:
    node = stage.lab.manager
    node.power_off()
    said = stage.operator.wait_for("/readyz", status=503, within=15)
    assert "swarm" in said.body
    node.power_on()
    stage.lab.wait_until_ready()
    stage.operator.wait_until_ready(within=30)
    elsewhere = [found for found in before.services if found.startswith(before.stack)]
    stage.wait_until_ready(before.stack, within=40)
    assert stage.writes() == [], "Swarm mends its tasks itself"
    assert {n: stage.spec(n) for n in elsewhere} == {
        n: before.services[n]["Spec"] for n in elsewhere
    }
    before.containers = stage.containers(*elsewhere)  # those on the manager died with it
    before.assert_work_goes_on()


def test_docker_events_break_off(stage: Stage, before: Before) -> None:
    stage.docker.drop_streams()
    eventually(lambda: [r for r in stage.docker.streams() if r.path == "/events"], 10)
    before.assert_untouched(during=1)
    stage.update("--replicas", "1", f"{before.stack}_web")
    eventually(stage.service_writes, 5, "drift is seen by the new stream")
    stage.lab.wait_until_running(f"{before.stack}_web", 2)


@pytest.mark.parametrize(
    "created",
    [pytest.param(0, marks=pytest.mark.slow), 2, pytest.param(4, marks=pytest.mark.slow)],
)
def test_the_operator_is_killed_between_two_actions(stage: Stage, created: int) -> None:
    """Killed while its next create is on its way; started again, each service exists once."""
    names = [f"s{number}" for number in range(5)]
    with a_stack(stage) as stack:
        stage.forget()
        for _ in range(created):
            stage.docker.delay(0, times=1, method="POST", path="/services/create")
        stage.docker.delay(1.5, times=1, method="POST", path="/services/create")
        stage.put(stack, document({name: service() for name in names}))
        stage.wait_for_writes(created + 1)
        stage.operator.kill()
        stage.docker.clear_faults()
        end_sessions(stage.lab)
        stage.operator.start(ready=True)
        stage.wait_until_ready(stack)
        assert sorted(stage.versions(stack)) == [f"{stack}_{name}" for name in names]
        answers = [r.status for r in stage.docker.writes("/services/create")]
        assert answers.count(201) <= len(names) + 1
        before = stage.lab.services()
        stage.forget()
        stage.assert_no_writes(1)
        assert stage.lab.services() == before


def test_an_answer_that_is_lost_is_not_a_second_service(stage: Stage) -> None:
    with a_stack(stage) as stack:
        stage.docker.lose_answer(times=1, method="POST", path="/services/create")
        stage.put(stack, document({"a": service(), "b": service()}))
        stage.wait_until_ready(stack)
        assert sorted(stage.versions(stack)) == [f"{stack}_a", f"{stack}_b"]


def test_the_operator_is_killed_while_it_rolls_a_change_out(stage: Stage, before: Before) -> None:
    """The change is sent once, whichever of the two lives does it."""
    web = f"{before.stack}_web"
    changed = json.loads(FILES["compose.yaml"])
    changed["services"]["web"]["image"] = "lab/web:2"
    stage.docker.delay(1.5, times=1, method="POST", path="/services/*/update")
    stage.put(before.stack, json.dumps(changed))
    stage.wait_for_writes(1)
    stage.operator.kill()
    stage.docker.clear_faults()
    end_sessions(stage.lab)
    stage.operator.start(ready=True)
    eventually(lambda: stage.container_spec(web)["Image"].startswith("lab/web:2"), 15)
    stage.wait_until_ready(before.stack)
    assert stage.spec(web) != before.services[web]["Spec"]
    previous = stage.lab.service(web)["PreviousSpec"]
    assert previous["TaskTemplate"]["ContainerSpec"]["Image"].startswith("lab/web:1"), "sent once"


def test_consul_fails_for_moments(stage: Stage, before: Before) -> None:
    """Errors of the KV come and go; the lease outlives them, and nobody restarts anything."""
    stage.consul.answer(500, "No cluster leader", times=4, path="/v1/kv/*")
    stage.consul.drop_streams()
    stage.consul.drop(times=2, path="/v1/session/*")
    always(lambda: stage.operator.get("/livez").status == 200, 2)
    stage.operator.wait_until_ready(within=15)
    stage.consul.clear_faults()
    before.assert_untouched()
    before.assert_work_goes_on()


def _without_labels(services: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {key: value for key, value in found["Spec"].items() if key != "Labels"}
        for name, found in services.items()
    }
