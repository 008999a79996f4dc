"""What pydantic finds wrong, as problems with places; never with a value of the document."""

import difflib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from desired_state.forms import kind_of
from desired_state.problems import Path, Problem, Severity, dotted
from desired_state.yaml_tree import YamlDocument, has_part

UnknownKey: TypeAlias = Callable[[YamlDocument, Path], Problem | None]
"""What is said of a key that no model has; None: what is said of any other."""


def problem_at(
    document: YamlDocument,
    path: Path,
    message: str,
    hint: str | None = None,
    severity: Severity = Severity.ERROR,
) -> Problem:
    """A problem at the place of `path`, or of its nearest parent."""
    line, column = document.place(path)
    return Problem(
        document.name, line, column, dotted(document.resolved(path)), message, hint, severity
    )


def model_problems(
    document: YamlDocument,
    error: ValidationError,
    model: type[BaseModel],
    unknown: UnknownKey = lambda _document, _path: None,
) -> Iterator[Problem]:
    """All problems of one validation of a document's root against `model`."""
    for details in error.errors(include_url=False, include_input=False):
        path = _path_in(document, details["loc"])
        if details["type"] == "extra_forbidden":
            yield unknown(document, path) or _unknown_key(document, path, model)
        else:
            yield from _problems_of(document, path, details)


def wrong_keys(root: dict[str, Any], error: ValidationError) -> set[tuple[str, ...]]:
    """The keys that hold what is wrong: in a list, the key of the list, so that numbers stay."""
    found: set[tuple[str, ...]] = set()
    for details in error.errors(include_url=False, include_input=False):
        below = [path for path, _, _ in details.get("ctx", {}).get("defects", [((), "", None)])]
        for path in below:
            keys: list[str] = []
            node: Any = root
            for part in (*details["loc"], *path):
                if isinstance(node, list):
                    break
                if isinstance(node, dict) and part in node:
                    keys.append(str(part))
                    node = node[part]
            if keys:
                found.add(tuple(keys))
    return found


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, as a hint; or all of them, if they are few."""
    words = sorted(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"known are {', '.join(words)}" if 0 < len(words) <= 12 else None


def _unknown_key(document: YamlDocument, path: Path, model: type[BaseModel]) -> Problem:
    hint = did_you_mean(str(path[-1]), _keys_at(model, path[:-1]))
    return problem_at(document, path, "unknown key", hint)


def _problems_of(document: YamlDocument, path: Path, details: ErrorDetails) -> Iterator[Problem]:
    match details["type"]:
        case "defects":
            for below, message, hint in details.get("ctx", {})["defects"]:
                yield problem_at(document, (*path, *below), message, hint)
        case "missing":
            yield problem_at(document, path, f"{details['loc'][-1]} is missing")
        case _:
            value = _value_at(document.root, path)
            if value is not None:
                yield problem_at(document, path, _message(details, value), _hint(details, value))


def _path_in(document: YamlDocument, loc: tuple[int | str, ...]) -> Path:
    """The part of a model's location that is in the document, with a last unknown key."""
    path: list[str | int] = []
    node = document.root
    for part in loc:
        if has_part(node, part):
            path.append(part)
            node = node[part]
    return tuple(path)


def _value_at(node: Any, path: Path) -> Any:
    for part in path:
        node = node[part]
    return node


_EXPECTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
}


def _message(details: ErrorDetails, value: Any) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind in _EXPECTED:
        actual = kind_of(value)
        if kind == "int_type" and isinstance(value, float):
            actual = "one with a fraction"
        return f"must be {_EXPECTED[kind]}, not {actual}"
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']}"
    if kind == "string_too_short":
        return "must not be empty"
    return "is not allowed here"


def _hint(details: ErrorDetails, value: Any) -> str | None:
    if details["type"] == "string_type" and isinstance(value, int | float | bool):
        return "put it in quotes"
    if details["type"] in {"int_type", "float_type", "bool_type"} and isinstance(value, str):
        return "remove the quotes" if "$" not in value else None
    return None


def _keys_at(root: type[BaseModel], path: Path) -> list[str]:
    """The keys that the contract knows for the mapping at `path`."""
    model: Any = root
    for part in path:
        model = _below(_item(model) if isinstance(part, str) else model, part)
    model = _item(model)
    if isinstance(model, type) and issubclass(model, BaseModel):
        return [field.alias or name for name, field in model.model_fields.items()]
    return []


def _item(annotation: Any) -> Any:
    """The type of a list's items, where a single item may stand for a list of one."""
    if getattr(annotation, "__origin__", None) is tuple:
        return _innermost(get_args(annotation)[0])
    return annotation


def _below(annotation: Any, part: str | int) -> Any:
    """The type of one step into a model, a mapping or a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            if part in {name, field.alias}:
                return _innermost(field.annotation)
        return None
    arguments = get_args(annotation)
    origin = getattr(annotation, "__origin__", None)
    if origin is dict:
        return _innermost(arguments[1])
    if origin is tuple:
        return _innermost(arguments[0])
    return None


def _innermost(annotation: Any) -> Any:
    """A type without Annotated, None and an inner tuple of one item."""
    while True:
        arguments = get_args(annotation)
        if hasattr(annotation, "__metadata__"):
            annotation = arguments[0]
            continue
        present = [argument for argument in arguments if argument is not type(None)]
        if type(None) in arguments and len(present) == 1:
            annotation = present[0]
            continue
        return annotation
