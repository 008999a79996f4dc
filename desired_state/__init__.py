"""The contract: what people write, typed and checked. No I/O."""

from desired_state.document import ComposeDocument
from desired_state.folder import DOCUMENT_NAMES, VARIABLES_FILE, StackFolder
from desired_state.load import load_stack
from desired_state.loaded import LoadedStack
from desired_state.operator_block import (
    Drift,
    Ignorable,
    Pause,
    Prune,
    ServiceOptions,
    StackOptions,
    Sync,
    SyncMode,
)
from desired_state.problems import DocumentRefused, Problem, Severity

__all__ = [
    "DOCUMENT_NAMES",
    "VARIABLES_FILE",
    "ComposeDocument",
    "DocumentRefused",
    "Drift",
    "Ignorable",
    "LoadedStack",
    "Pause",
    "Problem",
    "Prune",
    "ServiceOptions",
    "Severity",
    "StackFolder",
    "StackOptions",
    "Sync",
    "SyncMode",
    "load_stack",
]
