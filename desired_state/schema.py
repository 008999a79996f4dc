"""The contract as JSON Schema, so that an editor completes and checks a document."""

from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from desired_state.document import ComposeDocument

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_WITH_EXTENSIONS: Final = ("Service", "Network", "Volume", "Config", "Secret")
_KEY_PATTERN: Final = "^[a-zA-Z0-9._-]+$"


class OptionalKeys(GenerateJsonSchema):
    """Optional keys may be left out, but not be null; defaults of the models are not told."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def json_schema(*, variables: bool = True) -> dict[str, Any]:
    """The schema of a whole document, `x-operator` included.

    With `variables` a text such as `${REPLICAS:-2}` may stand wherever a number or a switch may.
    """
    schema = ComposeDocument.model_json_schema(
        by_alias=True, mode="validation", schema_generator=OptionalKeys
    )
    definitions: dict[str, Any] = schema["$defs"]
    for part in (schema, *definitions.values()):
        _drop_titles(part)
    for part in (schema, *(definitions[name] for name in _WITH_EXTENSIONS)):
        part["patternProperties"] = {"^x-": True}
    for section in ("services", "networks", "volumes", "configs", "secrets"):
        named = schema["properties"][section]
        named["propertyNames"] = {"pattern": _KEY_PATTERN}
        if section in {"networks", "volumes"}:
            named["additionalProperties"] = _or_nothing(named["additionalProperties"])
    service = definitions["Service"]["properties"]
    service["deploy"] = _or_nothing(service["deploy"])
    service["pid"] = _or_nothing(service["pid"])
    definitions["Service"]["required"] = ["image"]
    for field in ("routes", "dns"):
        entries = definitions["ServiceOptions"]["properties"][field]
        listed = {"type": entries.pop("type"), "items": entries.pop("items")}
        entries["anyOf"] = [listed["items"], listed]
    if variables:
        schema = _with_variables(schema)
    return {"$schema": DIALECT, **schema, "title": "Stack", "$comment": _COMMENT}


_SCALARS: Final = frozenset({"integer", "number", "boolean"})
_VARIABLE: Final = {"type": "string", "pattern": r"\$"}


def _with_variables(part: Any) -> Any:
    """Wherever a number or a switch is wanted, a text with a variable may stand for it."""
    if isinstance(part, list):
        return [_with_variables(item) for item in part]
    if not isinstance(part, dict):
        return part
    forms = part.get("anyOf")
    if isinstance(forms, list) and any(form.get("type") == "string" for form in forms):
        return part  # a text may stand there anyway
    inner = {key: _with_variables(value) for key, value in part.items()}
    kind = part.get("type")
    if not isinstance(kind, str) or kind not in _SCALARS:
        return inner
    description = {"description": inner.pop("description")} if "description" in inner else {}
    return {**description, "anyOf": [inner, _VARIABLE]}


def _drop_titles(part: dict[str, Any]) -> None:
    """Titles repeat the keys."""
    part.pop("title", None)
    for schema in part.get("properties", {}).values():
        schema.pop("title", None)


_COMMENT: Final = (
    "Made from the models; a document that is merged onto another may leave out image."
)


def _or_nothing(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}
