"""Which files make a stack what it was at a kept revision: decided from what is kept and what is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from desired_state.folder import DOCUMENT_NAMES, VARIABLES_FILE
from swarm_operator.cli import kv_folder
from swarm_operator.plan.desired import DesiredStack


@dataclass(frozen=True, slots=True)
class Restored:
    """A stack's folder as it would be."""

    files: Mapping[str, bytes] = field(repr=False)
    gone: frozenset[str]
    """What must not be there any more."""
    parsed: DesiredStack


def restored(
    stack: str,
    current: Mapping[str, bytes],
    named_now: Mapping[str, bytes],
    kept: Mapping[str, bytes],
) -> Restored:
    """The documents and files of a revision (`kept`) in place of those of now.

    `named_now` are the documents and files that the current document names, but for secrets.
    The history holds no secret files: those that lie in the folder stay there, named or not, since
    nobody could bring them back. So does what no document names.
    """
    replaced = {*DOCUMENT_NAMES, VARIABLES_FILE, *named_now}
    gone = frozenset(replaced & current.keys() - kept.keys())
    files = {path: data for path, data in current.items() if path not in gone} | dict(kept)
    parsed = kv_folder.parse(stack, files)
    # An optional env_file that did not exist then.
    younger = frozenset(parsed.kept.keys() - kept.keys())
    if not younger:
        return Restored(files, gone, parsed)
    files = {path: data for path, data in files.items() if path not in younger}
    return Restored(files, gone | younger, kv_folder.parse(stack, files))
