"""Whole stacks, as the real docker/cli sent them."""

import json
from pathlib import Path
from typing import Any

import pytest

from desired_state import LoadedStack, StackFolder, load_stack
from swarm_operator.plan.compose import convert, render

CASES = sorted(path.parent for path in (Path(__file__).parent / "cases").glob("*/expected.json"))


def loaded(case: Path) -> LoadedStack:
    files = {
        path.relative_to(case).as_posix(): path.read_bytes()
        for path in case.rglob("*")
        if path.is_file() and path.name != "expected.json"
    }
    further = sorted(name for name in files if name.endswith(".yaml") and name != "compose.yaml")
    return load_stack(StackFolder("demo", files), documents=["compose.yaml", *further])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_specs_are_those_of_the_cli(case: Path) -> None:
    expected: dict[str, Any] = json.loads((case / "expected.json").read_text())
    assert render(convert(loaded(case)), show_secrets=True) == expected


def test_the_same_folder_gives_the_same_bytes() -> None:
    for case in CASES:
        first, second = (json.dumps(render(convert(loaded(case)), show_secrets=True)) for _ in "12")
        assert first == second


def test_secret_data_is_shown_on_demand_only() -> None:
    specs = convert(loaded(Path(__file__).parent / "cases" / "wordpress"))
    assert render(specs, show_secrets=False)["secrets"]["demo_db_password"]["Data"] == "<redacted>"
    assert "swordfish" not in repr(specs)
    assert "c3dvcmRmaXNo" not in repr(specs)
    assert specs.secrets["demo_db_password"]["Data"] == "c3dvcmRmaXNoCg=="


def test_a_service_knows_what_it_refers_to() -> None:
    specs = convert(loaded(Path(__file__).parent / "cases" / "wordpress"))
    service = specs.services["demo_wordpress"]
    assert (service.key, service.name) == ("wordpress", "demo_wordpress")
    assert service.networks == {"demo_backend", "demo_frontend"}
    assert service.secrets == {"demo_db_password"}
    assert service.configs == {"demo_php"}
    assert specs.external_secrets == {"shared_root"}
    assert set(specs.networks) == {"demo_backend", "demo_frontend"}
