"""The words of a Go template: its texts and actions, and what an action is made of."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from swarm_operator.plan.routes.template_functions import TemplateFault


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of a template (text, action), or a word of an action (name, field, text, number, sign)."""

    kind: str
    text: str
    value: Any = None
    is_joined: bool = False
    """Whether it follows the word before it without a blank."""


_COMMENT: Final = re.compile(r"(?:- )?/\*.*\*/(?: -)?", re.DOTALL)


def pieces(text: str) -> list[Word]:
    """A template's texts and actions. Raises TemplateFault."""
    result: list[Word] = []
    while True:
        before, opening, rest = text.partition("{{")
        if not opening:
            if before:
                result.append(Word("text", before))
            return result
        end = _end(rest)
        inside, text = rest[:end], rest[end + 2 :]
        if re.match(r"-\s", inside):
            before, inside = before.rstrip(), inside[1:]
        if re.search(r"\s-$", inside):
            inside, text = inside[:-1], text.lstrip()
        if before:
            result.append(Word("text", before))
        if not re.fullmatch(r"/\*.*\*/", inside.strip(), re.DOTALL):
            result.append(Word("action", inside.strip()))


def _end(rest: str) -> int:
    """Where the action ends: at the first `}}` that is not inside a text."""
    match = re.match(r'(?:[^`"}]|`[^`]*`|"(?:[^"\\]|\\.)*"|}(?!}))*(?=}})', rest, re.DOTALL)
    if match is None:
        raise TemplateFault("{{ has no }}")
    return match.end()


_WORD: Final = re.compile(
    r'(?P<blank>\s+)|(?P<raw>`[^`]*`)|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+)'
    r"|(?P<field>(?:\.[^\W\d]\w*)+|\.)|(?P<name>[^\W\d]\w*)|(?P<sign>[|()])",
)


def words(text: str) -> list[Word]:
    """The words of an action. Raises TemplateFault."""
    result: list[Word] = []
    position = 0
    blank = True
    while position < len(text):
        match = _WORD.match(text, position)
        if match is None:
            raise TemplateFault(f"{text[position]} is not read in a template here")
        position = match.end()
        kind, found = match.lastgroup or "", match.group()
        if kind != "blank":
            result.append(_word(kind, found, is_joined=not blank))
        blank = kind == "blank"
    return result


def _word(kind: str, found: str, *, is_joined: bool) -> Word:
    match kind:
        case "raw":
            return Word("text", found, found[1:-1])
        case "quoted":
            try:
                return Word("text", found, json.loads(found))
            except ValueError:
                raise TemplateFault("a text in a template has a \\ that means nothing") from None
        case "number":
            return Word("number", found, int(found))
    return Word(kind, found, is_joined=is_joined)
