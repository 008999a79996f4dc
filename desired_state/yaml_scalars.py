"""What a plain (unquoted) scalar of YAML is to go-yaml v3: YAML 1.2, with octal numbers as in 1.1."""

import re
from collections.abc import Mapping
from typing import Any, Final

from desired_state import go_values

INFINITE: Final = {float("inf"), float("-inf")}
_WORDS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_NUMERIC_START: Final = frozenset("+-.0123456789")
_INTEGER: Final = re.compile(
    r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|0[bB]([01]+)|([1-9][0-9]*|0))", re.ASCII
)
_BETWEEN_DIGITS: Final = re.compile(r"(?<=[0-9])_(?=[0-9])", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)


def plain_value(text: str) -> Any:
    """What a plain (unquoted) scalar is: None, bool, int, float, Timestamp or str."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC_START:
        return text
    if text[0] != ".":
        if (date := go_values.timestamp(text)) is not None:
            return date
        digits = text.replace("_", "")
        match = _INTEGER.fullmatch(digits)
        if match and (value := _integer(match)) is not None:
            return value
    else:
        digits = _BETWEEN_DIGITS.sub("", text)
    if not _FLOAT.fullmatch(digits):
        return text
    number = float(digits)
    return text if number in INFINITE else number  # Go refuses what overflows, so it stays a text


def _integer(match: re.Match[str]) -> int | None:
    sign, hexadecimal, octal, binary, decimal = match.groups()
    if hexadecimal:
        value = int(hexadecimal, 16)
    elif octal:
        value = int(octal, 8)
    elif binary:
        value = int(binary, 2)
    else:
        value = int(decimal[:25])
    if sign == "-":
        return -value if value <= go_values.INT64_MAX + 1 else None
    # Go's ParseUint knows no sign, so what only fits without one is no integer with it.
    return value if value <= (go_values.INT64_MAX if sign else go_values.UINT64_MAX) else None


def tag_of(value: Any) -> str:
    """The name of a value's YAML type."""
    if isinstance(value, go_values.Timestamp):
        return "timestamp"
    names = {type(None): "null", bool: "bool", int: "int", float: "float"}
    return names.get(type(value), "str")
