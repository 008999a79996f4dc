"""What a rolling update writes on its service, in SwarmKit's words (orchestrator/update/updater.go).

Each of these does nothing where the service is gone, or where somebody wrote a new spec meanwhile and
so cleared the status: the update that speaks is no longer the current one.
"""

from dataclasses import replace

from swarm_operator.simulation.engine.records import ServiceRecord, UpdateStatus
from swarm_operator.simulation.engine.store import Store


def start_update(store: Store, service_id: str) -> None:
    service = store.services.get(service_id)
    if service is not None and service.update_status is None:
        status = UpdateStatus("updating", started_at=store.now(), message="update in progress")
        store.services.put(replace(service, update_status=status))


def pause_update(store: Store, service_id: str, message: str) -> None:
    service, status = _current(store, service_id)
    if service is None or status is None:
        return
    word = "rollback_paused" if status.state == "rollback_started" else "paused"
    store.services.put(replace(service, update_status=replace(status, state=word, message=message)))


def complete_update(store: Store, service_id: str) -> None:
    service, status = _current(store, service_id)
    if service is None or status is None:
        return
    back = status.state == "rollback_started"
    completed = replace(
        status,
        state="rollback_completed" if back else "completed",
        message="rollback completed" if back else "update completed",
        completed_at=store.now(),
    )
    store.services.put(replace(service, update_status=completed))


def roll_back(store: Store, service_id: str, message: str) -> None:
    """The previous spec again, once: after it there is no previous one any more.

    Without a previous spec nothing is written: the service goes on saying that it is updating.
    """
    service, status = _current(store, service_id)
    if service is None or status is None or service.previous_spec is None:
        return
    store.services.put(
        replace(
            service,
            spec=service.previous_spec,
            spec_version=service.previous_spec_version or 0,
            registry_auth=service.previous_registry_auth,
            previous_spec=None,
            previous_spec_version=None,
            previous_registry_auth="",
            update_status=replace(status, state="rollback_started", message=message),
        )
    )


def _current(store: Store, service_id: str) -> tuple[ServiceRecord | None, UpdateStatus | None]:
    service = store.services.get(service_id)
    return service, service.update_status if service is not None else None
