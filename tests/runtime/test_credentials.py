"""When the registry's credentials go with a write: renewed ones beside other changes restart every task."""

from swarm_operator.plan.actions import Change, Effect, UpdateService
from swarm_operator.runtime.executor import Executor, Result
from tests.laws.worlds import bare_service
from tests.simulated_swarm import SimulatedSwarm


def _auth_sent(swarm: SimulatedSwarm, path: str) -> str:
    """Of an update that changes what is at `path`."""
    service = swarm.snapshot.services_by_name["web"]
    change = Change(path, "old", "new", Effect.RESTARTS)
    update = UpdateService(
        name="web", stack="shop", reason="", service_id=service.id, version=service.version,
        spec=bare_service("web", {"a": path}), changes=(change,), wished="",
    )  # fmt: skip
    executor = Executor(swarm, swarm.snapshot, lambda image: f"login for {image}")
    assert executor.execute(update).result is Result.DONE
    return swarm.engine.store.services[service.id].registry_auth


def test_credentials_go_with_a_changed_image_only() -> None:
    swarm = SimulatedSwarm()
    swarm.create_service(bare_service("web", {}), registry_auth="at first")
    assert _auth_sent(swarm, "Labels.a") == "at first"
    assert _auth_sent(swarm, "TaskTemplate.ContainerSpec.Image") == "login for busybox"
