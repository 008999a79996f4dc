"""The parts of the README that are made from code: `x-operator` and the differences."""

import json
from collections.abc import Collection
from typing import Any, Final

from desired_state import differences
from desired_state.dns_forms import DnsBinding
from desired_state.forms import Model
from desired_state.go_values import NANO
from desired_state.operator_block import ServiceOptions, StackOptions
from desired_state.rebalance_policy import RebalancePolicy
from desired_state.route_documents import OutsideRoute
from desired_state.route_forms import HttpMatch, ServiceRoute, TcpRoute
from desired_state.schema import OptionalKeys, json_schema


def table(model: type[Model]) -> str:
    """The fields of a block as a Markdown table."""
    return _table(json_schema(variables=False)["$defs"][model.__name__]["properties"])


def routes_table(model: type[Model], *, without: Collection[str] = ()) -> str:
    """The fields of a route as a Markdown table."""
    properties = model.model_json_schema(schema_generator=OptionalKeys)["properties"]
    return _table({name: part for name, part in properties.items() if name not in without})


def _table(properties: dict[str, Any]) -> str:
    rows = ["| field | values | meaning |", "| --- | --- | --- |"]
    rows += (
        f"| `{name}` | {_values(schema)} | {schema['description']} |"
        for name, schema in properties.items()
    )
    return "\n".join(rows)


def policy_table() -> str:
    """The fields of `rebalance` in `desired/policy`, with their defaults."""
    schema = RebalancePolicy.model_json_schema()
    rows = ["| field | values | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in RebalancePolicy.model_fields.items():
        part = schema["properties"][name]
        if "$ref" in part.get("items", {}):
            keys = schema["$defs"]["QuietHours"]["properties"]
            values = f"list of mappings of {', '.join(f'`{key}`' for key in keys)}"
        else:
            values = _values(part)
        default = "none" if field.default == () else f"`{_plain(field.default)}`"
        rows.append(f"| `{name}` | {values} | {default} | {field.description} |")
    return "\n".join(rows)


def names_table() -> str:
    """The fields of a name, with their defaults."""
    properties = DnsBinding.model_json_schema(schema_generator=OptionalKeys)["properties"]
    rows = ["| field | values | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in DnsBinding.model_fields.items():
        values = _values(properties[name])
        default = (
            "required"
            if field.is_required()
            else _shown(name, field.get_default(call_default_factory=True))
        )
        rows.append(f"| `{name}` | {values} | {default} | {field.description} |")
    return "\n".join(rows)


def _shown(name: str, default: Any) -> str:
    if default is None or default == {}:
        return "none"
    if name == "remove_after":
        return f"`{default // NANO}s`"
    if isinstance(default, tuple):
        return ", ".join(f"`{each}`" for each in default)
    return f"`{_plain(default)}`"


def _definitions() -> dict[str, Any]:
    outside = OutsideRoute.model_json_schema(schema_generator=OptionalKeys)["$defs"]
    return {**outside, **json_schema(variables=False)["$defs"]}


def _plain(value: Any) -> str:
    return json.dumps(value).strip('"')


def _values(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        schema = _definitions()[schema["$ref"].rpartition("/")[2]]
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value).strip(chr(34))}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_values(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_values(schema['items'])}"
    if len(schema.get("properties", ())) > _MANY:
        return "mapping"
    if schema.get("type") == "object":
        keys = ", ".join(f"`{key}`" for key in schema.get("properties", {}))
        return f"mapping of {keys}" if keys else "mapping"
    examples = ", ".join(f"`{example}`" for example in schema.get("examples", ()))
    return f"{schema['type']}" + (f" such as {examples}" if examples else "")


_MANY: Final = 4
"""Fields of a mapping that has a table of its own."""


def blocks() -> dict[str, str]:
    """The generated parts of the reference by their name."""
    return {
        "x-operator of the stack": table(StackOptions),
        "x-operator of a service": table(ServiceOptions),
        "a route": routes_table(ServiceRoute),
        "tcp and udp": routes_table(TcpRoute),
        "a route to the outside": routes_table(OutsideRoute, without=HttpMatch.model_fields),
        "a name": names_table(),
        "rebalance of the policy": policy_table(),
        "differences": differences.table(),
    }


def refreshed(readme: str) -> str:
    """The README with its generated parts made anew."""
    for name, text in blocks().items():
        start, end = f"<!-- generated: {name} -->\n", "\n<!-- end -->"
        before, found, rest = readme.partition(start)
        if found:
            readme = before + start + text + end + rest.partition(end)[2]
    return readme
