"""The forms that a value may have in a Compose document, as annotated types.

Each type reads every form that docker/cli reads and has one form in the model, so that nothing
behind it has to know about short forms.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from desired_state import go_values
from desired_state.go_values import Timestamp
from desired_state.problems import Path


class Model(BaseModel):
    """A part of the contract: frozen, exact about types, no unknown keys."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", hide_input_in_errors=True, protected_namespaces=()
    )


class OpenModel(Model):
    """A part whose unknown keys docker/cli takes and drops; they become warnings."""

    model_config = ConfigDict(extra="ignore")


Defect: TypeAlias = tuple[Path, str, str | None]
"""Where below the value, what is wrong, what to do."""


def defects(found: Iterable[Defect]) -> None:
    """Raises all that is wrong with one value at once, where anything is."""
    listed = list(found)
    if listed:
        raise PydanticCustomError("defects", "has defects", {"defects": listed})


def defect(message: str, hint: str | None = None) -> PydanticCustomError:
    """One thing wrong with one value."""
    return PydanticCustomError("defects", "has defects", {"defects": [((), message, hint)]})


def read_by(function: Callable[[str], Any]) -> Callable[[Any], Any]:
    """A validator that reads text by `function`; what is no text is left for the type to refuse."""

    def read(value: Any) -> Any:
        if not isinstance(value, str):
            raise defect(f"must be text, not {kind_of(value)}", "put it in quotes")
        try:
            return function(value)
        except ValueError as error:
            raise defect(str(error)) from None

    return read


def checked_by(function: Callable[[str], Any]) -> Callable[[str], str]:
    """A validator that keeps the text, if `function` can read it."""

    def check(value: str) -> str:
        try:
            function(value)
        except ValueError as error:
            raise defect(str(error)) from None
        return value

    return check


def kind_of(value: Any) -> str:
    """The YAML name of a value's type, with its article, for messages."""
    kinds: tuple[tuple[type, str], ...] = (
        (bool, "true or false"),
        (str, "text"),
        (int, "a number"),
        (float, "a number"),
        (Timestamp, "a date"),
        (dict, "a mapping"),
        (list, "a list"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "nothing")


# Numbers -----------------------------------------------------------------------------------------


def _whole(value: Any) -> Any:
    """Whole floats are integers to docker's schema: 3.0 and 1e3 are taken."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _truncated(value: Any) -> Any:
    return int(value) if isinstance(value, float) else value


Int64 = Annotated[
    int,
    BeforeValidator(_whole),
    Field(ge=-go_values.INT64_MAX - 1, le=go_values.INT64_MAX),
    WithJsonSchema({"type": "integer"}),
]
Unsigned = Annotated[
    int,
    BeforeValidator(_whole),
    Field(ge=0, le=go_values.INT64_MAX),
    WithJsonSchema({"type": "integer", "minimum": 0}),
]
TruncatedUnsigned = Annotated[
    int,
    BeforeValidator(_truncated),
    Field(ge=0, le=go_values.INT64_MAX),
    WithJsonSchema({"type": "number", "minimum": 0}),
]
"""A number whose fraction docker/cli cuts off."""
TruncatedInt64 = Annotated[
    int,
    BeforeValidator(_truncated),
    Field(ge=-go_values.INT64_MAX - 1, le=go_values.INT64_MAX),
    WithJsonSchema({"type": "number"}),
]
Number = Annotated[float, BeforeValidator(lambda v: float(v) if type(v) is int else v)]

# Texts with a meaning ----------------------------------------------------------------------------

DURATION_SCHEMA: Final = {
    "type": "string",
    "examples": ["30s", "1m30s", "500ms"],
    "description": "A duration in Go's syntax.",
}

Duration = Annotated[
    int, BeforeValidator(read_by(go_values.duration)), WithJsonSchema(DURATION_SCHEMA)
]
"""Nanoseconds."""

Size = Annotated[
    int,
    BeforeValidator(read_by(go_values.size)),
    WithJsonSchema({"type": "string", "examples": ["512M", "2g"]}),
]
"""Bytes."""

Cpus = Annotated[str, AfterValidator(lambda v: checked_by(go_values.nano_cpus)(v) if v else v)]
"""A number of CPUs, still as text: docker/cli merges the texts."""

# Lists -------------------------------------------------------------------------------------------

TextList = Annotated[tuple[str, ...], Field(strict=False)]


def unique(items: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuses what is in a list twice."""
    seen: set[Any] = set()
    found: list[Defect] = []
    for index, item in enumerate(items):
        if item in seen:
            found.append(((index,), "is in the list twice", "remove one of the two"))
        seen.add(item)
    defects(found)
    return items


UniqueTextList = Annotated[
    tuple[str, ...],
    AfterValidator(unique),
    Field(strict=False),
    WithJsonSchema({"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_TEXT_OR_LIST_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    ]
}

TextOrList = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed),
    AfterValidator(unique),
    Field(strict=False),
    WithJsonSchema(_TEXT_OR_LIST_SCHEMA),
]

_COMMAND_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
}


def _command(value: Any) -> Any:
    return read_by(go_values.words)(value) if isinstance(value, str) else value


def _health_test(value: Any) -> Any:
    return ["CMD-SHELL", value] if isinstance(value, str) else value


Command = Annotated[
    tuple[str, ...],
    BeforeValidator(_command),
    Field(strict=False),
    WithJsonSchema(_COMMAND_SCHEMA),
]
HealthTest = Annotated[
    tuple[str, ...],
    BeforeValidator(_health_test),
    Field(strict=False),
    WithJsonSchema(_COMMAND_SCHEMA),
]
