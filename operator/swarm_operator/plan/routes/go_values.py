"""Texts as Go reads them: `strconv.ParseBool`, `strconv.ParseInt`, `time.ParseDuration`, and the
comparison of names, `strings.EqualFold`."""

import re
from functools import lru_cache
from typing import Final

_BOOLS: Final = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
_INT: Final = re.compile(r"[+-]?[0-9]+")
_INT64: Final = range(-(2**63), 2**63)
_NUMBER: Final = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_DURATION: Final = re.compile(rf"[+-]?(?:0|(?:{_NUMBER}(?:ns|us|µs|μs|ms|s|m|h))+)")
_PART: Final = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")
_UNIT_NS: Final = {
    "ns": 1,
    **dict.fromkeys(("us", "µs", "μs"), 10**3),
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}


def bool_of(text: str) -> bool:
    """Raises ValueError."""
    if text not in _BOOLS:
        raise ValueError(f"{text!r} is not true or false")
    return _BOOLS[text]


def int_of(text: str) -> int:
    """Raises ValueError: Go takes no blanks, underscores, exponents or hexadecimal digits."""
    if not _INT.fullmatch(text):
        raise ValueError(f"{text[:20]!r} is not a whole number of 64 bits")
    digits = text.lstrip("+-").lstrip("0")
    number = int(digits or 0) if len(digits) <= 19 else 2**64
    number = -number if text.startswith("-") else number
    if number not in _INT64:
        raise ValueError(f"{text[:20]!r} is not a whole number of 64 bits")
    return number


def duration_s(text: str) -> float:
    """Seconds; a plain number is seconds too (paerser's `types.Duration`).

    Raises ValueError, also beyond 64 bits of nanoseconds (about 292 years), as `time.ParseDuration`.
    """
    if _INT.fullmatch(text):
        return float(int_of(text))
    if not _DURATION.fullmatch(text):
        raise ValueError(f'{text[:20]!r} is not a duration such as "10s", "500ms" or "1m30s"')
    total = sum(_part_ns(*part) for part in _PART.findall(text))
    if (-total if text.startswith("-") else total) not in _INT64:
        raise ValueError(f"{text[:20]!r} is longer than the longest duration, about 292 years")
    return (-total if text.startswith("-") else total) / 10**9


def _part_ns(whole: str, fraction: str, unit: str) -> int:
    """Nanoseconds of one number with its unit. Cut before they are read: no text is too long for it."""
    digits = whole.lstrip("0")
    if len(digits) > 19:
        raise ValueError(f"{digits[:20]}… {unit} is longer than the longest duration")
    kept = fraction[:18]
    size = _UNIT_NS[unit]
    return int(digits or 0) * size + int(int(kept or 0) * size // 10 ** len(kept))


@lru_cache(maxsize=1 << 16)
def folded(name: str) -> str:
    """Equal for names that Go's EqualFold takes for equal."""
    if name.isascii():
        return name.lower()
    return "".join(_folded_letter(letter) for letter in name)


def _folded_letter(letter: str) -> str:
    upper = letter.upper()
    lower = (upper if len(upper) == 1 else letter).lower()
    return lower if len(lower) == 1 else letter
