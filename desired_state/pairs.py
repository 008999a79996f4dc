"""Mappings that may also be written as lists: environments, labels, options, hosts."""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from desired_state import go_values
from desired_state.forms import Defect, defect, defects, kind_of
from desired_state.go_values import Timestamp


def _scalar_text(value: Any, *, null: str | None) -> Any:
    if value is None:
        return null
    if isinstance(value, str):
        return value
    if isinstance(value, int | float | Timestamp) and not isinstance(value, bool):
        return go_values.printed(value)
    return value


def _pairs(
    value: Any, *, null: str | None, list_allowed: bool = True, null_allowed: bool = True
) -> Any:
    """A mapping, or a list of `key=value`, as a mapping of texts; all defects at once."""
    if isinstance(value, list) and list_allowed:
        return _pairs_of_list(value, null=null)
    if not isinstance(value, dict):
        forms = "a mapping or a list" if list_allowed else "a mapping"
        raise defect(f"must be {forms}, not {kind_of(value)}")
    result: dict[str, Any] = {}
    found: list[Defect] = []
    for key, item in value.items():
        text = _scalar_text(item, null=null)
        if item is None and not null_allowed:
            found.append(((key,), "has no value", "give it one, or remove the key"))
        elif text is not None and not isinstance(text, str):
            hint = "put it in quotes" if isinstance(item, bool) else None
            found.append(((key,), f"must be text or a number, not {kind_of(item)}", hint))
        elif not key and list_allowed:
            found.append(((key,), "the key is empty", None))
        result[key] = text
    defects(found)
    return result


def _pairs_of_list(items: list[Any], *, null: str | None) -> dict[str, str | None]:
    result: dict[str, str | None] = {}
    found: list[Defect] = []
    seen: set[str] = set()
    for index, item in enumerate(items):
        if not isinstance(item, str):
            hint = "put it in quotes"
            found.append(((index,), f"must be text such as KEY=value, not {kind_of(item)}", hint))
            continue
        if item in seen:
            found.append(((index,), "is in the list twice", "remove one of the two"))
        seen.add(item)
        key, equals, text = item.partition("=")
        result[key] = text if equals else null
    defects(found)
    return result


_SCALAR_SCHEMA: Final = {"type": ["string", "number", "null"]}
PAIRS_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {"type": "object", "additionalProperties": _SCALAR_SCHEMA},
        {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    ]
}

Environment = Annotated[
    dict[str, str | None],
    BeforeValidator(lambda value: _pairs(value, null=None)),
    WithJsonSchema(PAIRS_SCHEMA),
]
"""None: the key alone, whose value comes from elsewhere."""

Labels = Annotated[
    dict[str, str],
    BeforeValidator(lambda value: _pairs(value, null="")),
    WithJsonSchema(PAIRS_SCHEMA),
]
Options = Annotated[
    dict[str, str],
    BeforeValidator(lambda value: _pairs(value, null="", list_allowed=False, null_allowed=False)),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": ["string", "number"]}}),
]
NullableOptions = Annotated[
    dict[str, str],
    BeforeValidator(lambda value: _pairs(value, null="", list_allowed=False)),
    WithJsonSchema({"type": "object", "additionalProperties": _SCALAR_SCHEMA}),
]


def _hosts(value: Any) -> Any:
    """`host:ip`, `host=ip` or a mapping as (host, ip) pairs.

    docker/cli splits at the first `=`, else at the first `:`, then takes the brackets off the
    address. An entry without a separator vanishes, there and here (with a warning); a number in a
    mapping, which it would send as `%!s(int=1)`, is refused.
    """
    pairs: list[str] = []
    if isinstance(value, dict):
        texts = _pairs(value, null=None)
        defects(
            ((key,), f"must be text, not {kind_of(item)}", "put it in quotes")
            for key, item in value.items()
            if isinstance(item, int | float)
        )
        pairs = sorted(f"{host}:{ip}" for host, ip in texts.items() if ip is not None)
    elif isinstance(value, list):
        _pairs_of_list(value, null=None)  # for its defects
        separated = [item for item in value if "=" in item or ":" in item]
        pairs = [item.replace("=", ":", 1) if "=" in item else item for item in separated]
    else:
        raise defect(f"must be a mapping or a list, not {kind_of(value)}")
    return [_host(pair) for pair in pairs]


def _host(pair: str) -> tuple[str, str]:
    host, _, address = pair.partition(":")
    if len(address) > 2 and address[0] == "[" and address[-1] == "]":
        address = address[1:-1]
    return host, address


Hosts = Annotated[
    tuple[tuple[str, str], ...],
    BeforeValidator(_hosts),
    Field(strict=False),
    WithJsonSchema(PAIRS_SCHEMA),
]
