"""What our converter makes of a case, in the shape of the captured files."""

from __future__ import annotations

import json
from typing import Any

from desired_state import load_stack
from desired_state.folder import StackFolder
from swarm_operator.plan.compose import StackSpecs, convert
from swarm_operator.plan.compose.render import render
from tests.parity.cases import Case


def converted(case: Case) -> StackSpecs:
    """The specs of a case's folder, with our warnings. Raises DocumentRefused."""
    return convert(load_stack(StackFolder(case.stack, case.content())))


def specs(case: Case) -> dict[str, Any]:
    """The rendered specs of a case's folder, as JSON reads them back. Raises DocumentRefused."""
    rendered = render(converted(case), show_secrets=True)
    result: dict[str, Any] = json.loads(json.dumps(rendered))
    return result
