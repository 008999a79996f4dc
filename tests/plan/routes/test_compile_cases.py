"""Cases as files: services and documents in, the tree and what is told out."""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from swarm_operator.plan.routes.check import problems
from tests.plan.routes.compilation import NEWEST, of_case, plain

CASES: Final = {
    f"{path.stem}: {case['name']}": case
    for path in sorted((Path(__file__).parent / "cases" / "compile").glob("*.yaml"))
    for case in yaml.safe_load(path.read_text())
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_case(case: dict[str, Any]) -> None:
    found = of_case(case)
    assert plain(found.tree) == case["tree"]
    told = [f"{each.reason} {each}" for each in found.refused]
    wanted = case.get("refused", [])
    missing = [text for text in wanted if not any(text in each for each in told)]
    assert (missing, len(told)) == ([], len(wanted)), told
    assert "hunter2" not in "".join(told)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_is_compiled_can_be_written(case: dict[str, Any]) -> None:
    found = [problem for item in of_case(case).tree for problem in problems(item, NEWEST)]
    assert found == []
