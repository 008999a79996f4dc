"""`swarm-operator` whose moves do not ask what publishes routes: the control arm of the moves' tests."""

from swarm_operator.cli.main import main
from swarm_operator.runtime.routes.withdrawing import Withdrawing
from swarm_operator.runtime.withdrawal import Withdrawn


def _at_once(_withdrawing: Withdrawing, _task_id: str) -> Withdrawn:
    return Withdrawn.CONFIRMED


if __name__ == "__main__":
    setattr(Withdrawing, "withdraw", _at_once)  # noqa: B010  # mypy lets nobody assign to methods
    main()
