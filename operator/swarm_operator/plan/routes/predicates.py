"""Expressions such as ``Host(`a`) && !Path(`/x`)``: rules of routers and constraints over labels.

Traefik reads them with vulcand/predicate, which reads them with Go's own parser (`go/parser`,
ParseExpr): hence the precedence (`!`, then `&&`, then `||`), the two kinds of quotes, and that a line may
not end before an operator.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its texts."""

    name: str
    arguments: tuple[str, ...]
    position: int
    """Of its first character in the text, from 0."""


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    inner: "Predicate"


@dataclass(frozen=True, slots=True)
class Joined:
    """Two or more, joined by `&&` or `||`."""

    operator: str
    parts: tuple["Predicate", ...]


Predicate: TypeAlias = Call | Not | Joined

DEEPEST: Final = 100
"""Of parentheses and `!` inside each other: beyond it nobody means what is written."""


class NotAPredicate(ValueError):
    """The text is no such expression. Says where, and never repeats a quoted text."""

    def __init__(self, position: int, message: str) -> None:
        super().__init__(f"{message} (at character {position + 1})")


def parse(text: str) -> Predicate:
    """The expression of a text. Raises NotAPredicate."""
    return _Parser(text).whole()


def calls(predicate: Predicate) -> Iterator[Call]:
    """All functions of an expression, from left to right."""
    match predicate:
        case Call():
            yield predicate
        case Not(inner):
            yield from calls(inner)
        case Joined(_, parts):
            for part in parts:
                yield from calls(part)


@dataclass(frozen=True, slots=True)
class Placed:
    """A quoted text of an expression, and where it stands."""

    function: str
    """The name of the function that it is given to."""
    number: int
    """Among the function's texts, from 0."""
    start: int
    """Of its opening quote in the expression, from 0."""
    end: int
    """Behind its closing quote."""


def placed(text: str) -> Iterator[Placed]:
    """The quoted texts of an expression, from left to right. Raises NotAPredicate for signs that no
    expression has; whether the rest is one is not looked at."""
    function, number = "", 0
    for token in _tokens(text):
        if token.kind == "name":
            function, number = token.text, 0
        elif token.kind in {"raw", "quoted"}:
            yield Placed(function, number, token.position, token.position + len(token.text))
            number += 1


def holds(predicate: Predicate, of_call: Callable[[Call], bool]) -> bool:
    """Whether an expression is true, given what each function is."""
    match predicate:
        case Call():
            return of_call(predicate)
        case Not(inner):
            return not holds(inner, of_call)
        case Joined("&&", parts):
            return all(holds(part, of_call) for part in parts)
        case Joined(_, parts):
            return any(holds(part, of_call) for part in parts)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


_TOKEN: Final = re.compile(
    r"(?P<space>[ \t\r]+)|(?P<newline>\n)|(?P<raw>`[^`]*`)"
    r'|(?P<quoted>"(?:[^"\\\n]|\\.)*")|(?P<name>[^\W\d]\w*)|(?P<sign>&&|\|\||[!(),])'
)
_ENDS: Final = frozenset({"raw", "quoted", "name", ")"})
"""After these, the end of a line ends the expression (Go's automatic semicolon)."""


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.next = 0
        self.depth = 0

    def whole(self) -> Predicate:
        if not self.tokens:
            raise NotAPredicate(0, "is empty")
        found = self._either()
        if self.next < len(self.tokens):
            token = self.tokens[self.next]
            if token.kind == "newline":
                raise NotAPredicate(
                    token.position, "a line may not end here: put && or || at its end"
                )
            raise NotAPredicate(token.position, "&&, || or the end is expected")
        return found

    def _either(self) -> Predicate:
        return self._chain("||", self._all)

    def _all(self) -> Predicate:
        return self._chain("&&", self._one)

    def _chain(self, operator: str, part: Callable[[], Predicate]) -> Predicate:
        parts = [part()]
        while self._take(operator):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(operator, tuple(parts))

    def _one(self) -> Predicate:
        here = self._here()
        if self._take("!"):
            return Not(self._inside(here, self._one))
        if self._take("("):
            found = self._inside(here, self._either)
            self._expect(")")
            return found
        token = self._peek()
        if token is None or token.kind != "name":
            raise NotAPredicate(self._here(), "a function such as Host(`example.org`) is expected")
        self.next += 1
        return self._call(token)

    def _inside(self, here: int, part: Callable[[], Predicate]) -> Predicate:
        if self.depth == DEEPEST:
            raise NotAPredicate(here, f"more than {DEEPEST} parentheses and ! inside each other")
        self.depth += 1
        found = part()
        self.depth -= 1
        return found

    def _call(self, name: _Token) -> Call:
        if not self._take("("):
            message = f"{name.text} is expected to be followed by its values in parentheses"
            raise NotAPredicate(self._here(), message)
        arguments: list[str] = []
        while not self._take(")"):
            if arguments:
                self._expect(",")
                if self._take(")"):
                    break
            arguments.append(self._text())
        return Call(name.text, tuple(arguments), name.position)

    def _text(self) -> str:
        token = self._peek()
        if token is None or token.kind not in {"raw", "quoted"}:
            raise NotAPredicate(self._here(), 'a text in ` or " is expected')
        self.next += 1
        if token.kind == "raw":
            return token.text[1:-1].replace("\r", "")
        return _unquoted(token)

    def _peek(self) -> _Token | None:
        return self.tokens[self.next] if self.next < len(self.tokens) else None

    def _here(self) -> int:
        token = self._peek()
        return token.position if token is not None else len(self.text)

    def _take(self, sign: str) -> bool:
        token = self._peek()
        if token is None or token.kind != sign:
            return False
        self.next += 1
        return True

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise NotAPredicate(self._here(), f"{sign} is expected")


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    last = ""
    ended: _Token | None = None
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise NotAPredicate(position, _unreadable(text[position]))
        kind, found = match.lastgroup or "", match.group()
        if kind == "newline" and last in _ENDS and ended is None:
            ended = _Token("newline", found, position)
        elif kind not in {"space", "newline"}:
            if ended is not None:
                yield ended
                ended = None
            last = found if kind == "sign" else kind
            yield _Token(last, found, position)
        position = match.end()


def _unreadable(character: str) -> str:
    if character in '`"':
        return f"the text that begins with {character} has no end"
    if character == "'":
        return "texts are written in ` or \", not in '"
    return f"{character} has no meaning here"


_ESCAPE: Final = re.compile(
    r"\\(?:([abfnrtv\\\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))"
)
_LETTERS: Final = dict(zip('abfnrtv\\"', '\a\b\f\n\r\t\v\\"', strict=True))


def _unquoted(token: _Token) -> str:
    """A text in double quotes as Go reads it (`strconv.Unquote`)."""

    def character(match: re.Match[str]) -> str:
        letter, *codes, octal, wrong = match.groups()
        if wrong is not None:
            message = f"\\{wrong} means nothing in double quotes: write \\\\{wrong}, or use `"
            raise NotAPredicate(token.position + match.start() + 1, message)
        if letter is not None:
            return _LETTERS[letter]
        code = int(octal, 8) if octal else int(next(code for code in codes if code), 16)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            message = "the number after the backslash is that of no character"
            raise NotAPredicate(token.position + match.start() + 1, message)
        return chr(code)

    return _ESCAPE.sub(character, token.text[1:-1])
