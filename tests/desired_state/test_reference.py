"""The generated parts: README and JSON Schema."""

import re
from pathlib import Path
from typing import Any

import pytest

from desired_state import reference, schema
from desired_state.document import ComposeDocument
from desired_state.forms import Model
from desired_state.not_used import NOT_USED, NotUsed
from desired_state.operator_block import ServiceOptions
from desired_state.refused import SERVICE_KEYS
from desired_state.service import Service

README = Path(__file__).parents[2] / "desired_state" / "README.md"


@pytest.mark.parametrize("name", reference.blocks())
def test_the_readme_is_up_to_date(name: str) -> None:
    pattern = rf"<!-- generated: {re.escape(name)} -->\n(.*?)\n<!-- end -->"
    found = re.search(pattern, README.read_text(), re.DOTALL)
    assert found is not None
    assert found[1] == reference.blocks()[name], "python -m tests.desired_state.test_reference"


def models(model: type[Model]) -> set[type[Model]]:
    found = {model}
    for child in model.__subclasses__():
        found |= models(child)
    return found


def test_every_field_of_the_document_says_what_it_is() -> None:
    for model in (ComposeDocument, Service, ServiceOptions):
        silent = [name for name, field in model.model_fields.items() if not field.description]
        assert silent == []


def test_the_tables_of_keys_and_the_models_agree() -> None:
    keys = set(Service.model_fields)
    assert set(NotUsed.model_fields) == set(NOT_USED)
    assert not keys & set(SERVICE_KEYS)


def properties(definition: str) -> dict[str, Any]:
    result: dict[str, Any] = schema.json_schema()["$defs"][definition]["properties"]
    return result


def test_the_schema_knows_every_key_and_every_form() -> None:
    service = properties("Service")
    expected = {field.alias or name for name, field in Service.model_fields.items()}
    assert set(service) == expected
    assert {form["type"] for form in service["command"]["anyOf"]} == {"string", "array"}
    assert {form["type"] for form in service["ports"]["items"]["anyOf"]} == {
        "integer",
        "string",
        "object",
    }
    assert service["user"]["type"] == "string"
    assert set(properties("ServiceOptions")) == set(ServiceOptions.model_fields)


def test_the_schema_refuses_unknown_keys_and_takes_extensions() -> None:
    whole = schema.json_schema()
    for part in (whole, whole["$defs"]["Service"], whole["$defs"]["Network"]):
        assert part["additionalProperties"] is False
        assert part["patternProperties"] == {"^x-": True}
    assert whole["properties"]["networks"]["additionalProperties"]["anyOf"][1] == {"type": "null"}


def test_the_schema_takes_a_variable_for_a_number_and_a_switch() -> None:
    variable = {"type": "string", "pattern": r"\$"}
    for definition, key in (("Deploy", "replicas"), ("Service", "read_only")):
        forms = properties(definition)[key]["anyOf"]
        assert variable in forms, key
    assert variable not in properties("Service")["image"].get("anyOf", [])


def test_the_schema_has_no_reference_into_nowhere() -> None:
    whole = schema.json_schema()
    for name in re.findall(r"#/\$defs/(\w+)", str(whole)):
        assert name in whole["$defs"]


if __name__ == "__main__":
    README.write_text(reference.refreshed(README.read_text()))
