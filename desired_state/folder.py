"""A stack as it lies in the KV or on disk: a folder of files, one of them the Compose document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from desired_state.problems import DocumentRefused, Problem

DOCUMENT_NAMES: Final = (
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
    "stack.yml",
    "stack.yaml",
)
"""Names of a stack's Compose document, in the order of preference."""

VARIABLES_FILE: Final = ".env"
"""The only source of `${…}`: the environment of the process that reads is never one."""


@dataclass(frozen=True, slots=True)
class StackFolder:
    """The files of one stack by their path relative to the folder, `/` between the parts."""

    name: str
    files: Mapping[str, bytes]

    def document_name(self) -> str:
        """The Compose document of the folder.

        Raises DocumentRefused where there is none, or more than one: taking one of two silently
        would leave the other looking as if it were acted on.
        """
        found = [name for name in DOCUMENT_NAMES if name in self.files]
        if len(found) == 1:
            return found[0]
        if found:
            message = f"the folder has more than one Compose document: {', '.join(found)}"
            hint = (
                f"keep one; list further documents in x-operator.files of {found[0]} "
                "under names of their own"
            )
        else:
            message = "the folder has no Compose document"
            hint = f"name it {DOCUMENT_NAMES[0]}"
        raise DocumentRefused(
            [Problem(found[0] if found else self.name, None, None, "", message, hint)]
        )
