"""Configs and secrets cannot change in Swarm: a new content is a new object, the old one goes."""

from tests.cluster.harness import eventually
from tests.cluster.scenarios import Stage, document, service

SOON_S = 6


def _files(content: str, replicas: int = 1) -> dict[str, str | bytes]:
    user = service(configs=["conf"], secrets=["key"], replicas=replicas)
    return {
        "compose.yaml": document(
            {"user": user, "other": service(replicas=replicas)},
            configs={"conf": {"file": "./conf.txt"}},
            secrets={"key": {"file": "./key.txt"}},
        ),
        "conf.txt": f"conf {content}",
        "key.txt": f"very-hidden-{content}",
    }


def _objects(stage: Stage, stack: str) -> dict[str, set[str]]:
    return {
        kind: {name for name in stage.object_names(kind) if name.startswith(f"{stack}_")}
        for kind in ("configs", "secrets")
    }


def test_changed_content_is_a_new_object_for_its_users_alone(stage: Stage, stack: str) -> None:
    user, other = f"{stack}_user", f"{stack}_other"
    first = {"configs": {f"{stack}_conf"}, "secrets": {f"{stack}_key"}}
    stage.deploy(stack, _files("one"))
    assert _objects(stage, stack) == first, "the first keep the command line's plain names"
    neighbour, version = stage.containers(other), stage.versions()[other]
    before = stage.containers(user)

    stage.forget()
    stage.put(stack, _files("two"))
    stage.wait_for_writes(1)
    stage.assert_no_writes_but_these(
        ["POST /secrets/create", "POST /configs/create", f"POST /services/{user}/update"], 1
    )
    stage.wait_until_ready(stack)
    assert stage.containers(user) != before
    both = _objects(stage, stack)
    for kind, names in both.items():
        assert len(names) == 2, "PreviousSpec names the first: a rollback would need it"
        assert names > first[kind]
    second = {kind: both[kind] - first[kind] for kind in both}

    # A third content: PreviousSpec names the second now, and the first can go.
    stage.forget()
    stage.put(stack, _files("three"))
    eventually(lambda: len(stage.docker.writes()) >= 5, 15, "the first should be collected")
    written = stage.writes()
    assert written[:3] == [
        "POST /secrets/create", "POST /configs/create", f"POST /services/{user}/update",
    ]  # fmt: skip
    assert sorted(write.split("/")[1] for write in written[3:]) == ["configs", "secrets"], written
    assert all(write.startswith("DELETE") for write in written[3:]), written
    three = _objects(stage, stack)
    for kind, names in three.items():
        assert len(names) == 2
        assert names > second[kind], "PreviousSpec names the second"

    # Back to the second's content: it is there, and taken again.
    stage.forget()
    stage.put(stack, _files("two"))
    stage.wait_for_writes(1)
    stage.assert_no_writes_but_one(f"POST /services/{user}/update")
    assert _objects(stage, stack) == three
    assert stage.containers(other) == neighbour
    assert stage.versions()[other] == version


def test_a_secret_is_nowhere_to_be_read(stage: Stage, stack: str) -> None:
    """Not in status, log, plan or metrics, and not in what the swarm shows."""
    stage.deploy(stack, _files("one", replicas=0))
    stage.forget()
    stage.put(stack, _files("two", replicas=0))
    stage.wait_for_writes(1)
    stage.wait_until_ready(stack)
    kept = [key for key in stage.keys_below() if not key.startswith("desired/")]
    seen = [
        stage.operator.log.read_text(encoding="utf-8"),
        stage.operator.get("/metrics").body,
        stage.operator.cli("status", stack).stdout,
        stage.operator.cli("plan", stack, check=False).stdout,
        *(str(stage.key(key)) for key in kept),
        str([found["Spec"] for found in stage.lab.services().values()]),
    ]
    assert all("very-hidden" not in text for text in seen)
    assert stack in seen[0], "what is looked through is ours"
    assert kept, "so is the KV"


def test_a_person_who_rolls_back_gets_the_old_content(stage: Stage, stack: str) -> None:
    user = f"{stack}_user"
    stage.deploy(stack, _files("one", replicas=0))
    before = stage.container_spec(user)["Configs"]
    stage.forget()
    stage.put(stack, _files("two", replicas=0))
    stage.wait_for_writes(1)
    eventually(lambda: _update_state(stage, user) == "completed", 10, "the update is over")
    stage.forget()
    stage.lab.docker_cli(1, "service", "rollback", "--detach", user)
    stage.wait_for(stack, "Degraded", reason="RolledBack")
    assert stage.container_spec(user)["Configs"] == before
    stage.assert_no_writes(2)


def test_a_config_that_nobody_uses_any_more_goes(stage: Stage, stack: str) -> None:
    user = f"{stack}_user"
    stage.deploy(stack, _files("one"))
    plain = document({"user": service(replicas=0), "other": service()})
    stage.put(stack, plain)
    eventually(lambda: "Configs" not in stage.container_spec(user), SOON_S, "not used")
    assert f"{stack}_conf" in stage.object_names("configs"), "PreviousSpec names it"
    stage.put(stack, document({"user": service(replicas=0, hostname="a"), "other": service()}))
    eventually(lambda: f"{stack}_conf" not in stage.object_names("configs"), 15, "now it goes")
    eventually(lambda: f"{stack}_key" not in stage.object_names("secrets"), 15, "and the secret")


def _update_state(stage: Stage, name: str) -> str:
    return str(stage.lab.service(name).get("UpdateStatus", {}).get("State", "completed"))
