"""What tests need of this machine: where it is missing they are skipped, and in CI they fail.

`SWARM_OPERATOR_TEST_ENGINES=20,26` says on which engine generations they run (default: 26).
"""

import os
from typing import Final

import pytest

from tests.cluster.harness import paths, teardown

ENGINES: Final = os.environ.get("SWARM_OPERATOR_TEST_ENGINES", "26").split(",")
ENGINE_IDS: Final = [f"engine-{generation}" for generation in ENGINES]


def skip_for(*problems: str) -> None:
    """Skips, or fails in CI, where there are any; says which."""
    if problems:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("; ".join(problems))


def engine(generation: str) -> str:
    """The generation, whose root is here and can run; skips where it is not."""
    skip_for(*paths.missing(generation))
    teardown.collect_garbage()
    return generation
