"""Regular expressions as Go reads them (RE2, `regexp/syntax`), by means of Python's.

What both read alike is passed on; what only Go has is translated; what only Python has is refused, as
Go refuses it: look-around, references to groups, possessive and conditional forms.
"""

import re
from typing import Final

_CLASSES: Final = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": "\\x00-\\x7F",
    "blank": "\\t ",
    "cntrl": "\\x00-\\x1F\\x7F",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\t\\n\\v\\f\\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_ESCAPES_OF_BOTH: Final = frozenset("dDsSwWbBAafnrtv")
_MOST_REPEATS: Final = 1000
_MOST_FLAGS: Final = 50
"""Changes of flags in one group: each is written anew in every alternative."""
_DEEPEST: Final = 100
"""Groups inside each other: beyond it nobody means what is written (Go's own limit is 1000)."""
_REPEAT: Final = re.compile(r"\{(\d+)(?:,(\d*))?\}", re.ASCII)
_GROUP: Final = re.compile(r"\?(?:P?<[A-Za-z_]\w*>|[imsU]*(?:-[imsU]+)?[:)])", re.ASCII)


class NotARegex(ValueError):
    """The text is no regular expression of Go. The message does not repeat it."""


def compiled(text: str) -> re.Pattern[str]:
    """The expression, for `search`. Raises NotARegex."""
    translated = _translated(text)
    try:
        return re.compile(translated, re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise NotARegex(f"is no regular expression: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """What is wrong, without Python's own notes on where in the translated text."""
    return str(getattr(error, "msg", "too large"))


def _translated(text: str) -> str:
    """The same expression in Python's language."""
    return _Translation(text).whole()


class _Translation:
    """One expression, from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.parts: list[str] = []
        self.flags: list[list[str]] = [[]]
        """Of each group that is open: the flags set in its middle, which hold to its end. Python has
        them only with a group of their own."""

    def whole(self) -> str:
        position = 0
        repeated = False
        while position < len(self.text):
            repeats = self._repeats(position)
            if repeats and repeated:
                raise NotARegex("is no regular expression: a repetition of a repetition")
            position = self._take(position)
            repeated = repeats
        self.parts.append(")" * len(self.flags[0]))
        return "".join(self.parts)

    def _repeats(self, position: int) -> bool:
        character = self.text[position]
        return character in "*+?" or (
            character == "{" and _REPEAT.match(self.text, position) is not None
        )

    def _take(self, position: int) -> int:
        """Translates what begins here; where the next begins."""
        text, character = self.text, self.text[position]
        if self._repeats(position):
            part, end = _repetition(text, position)
        elif character == "\\":
            part, end = _escape(text, position, in_class=False)
        elif character == "[":
            part, end = _class(text, position)
        elif character == "(":
            part, end = self._group(position)
        elif character == ")":
            part, end = self._close(), position + 1
        elif character == "|":
            inner = self.flags[-1]
            part, end = ")" * len(inner) + "|" + "".join(inner), position + 1
        else:
            many = any("m" in flag for flags in self.flags for flag in flags)
            own = {"{": "\\{", "$": "$" if many else "\\Z"}
            part, end = own.get(character, character), position + 1
        self.parts.append(part)
        return end

    def _close(self) -> str:
        if len(self.flags) == 1:
            raise NotARegex("is no regular expression: a ) has no (")
        return ")" * (len(self.flags.pop()) + 1)

    def _group(self, position: int) -> tuple[str, int]:
        if len(self.flags) > _DEEPEST:
            raise NotARegex(f"has more than {_DEEPEST} groups inside each other")
        if self.text[position + 1 : position + 2] != "?":
            self.flags.append([])
            return "(", position + 1
        match = _GROUP.match(self.text, position + 1)
        if match is None:
            raise NotARegex("uses a form of group that Go does not have, such as look-around")
        found = match.group().replace("U", "")
        if found.endswith(">"):
            self.flags.append([])
            return "(?P<" + found.partition("<")[2], match.end()
        opening = "(" + found[:-1].removesuffix("-") + ":"
        if found.endswith(")"):
            if len(self.flags[-1]) == _MOST_FLAGS:
                raise NotARegex(f"changes flags more than {_MOST_FLAGS} times in one group")
            self.flags[-1].append(opening)
        else:
            self.flags.append([])
        return opening, match.end()


def _repetition(text: str, position: int) -> tuple[str, int]:
    match = _REPEAT.match(text, position)
    if match is not None:
        least, most = int(match[1]), int(match[2] or match[1])
        if max(least, most) > _MOST_REPEATS:
            raise NotARegex(f"repeats more often than {_MOST_REPEATS} times, Go's limit")
        part, position = match.group(), match.end()
    else:
        part, position = text[position], position + 1
    if text[position : position + 1] == "?":
        return part + "?", position + 1
    return part, position


def _class(text: str, position: int) -> tuple[str, int]:
    """A class in brackets; position is that of the opening one."""
    parts = ["["]
    position += 1
    if text[position : position + 1] == "^":
        parts.append("^")
        position += 1
    first = True
    while True:
        character = text[position : position + 1]
        if not character:
            raise NotARegex("is no regular expression: a [ has no ]")
        if character == "]" and not first:
            return "".join([*parts, "]"]), position + 1
        first = False
        named = re.compile(r"\[:(\^?)(\w+):\]").match(text, position)
        if named is not None:
            if named[2] not in _CLASSES or named[1]:
                raise NotARegex(f"is no regular expression: there is no class [:{named[2]}:]")
            parts.append(_CLASSES[named[2]])
            position = named.end()
        elif character == "\\":
            part, position = _escape(text, position, in_class=True)
            parts.append(part)
        else:
            doubled = character == "-" and parts[-1] == "-"
            parts.append("\\" + character if doubled or character in "[&~|" else character)
            position += 1


def _escape(text: str, position: int, *, in_class: bool) -> tuple[str, int]:
    """What begins with a backslash."""
    following = text[position + 1 : position + 2]
    if not following:
        raise NotARegex("is no regular expression: a \\ at its end")
    if following == "Q" and not in_class:
        end = text.find("\\E", position)
        quoted = text[position + 2 : end if end >= 0 else len(text)]
        return re.escape(quoted), end + 2 if end >= 0 else len(text)
    if following in "pP":
        return _property(text, position, in_class=in_class)
    if following == "x":
        return _hexadecimal(text, position)
    if following.isdigit():
        return _octal(text, position)
    if following.isalpha():
        return _letter(following, in_class=in_class), position + 2
    return re.escape(following), position + 2


def _letter(letter: str, *, in_class: bool) -> str:
    if in_class and letter in "bBAz":
        raise NotARegex(f"is no regular expression: \\{letter} in brackets")
    if letter == "z":
        return "\\Z"
    if letter not in _ESCAPES_OF_BOTH:
        raise NotARegex(f"uses \\{letter}, which Go does not have")
    return "\\" + letter


def _property(text: str, position: int, *, in_class: bool) -> tuple[str, int]:
    """A class of Unicode: read, and taken for any character, for Python has none."""
    match = re.compile(r"\\[pP](?:\{\^?\w+\}|\w)").match(text, position)
    if match is None:
        raise NotARegex("is no regular expression: \\p without a class")
    return ("\\w" if in_class else "."), match.end()


def _octal(text: str, position: int) -> tuple[str, int]:
    match = re.compile(r"\\0[0-7]{0,2}|\\[1-7][0-7]{1,2}", re.ASCII).match(text, position)
    if match is None:
        raise NotARegex("refers to a group by number, which Go does not have")
    return f"\\x{int(match.group()[1:], 8):02x}", match.end()


def _hexadecimal(text: str, position: int) -> tuple[str, int]:
    match = re.compile(r"\\x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})").match(text, position)
    if match is None:
        raise NotARegex("is no regular expression: \\x without two digits")
    code = int(match[1] or match[2], 16)
    if code > 0x10FFFF:
        raise NotARegex("is no regular expression: \\x beyond the last character")
    return re.escape(chr(code)), match.end()
