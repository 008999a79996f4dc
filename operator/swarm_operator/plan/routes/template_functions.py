"""The functions of a default rule: those of Go's templates and of sprig that work on texts and lists."""

from collections.abc import Callable, Mapping
from typing import Any, Final


class TemplateFault(ValueError):
    """A template cannot be read, or not for this service. The message does not hold a label's value."""


def normalize(name: str) -> str:
    """A name with every run of other characters than letters and numbers as one `-`, none at its ends
    (`Normalize` of `pkg/provider/configuration.go`)."""
    kept = "".join(
        character if character.isalpha() or character.isnumeric() else " " for character in name
    )
    return "-".join(kept.split())


def truth(value: Any) -> bool:
    """Whether a value counts as true in a template: not zero, not empty."""
    return bool(value)


def printed(value: Any) -> str:
    """A value as a template prints it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + " ".join(map(printed, value)) + "]"
    if isinstance(value, Mapping):
        raise TemplateFault("a template prints all labels: name one with index .Labels")
    return str(value)


def _index(container: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(container, Mapping):
            container = container.get(key, "")
        elif isinstance(container, list | str) and isinstance(key, int):
            if not 0 <= key < len(container):
                raise TemplateFault(f"index {key} is beyond the end of a list")
            container = container[key]
        else:
            raise TemplateFault("index is given something that has no elements")
    return container


def _split(separator: str, text: str) -> dict[str, str]:
    return {f"_{number}": part for number, part in enumerate(text.split(separator))}


def _truncated(length: int, text: str) -> str:
    return text[length:] if length < 0 else text[:length]


def _printf(form: str, *values: Any) -> str:
    parts = form.split("%%")
    left = list(values)
    for number, part in enumerate(parts):
        pieces = part.split("%")
        for place, piece in enumerate(pieces[1:], 1):
            if piece[:1] not in {"s", "v", "d"} or not left:
                raise TemplateFault("printf is read with %s, %d and %v only, one for each value")
            pieces[place] = printed(left.pop(0)) + piece[1:]
        parts[number] = "".join(pieces)
    if left:
        raise TemplateFault("printf has more values than places")
    return "%".join(parts)


def _or(*values: Any) -> Any:
    return next((value for value in values if truth(value)), values[-1])


def _and(*values: Any) -> Any:
    return next((value for value in values if not truth(value)), values[-1])


def _first(items: Any) -> Any:
    return items[0] if items else ""


def _last(items: Any) -> Any:
    return items[-1] if items else ""


def _trimmed(characters: str, text: str) -> str:
    return text.strip(characters)


_KNOWN: Final[Mapping[str, Callable[..., Any]]] = {
    "normalize": normalize,
    "index": _index,
    "len": len,
    "print": lambda *values: "".join(map(printed, values)),
    "printf": _printf,
    "eq": lambda first, *others: any(first == other for other in others),
    "ne": lambda first, second: first != second,
    "not": lambda value: not truth(value),
    "and": _and,
    "or": _or,
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
    "trimAll": _trimmed,
    "trimPrefix": lambda prefix, text: text.removeprefix(prefix),
    "trimSuffix": lambda suffix, text: text.removesuffix(suffix),
    "replace": lambda old, new, text: text.replace(old, new),
    "contains": lambda part, text: part in text,
    "hasPrefix": lambda prefix, text: text.startswith(prefix),
    "hasSuffix": lambda suffix, text: text.endswith(suffix),
    "nospace": lambda text: "".join(text.split()),
    "trunc": _truncated,
    "splitList": lambda separator, text: text.split(separator),
    "split": _split,
    "join": lambda separator, items: separator.join(map(printed, items)),
    "first": _first,
    "last": _last,
    "reverse": lambda items: items[::-1],
    "default": lambda instead, value: value if truth(value) else instead,
    "empty": lambda value: not truth(value),
    "coalesce": lambda *values: next((value for value in values if truth(value)), ""),
    "ternary": lambda yes, no, condition: yes if condition else no,
}


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*values: Any) -> Any:
        try:
            return function(*values)
        except TemplateFault:
            raise
        except (TypeError, AttributeError, ValueError, IndexError):
            raise TemplateFault(f"{name} in a template does not take what it is given") from None

    return call


FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    name: _guarded(name, function) for name, function in _KNOWN.items()
}
