"""The encoding table and the traps as files: what the operator's decoder makes of them.

`tests/contract/test_traefik_kv.py` tells the same cases to real Traefiks.
"""

import pytest

from swarm_operator.plan.routes.decoding import decode
from swarm_operator.plan.routes.tree import RouteTree
from swarm_operator.simulation.traefik import api
from swarm_operator.simulation.traefik.runtime import Applied
from tests.plan.routes.key_cases import CASES, Case
from tests.plan.routes.trees import NEWEST


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case) -> None:
    decoded = decode({key: value.encode() for key, value in case.keys.items()}, NEWEST)
    if case.frozen is not None:
        assert [fault.key for fault in decoded.faults] == [case.frozen]
        assert all(not value or value not in decoded.faults[0].message for value in _secrets(case))
        return
    assert decoded.faults == ()
    applied = Applied.of(decoded.tree)
    case.check(lambda path: api.answer(applied, "3.7.9", f"/api/{path}"))


def _secrets(case: Case) -> list[str]:
    """A message may be logged: it has no value of a key."""
    return [value for value in case.keys.values() if len(value) > 3]


def test_a_case_can_fail() -> None:
    told = Case("control", {}, shows={"http/routers/r": {"rule": "x"}})
    with pytest.raises(AssertionError, match="not there"):
        told.check(lambda path: api.answer(Applied.of(RouteTree()), "3.7.9", f"/api/{path}"))
