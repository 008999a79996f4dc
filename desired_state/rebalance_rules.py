"""What a service's `x-operator.rebalance` cannot mean, whatever the operator were to do."""

from collections.abc import Iterator

from desired_state.operator_block import KEY, Rebalance
from desired_state.problems import Path
from desired_state.service import Service

_WHERE: Path = (KEY, "rebalance")


def rebalance_problems(service: Service) -> Iterator[tuple[Path, str, str | None]]:
    """Where below the service, what is wrong, what to do."""
    says = service.options.rebalance
    if says in {None, Rebalance.NEVER}:
        return
    mode = (service.deploy.mode if service.deploy is not None else None) or "replicated"
    if mode != "replicated":
        yield _WHERE, f"{says} is not for mode {mode}: its tasks are never moved", "remove it"
    elif says in {Rebalance.OVERLAP, Rebalance.STOP_FIRST} and _replicas(service) > 1:
        hint = "write auto" if says is Rebalance.OVERLAP else "remove it, or set replicas: 1"
        yield _WHERE, f"{says} is for one replica, not for {_replicas(service)}", hint


def _replicas(service: Service) -> int:
    wished = service.deploy.replicas if service.deploy is not None else None
    return 1 if wished is None else wished
