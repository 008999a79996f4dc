"""`swarm-operator` whose withdrawals a test asks for, as the mover does, by files in a folder.

    TASK.ask      withdraw this task, until there is an answer
    TASK.again    publish it again
    TASK.said     the answer, and after how many seconds: written here

The folder is in the environment: SWARM_OPERATOR_TEST_WITHDRAWALS. `Withdrawals` is a test's side of it.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from swarm_operator.cli.main import main
from swarm_operator.runtime.routes.withdrawing import Withdrawing
from swarm_operator.runtime.withdrawal import Withdrawn
from tests.cluster.harness.scenario import eventually

FOLDER = "SWARM_OPERATOR_TEST_WITHDRAWALS"
_EVERY_S = 0.05

_begin = Withdrawing.__init__


class Withdrawals:
    """Asks a daemon that runs this file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def ask(self, *tasks: str) -> None:
        """Have these tasks withdrawn."""
        for task in tasks:
            (self._folder / f"{task}.said").unlink(missing_ok=True)
            (self._folder / f"{task}.ask").touch()

    def publish_again(self, *tasks: str) -> None:
        for task in tasks:
            (self._folder / f"{task}.again").touch()

    def said(self, task: str) -> tuple[str, float] | None:
        """The answer and after how many seconds it came; None while there is none."""
        try:
            answer, took = (self._folder / f"{task}.said").read_text("utf-8").split()
        except FileNotFoundError:
            return None
        return answer, float(took)

    def wait_for(self, tasks: Iterable[str], within: float = 45) -> dict[str, tuple[str, float]]:
        """Wait until there is an answer for each; what it is."""
        wanted = set(tasks)

        def answered() -> dict[str, tuple[str, float]]:
            found = {task: self.said(task) for task in wanted}
            known = {task: said for task, said in found.items() if said is not None}
            assert known.keys() == wanted, found
            return known

        return eventually(answered, within, "withdrawals are answered", 0.05)


def _begin_and_serve(
    withdrawing: Withdrawing, monotonic: Callable[[], float], wake: Callable[[], None]
) -> None:
    _begin(withdrawing, monotonic, wake)
    folder = Path(os.environ[FOLDER])
    threading.Thread(target=_serve, args=(withdrawing, folder), daemon=True).start()


def _serve(withdrawing: Withdrawing, folder: Path) -> None:
    asked: dict[str, float] = {}
    while True:
        for file in folder.iterdir():
            if file.suffix == ".ask":
                asked[file.stem] = time.monotonic()
                file.unlink()
            elif file.suffix == ".again":
                asked.pop(file.stem, None)
                withdrawing.publish_again(file.stem)
                file.unlink()
        for task, since in list(asked.items()):
            answer = withdrawing.withdraw(task)
            if answer is not Withdrawn.PENDING:
                del asked[task]
                draft = folder / f"{task}.draft"
                draft.write_text(f"{answer.name} {time.monotonic() - since:.2f}", "utf-8")
                draft.rename(folder / f"{task}.said")
        time.sleep(_EVERY_S)


if __name__ == "__main__":
    setattr(Withdrawing, "__init__", _begin_and_serve)  # noqa: B010  # mypy lets nobody assign to methods
    main()
