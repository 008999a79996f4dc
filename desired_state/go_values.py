"""Values as Go reads and prints them, since docker/cli is written in Go.

Every function that reads raises ValueError with a message for people that does not hold the value.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Final

INT64_MAX: Final = 2**63 - 1
UINT64_MAX: Final = 2**64 - 1
NANO: Final = 10**9


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A date that YAML recognised. Go prints it in a form of its own, the `text`."""

    text: str


# Printing ---------------------------------------------------------------------------------------


def printed(value: object) -> str:
    """A scalar as `fmt.Sprint` prints it: 3.10 is `3.1`, 1000000.0 is `1e+06`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _printed_float(value)
    if isinstance(value, Timestamp):
        return value.text
    return str(value)


def _printed_float(value: float) -> str:
    """The shortest digits that read back, in exponent form below 1e-4 and from 1e6 on."""
    sign, digits, scale = Decimal(repr(value)).normalize().as_tuple()
    if not isinstance(scale, int):
        return repr(value)  # infinities and NaN: refused before anything prints them
    minus = "-" if sign else ""
    text = "".join(map(str, digits))
    exponent = len(text) + scale - 1
    if value and not -4 <= exponent < 6:
        point = "." if len(text) > 1 else ""
        return f"{minus}{text[0]}{point}{text[1:]}e{exponent:+03d}"
    return minus + format(Decimal((0, digits, scale)), "f")


# Reading ----------------------------------------------------------------------------------------

_INT64: Final = range(-INT64_MAX - 1, INT64_MAX + 1)
_INT64_DIGITS: Final = 19
# Not `[0-9]+\.?[0-9]*`: among long digits it would try every place for a point that is not there.
_DECIMAL: Final = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"

DURATION_UNITS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
"""Nanoseconds of each."""
_DURATION: Final = re.compile(rf"[-+]?(?:{_DECIMAL}(?:ns|us|µs|μs|ms|s|m|h))+", re.ASCII)
_DURATION_PART: Final = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)", re.ASCII)


def duration(text: str) -> int:
    """Nanoseconds of a Go duration such as `1h2m3.5s` (`time.ParseDuration`); they fit 64 bits."""
    if text in {"0", "+0", "-0"}:
        return 0
    if not _DURATION.fullmatch(text):
        raise ValueError("is not a duration; write a number with a unit, such as 1m30s or 500ms")
    size = sum(_part_ns(*part) for part in _DURATION_PART.findall(text))
    return _in_64_bits(
        -size if text.startswith("-") else size,
        "is too long; the longest duration is about 292 years",
    )


def _part_ns(whole: str, fraction: str, unit: str) -> int:
    """Of one number with its unit."""
    kept = fraction[: _INT64_DIGITS - 1]
    size = DURATION_UNITS[unit]
    return _of_digits(whole) * size + int(_of_digits(kept) * size // 10 ** len(kept))


def _of_digits(digits: str) -> int:
    """What is beyond 64 bits is so here too, however long it is: it is never read to its end."""
    digits = digits.lstrip("0")
    return int(digits[: _INT64_DIGITS + 1] or 0)


def _in_64_bits(number: int, trouble: str) -> int:
    if number not in _INT64:
        raise ValueError(trouble)
    return number


_SIZE: Final = re.compile(
    rf"\+?({_DECIMAL}(?:[eE][-+]?[0-9]{{1,3}})?) ?(?:([kmgtp])(?:b|ib)?|b)?",
    re.IGNORECASE | re.ASCII,
)
_SIZE_POWERS: Final = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def size(text: str) -> int:
    """Bytes of a size such as `50M`; every suffix is a power of 1024 (`units.RAMInBytes`)."""
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError("is not a size; write a number with k, m, g, t or p, such as 512M")
    number, suffix = match.groups()
    value = float(number) * 1024.0 ** _SIZE_POWERS.get((suffix or "").lower(), 0)
    if value > INT64_MAX:
        raise ValueError("is too large")
    return int(value)


_RATIONAL: Final = re.compile(
    r"[-+]?(?:[0-9]{1,30}/[0-9]{1,30}"
    r"|(?:[0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})(?:[eE][-+]?[0-9]{1,2}|[pP][-+]?[0-9]{1,2})?)",
    re.ASCII,
)
_PREFIXED: Final = re.compile(r"[-+]?0(?:[xX][0-9a-fA-F]{1,25}|[bB][01]{1,99}|[oO][0-7]{1,30})")


def nano_cpus(text: str) -> int:
    """Billionths of a CPU of a number such as `0.5` or `1/2` (`opts.ParseCPUs`)."""
    nanos = _rational(re.sub(r"(?<=[0-9])_(?=[0-9])", "", text)) * NANO
    if nanos.denominator != 1:
        raise ValueError("is too precise; a CPU has a billion parts")
    if abs(nanos) > INT64_MAX:
        raise ValueError("is too large")
    return int(nanos)


def _rational(text: str) -> Fraction:
    """A number as Go's `big.Rat` reads it: decimal, fraction, with a base, with a power of two."""
    if _PREFIXED.fullmatch(text):
        return Fraction(int(text, 0))
    if not _RATIONAL.fullmatch(text) or re.search(r"/0+$", text):
        raise ValueError("is not a number of CPUs; write one such as '0.5'")
    number_text, _, power = text.lower().partition("p")
    return Fraction(number_text) * Fraction(2) ** int(power or 0)


_WHOLE: Final = re.compile(r"[-+]?[0-9]+", re.ASCII)
_NUMBER: Final = re.compile(rf"[-+]?{_DECIMAL}(?:[eE][-+]?[0-9]{{1,3}})?", re.ASCII)


def whole_number(text: str) -> int:
    """A decimal number of 64 bits, as `strconv.Atoi` and `strconv.ParseInt` read it."""
    if not _WHOLE.fullmatch(text):
        raise ValueError("is not a whole number")
    size = _of_digits(text.lstrip("-+"))
    return _in_64_bits(-size if text.startswith("-") else size, "is not a whole number of 64 bits")


def number(text: str) -> float:
    """A decimal number as `strconv.ParseFloat` reads it, infinities refused."""
    if not _NUMBER.fullmatch(text):
        raise ValueError("is not a number")
    return float(text)


_BOOLEANS: Final = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


def boolean(text: str) -> bool:
    """As `strconv.ParseBool` reads one."""
    if text not in _BOOLEANS:
        raise ValueError("is not true or false")
    return _BOOLEANS[text]


def truth(text: str) -> bool:
    """A YAML 1.1 truth value in any case, as docker/cli reads one after a substitution."""
    lowered = text.lower()
    if lowered in {"y", "yes", "true", "on"}:
        return True
    if lowered in {"n", "no", "false", "off"}:
        return False
    raise ValueError("is neither true nor false")


_DATE: Final = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:([Tt ])([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,]([0-9]{1,9})[0-9]*)?"
    r"(Z|[-+][0-9]{2}:[0-9]{2})?)?",
    re.ASCII,
)


def timestamp(text: str) -> Timestamp | None:
    """The date that a plain YAML scalar is, in the four forms that go-yaml knows; else None."""
    match = _DATE.fullmatch(text)
    if not match:
        return None
    year, month, day, separator, hour, minute, second, fraction, zone = match.groups()
    if separator and (separator == " ") == bool(zone):
        return None  # with a blank there is no zone, with a T there must be one
    offset = _offset(zone) if zone and zone != "Z" else timedelta()
    if offset is None:
        return None
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
            tzinfo=timezone(offset),
        )  # fmt: skip
    except ValueError:
        return None
    parts = (fraction or "").rstrip("0")
    clock = f"{moment:%m-%d %H:%M:%S}" + (f".{parts}" if parts else "")
    name = f"{moment:%z}" if offset else "UTC"
    return Timestamp(f"{moment.year:04d}-{clock} {moment:%z} {name}")


def _offset(zone: str) -> timedelta | None:
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 23 or minutes > 59:
        return None
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if zone[0] == "-" else offset


# Command lines ----------------------------------------------------------------------------------


def words(line: str) -> list[str]:
    """A command line in words, as google/shlex splits it.

    Unlike Python's shlex a comment begins only where a word could, and ends with its line; inside
    double quotes a backslash makes any character itself.
    """
    result: list[str] = []
    position, end = 0, len(line)
    while position < end:
        if line[position] in " \t\r\n":
            position += 1
        elif line[position] == "#":
            newline = line.find("\n", position)
            position = end if newline < 0 else newline + 1
        else:
            word, position = _word(line, position)
            result.append(word)
    return result


def _word(line: str, position: int) -> tuple[str, int]:
    """The word that begins at `position` of `line`, and where it ends."""
    word: list[str] = []
    end = len(line)
    quote = ""
    while position < end:
        char = line[position]
        position += 1
        if char == "\\" and quote != "'":
            if position == end:
                raise ValueError("ends with a backslash")
            word.append(line[position])
            position += 1
        elif char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote = char
        elif not quote and char in " \t\r\n":
            break
        else:
            word.append(char)
    if quote:
        raise ValueError(f"has no closing {quote}")
    return "".join(word), position
