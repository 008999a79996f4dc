"""The example stacks, and the way of a stack on disk into a KV."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from desired_state import keys
from swarm_operator.cli import transactions
from swarm_operator.cli.invocation import who
from swarm_operator.cli.push import files_of
from swarm_operator.cli.stack_files import locate
from swarm_operator.cli.stack_input import StackInput
from swarm_operator.cli.upload import upload
from swarm_operator.plan.compose import specs_of
from swarm_operator.runtime.ports import KvPort

_PACKAGE: Final = Path(__file__).parents[2]
_PLACES: Final = (
    _PACKAGE / "examples",  # in an installed wheel
    _PACKAGE.parents[1] / "deploy" / "examples",  # in a checkout
)


def folders() -> Sequence[Path]:
    """The example stacks that came with this program; none where it came without them."""
    place = next((place for place in _PLACES if place.is_dir()), None)
    return sorted(path.parent for path in place.glob("*/compose.yaml")) if place else []


def push(kv: KvPort, folder: Path) -> None:
    """As `swarm-operator push FOLDER` does; warnings stand in the stack's status. Raises Refused,
    Conflict, DocumentRefused, or what a KV raises."""
    files = locate((str(folder),), None, None)
    loaded, specs = specs_of(files.folder, documents=files.documents)
    write(kv, files.folder.name, files_of(StackInput(files, loaded, specs)))


def write(kv: KvPort, stack: str, files: dict[str, bytes]) -> None:
    """As `push` writes a folder's files."""
    tree = kv.read(keys.DESIRED + keys.stack_folder(stack))
    now = datetime.now(UTC)
    transactions.commit(kv, upload(stack, tree, files, who=who(), now=now).transactions)
