"""The two dialects of files with variables: `.env` as Compose reads it, `env_file` as docker does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from desired_state.interpolation import BadTemplate, substitute

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
_ASSIGNMENT: Final = re.compile(
    r"[ \t]*(?:export[ \t]+)?([^\s=:#]+)[ \t]*(=|:[ \t])?[ \t]*", re.ASCII
)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$$"}


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be read. The message never holds a value."""

    line: int
    message: str
    hint: str | None = None


def dotenv(source: bytes) -> tuple[dict[str, str], list[BadLine]]:
    """The variables of a `.env` file: comments, quotes, `export`, values over several lines.

    A name without a value is left out. `${…}` in a value that is not in single quotes stands for a
    variable of the lines above.
    """
    text, bad = _decoded(source)
    variables: dict[str, str] = {}
    position, line = 0, 1
    while position < len(text):
        start_line = line
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        match = _ASSIGNMENT.match(text, position, end)
        if not match or not match[2]:
            rest = text[position:end].strip()
            if (
                rest
                and not rest.startswith("#")
                and not _NAME.fullmatch(rest.removeprefix("export "))
            ):
                bad.append(BadLine(line, "is not NAME=value"))
            position, line = end + 1, line + 1
            continue
        value, after, problem = _value(text, match.end(), end)
        line += text.count("\n", position, after) + 1
        position = after + 1
        if problem is None and not _NAME.fullmatch(match[1]):
            problem = "has a name with characters other than letters, digits, _ . -"
        if problem is None:
            try:
                variables[match[1]] = value if value is None else _expanded(value, variables)
            except BadTemplate as template:
                hint = "put the value in single quotes if the $ is meant"
                bad.append(BadLine(start_line, f"{match[1]}: {template.message}", hint))
        else:
            bad.append(BadLine(start_line, problem))
    return variables, bad


@dataclass(frozen=True, slots=True)
class _Raw:
    text: str
    literal: bool


def _expanded(value: _Raw, variables: Mapping[str, str]) -> str:
    return value.text if value.literal else substitute(value.text, variables)


def _value(text: str, start: int, end: int) -> tuple[_Raw, int, str | None]:
    """A value from `start`, the end of its last line, and what is wrong with it."""
    quote = text[start : start + 1]
    if quote in {"'", '"'} and quote:
        return _quoted(text, start + 1, quote)
    raw = text[start:end].rstrip("\r")
    comment = re.search(r"(?:^|[ \t])#", raw)
    if comment:
        raw = raw[: comment.start()]
    return _Raw(raw.rstrip(), literal=False), end, None


def _quoted(text: str, start: int, quote: str) -> tuple[_Raw, int, str | None]:
    parts: list[str] = []
    position = start
    while position < len(text):
        char = text[position]
        if char == "\\" and position + 1 < len(text):
            following = text[position + 1]
            if quote == '"':
                parts.append(_ESCAPES.get(following, "\\" + following))
            else:
                parts.append("'" if following == "'" else "\\" + following)
            position += 2
        elif char == quote:
            return _after_quote(text, position + 1, _Raw("".join(parts), literal=quote == "'"))
        else:
            parts.append(char)
            position += 1
    end = text.find("\n", start)
    return _Raw("", literal=True), len(text) if end < 0 else end, f"has no closing {quote}"


def _after_quote(text: str, position: int, value: _Raw) -> tuple[_Raw, int, str | None]:
    end = text.find("\n", position)
    end = len(text) if end < 0 else end
    rest = text[position:end].strip()
    wrong = "has text after the closing quote" if rest and not rest.startswith("#") else None
    return value, end, wrong


def env_file(source: bytes) -> tuple[list[tuple[str, str | None]], list[BadLine]]:
    """The lines of an `env_file` as docker/cli reads them (pkg/kvfile), in their order.

    Quotes, `$` and trailing blanks are part of the value. A name alone has the value None.
    """
    text, bad = _decoded(source)
    pairs: list[tuple[str, str | None]] = []
    for number, full_line in enumerate(text.split("\n"), start=1):
        line = full_line.removesuffix("\r").lstrip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not name:
            bad.append(BadLine(number, "has no name before the ="))
        elif " " in name or "\t" in name:
            bad.append(BadLine(number, "has a blank in its name", "write NAME=value"))
        else:
            pairs.append((name, value if equals else None))
    return pairs, bad


def _decoded(source: bytes) -> tuple[str, list[BadLine]]:
    try:
        return source.removeprefix(b"\xef\xbb\xbf").decode(), []
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        return "", [BadLine(line, "is not text in UTF-8")]
