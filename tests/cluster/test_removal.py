"""What is removed, on what evidence, and what is not."""

from typing import Any

from tests.cluster.harness import eventually
from tests.cluster.scenarios import ROOT, Stage, document, service
from tests.cluster.scenarios.documents import JsonObject
from tests.cluster.scenarios.stage import a_stack

SOON_S = 6


def _full(**options: Any) -> str:
    web = service(
        "lab/web:1", configs=["conf"], secrets=["key"], networks=["back"], volumes=["data:/data"]
    )
    return document(
        {"web": web, "side": service(networks=["back"])},
        networks={"back": {"attachable": True}},
        configs={"conf": {"content": "shown"}},
        secrets={"key": {"file": "./key.txt"}},
        volumes={"data": {}},
        **options,
    )


def _several(count: int, **options: Any) -> str:
    services: dict[str, JsonObject] = {f"s{number}": service(replicas=0) for number in range(count)}
    return document(services, **options)


def test_a_tombstone_removes_exactly_what_is_ours(stage: Stage, stack: str) -> None:
    """Volumes stay, and so does what somebody else put into the stack's namespace."""
    label = ["--label", f"com.docker.stack.namespace={stack}"]
    stage.lab.docker_cli(1, "network", "create", "-d", "overlay", *label, f"{stack}_foreign")
    stage.lab.docker_cli(1, "config", "create", *label, f"{stack}_foreign", "-", input="x")
    stage.lab.docker_cli(1, "service", "create", "-d", "--no-resolve-image", *label,
                         "--name", f"{stack}_foreign", "lab/sleep:1")  # fmt: skip
    stage.put(stack, {"compose.yaml": _full(), "key.txt": "hidden"})
    stage.wait_for_condition(stack, "ForeignServices", says=f"{stack}_foreign")
    stage.lab.wait_until_running(f"{stack}_web", 1)
    volumes = _volumes(stage, stack)
    assert volumes, "the volume exists"
    with a_stack(stage) as other:
        stage.deploy(other, document({"web": service()}))
        neighbour = stage.lab.service(f"{other}_web")
        said = stage.operator.cli("remove", stack, "--yes", "--why", "it is over").stdout
        assert stack in said
        eventually(lambda: stage.key(f"desired/removed/{stack}") is None, 20, "done")
        assert list(stage.versions(stack)) == [f"{stack}_foreign"]
        assert _ours(stage, stack) == {f"{stack}_foreign"}
        assert stage.key(f"status/stacks/{stack}") is None
        assert stage.lab.service(f"{other}_web") == neighbour
    assert _volumes(stage, stack) == volumes
    for kind in ("service", "config", "network"):
        _remove_by_hand(stage, kind, f"{stack}_foreign")


def test_a_bare_tombstone_beside_a_document_counts_by_its_age(stage: Stage, stack: str) -> None:
    stage.deploy(stack, document({"web": service()}))
    before = stage.lab.service(f"{stack}_web")
    stage.forget()
    stage.kv.put(f"{ROOT}desired/removed/{stack}", "no tombstone")
    stage.assert_no_writes(1.0)
    stage.kv.put(f"{ROOT}desired/removed/{stack}", "{}")
    eventually(lambda: not stage.versions(stack), SOON_S, "the younger tombstone wins")
    stage.put(stack, document({"web": service("lab/web:1")}))
    eventually(lambda: stage.versions(stack), 15, "the younger document wins")
    eventually(lambda: stage.key(f"desired/removed/{stack}") is None, 5, "it is outlived")
    assert stage.lab.service(f"{stack}_web")["ID"] != before["ID"]
    stage.wait_until_ready(stack)


def test_a_document_younger_than_its_tombstone_keeps_everything(stage: Stage, stack: str) -> None:
    """Both written while nobody looks: only their order counts."""
    stage.deploy(stack, document({"web": service()}))
    before, containers = stage.lab.service(f"{stack}_web"), stage.containers(f"{stack}_web")
    stage.operator.stop()
    stage.kv.put(f"{ROOT}desired/removed/{stack}", "{}")
    stage.put(stack, document({"web": service(deploy={"labels": {"again": "1"}})}))
    stage.operator.start()
    eventually(lambda: stage.key(f"desired/removed/{stack}") is None, 10, "it is outlived")
    eventually(lambda: stage.spec(f"{stack}_web")["Labels"].get("again"), SOON_S, "and acted on")
    assert stage.lab.service(f"{stack}_web")["ID"] == before["ID"]
    assert stage.containers(f"{stack}_web") == containers


def test_a_vanished_folder_is_missing_and_nothing_goes(stage: Stage, stack: str) -> None:
    stage.deploy(stack, document({"web": service()}))
    before, containers = stage.lab.services(), stage.containers(f"{stack}_web")
    stage.forget()
    stage.delete_folder(stack)
    stage.wait_for(stack, "Missing", reason="FolderGone", says=f"remove {stack}")
    stage.assert_no_writes(1)
    assert stage.lab.services() == before
    stage.put(stack, document({"web": service()}))
    stage.wait_until_ready(stack)
    assert stage.writes() == []
    assert stage.containers(f"{stack}_web") == containers


def test_prune_stacks_auto_removes_after_the_grace_time(stage: Stage, stack: str) -> None:
    stage.kv.put(f"{ROOT}desired/policy", "prune_stacks: auto\ngrace: 3s\n")
    try:
        stage.deploy(stack, document({"web": service(replicas=0)}))
        stage.forget()
        stage.delete_folder(stack)
        stage.wait_for(stack, "Missing", says="grace 3s")
        stage.assert_no_writes(1.5)
        eventually(lambda: not stage.versions(stack), 12, "the grace time is over")
        eventually(lambda: stage.key(f"status/stacks/{stack}") is None, 10, "it is no more")
    finally:
        stage.kv.delete(f"{ROOT}desired/policy")


def test_more_than_half_of_a_stack_waits_for_just_its_approval(stage: Stage, stack: str) -> None:
    stage.deploy(stack, _several(5))
    stage.forget()
    stage.put(stack, _several(2))
    plan = stage.wait_for(stack, "Held", reason="NeedsApproval", says="approve")["plan"]
    assert plan
    stage.ask("approve", stack, digest="0123456789abcdef")
    eventually(lambda: stage.key(f"desired/requests/approve/{stack}") is None, 5, "it is dropped")
    # An approval of what the plan was is none of what it is now.
    stage.put(stack, _several(1))
    eventually(lambda: stage.status(stack).get("plan") not in (None, "", plan), 5, "another plan")
    stage.ask("approve", stack, digest=plan)
    eventually(lambda: stage.key(f"desired/requests/approve/{stack}") is None, 5, "it is dropped")
    stage.put(stack, _several(2))
    eventually(lambda: stage.status(stack).get("plan") == plan, 5, "the plan as it was")
    stage.assert_no_writes(1)
    assert "approved" in stage.operator.cli("approve", stack, "--wait").stdout
    names = [f"{stack}_s0", f"{stack}_s1"]
    eventually(lambda: sorted(stage.versions(stack)) == names, SOON_S, "they go")
    stage.wait_until_ready(stack)


def test_half_of_a_stack_goes_without_asking(stage: Stage, stack: str) -> None:
    stage.deploy(stack, _several(4))
    stage.put(stack, _several(2))
    eventually(lambda: len(stage.versions(stack)) == 2, SOON_S, "two of four go")


def test_a_protected_service_stays_even_when_its_stack_is_removed(stage: Stage, stack: str) -> None:
    services = {
        "db": {**service(), "x-operator": {"protect": True}},
        "a": service(replicas=0),
        "b": service(replicas=0),
        "c": service(replicas=0),
    }
    stage.deploy(stack, document(services))
    before = stage.containers(f"{stack}_db")
    del services["db"]
    stage.put(stack, document(services))
    stage.wait_for(stack, "Held", reason="Protected", says=f"{stack}_db")
    stage.remove(stack)
    eventually(lambda: list(stage.versions(stack)) == [f"{stack}_db"], SOON_S, "the others go")
    stage.wait_for_condition(stack, "Held", reason="Protected")
    stage.forget()
    stage.assert_no_writes(2, to_services_only=True)
    assert stage.containers(f"{stack}_db") == before
    stage.lab.docker_cli(1, "service", "rm", f"{stack}_db")


def test_prune_off_keeps_and_confirm_asks(stage: Stage, stack: str) -> None:
    for prune, reason in (("off", "PruneOff"), ("confirm", "NeedsApproval")):
        options = {"x-operator": {"prune": prune}}
        stage.deploy(stack, _several(3, **options))
        stage.forget()
        stage.put(stack, _several(2, **options))
        found = stage.wait_for(stack, "Held", reason=reason, says=f"{stack}_s2")
        stage.assert_no_writes(1)
    stage.ask("approve", stack, digest=found["plan"])
    eventually(lambda: len(stage.versions(stack)) == 2, SOON_S, "it was confirmed")


def test_a_removal_with_a_broken_document_beside_it_still_goes(stage: Stage, stack: str) -> None:
    stage.deploy(stack, document({"web": service(replicas=0)}))
    stage.put(stack, "services: [")
    stage.wait_for(stack, "Invalid")
    assert stage.versions(stack)
    stage.operator.cli("remove", stack, "--yes")
    eventually(lambda: not stage.versions(stack), SOON_S, "it goes")


def _remove_by_hand(stage: Stage, kind: str, name: str) -> None:
    """Remove an object as soon as nothing uses it any more."""

    def removed() -> bool:
        return stage.lab.docker_cli(1, kind, "rm", name, check=False).returncode == 0

    eventually(removed, 10, f"{kind} {name} should go")


def _volumes(stage: Stage, stack: str) -> set[str]:
    found = set()
    for node in stage.lab.nodes:
        engine: Any = node.docker
        found |= {v["Name"] for v in engine.volumes()["Volumes"] or [] if stack in v["Name"]}
    return found


def _ours(stage: Stage, stack: str) -> set[str]:
    names = stage.network_names() | stage.object_names("configs") | stage.object_names("secrets")
    return {name for name in names if name.startswith(f"{stack}_")}
