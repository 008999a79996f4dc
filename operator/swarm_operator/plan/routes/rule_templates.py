"""The default rule: a Go template (`text/template`) over a service's name and labels.

Traefik gives templates the functions of sprig and its own `normalize`
(`pkg/provider/configuration.go`, MakeDefaultRuleTemplate). Here are the language's pipelines, parentheses
and `if`, and the functions over texts and lists; whatever else a template uses is refused by name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from swarm_operator.plan.routes.template_functions import FUNCTIONS, TemplateFault, printed, truth
from swarm_operator.plan.routes.template_words import Word, pieces, words


@dataclass(frozen=True, slots=True)
class Model:
    """What a template can ask for (`pkg/provider/docker/config.go`, build)."""

    name: str
    """`.Name`: of the service, normalized."""
    container_name: str
    """`.ContainerName`: in a swarm the service's name and the task's slot; here the service's name, for a
    rule must not change from task to task."""
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Literal:
    value: Any


@dataclass(frozen=True, slots=True)
class _Field:
    """`.Name`, `.Labels.x`, or with `of`: `(…)._0`."""

    path: tuple[str, ...]
    of: "_Node | None" = None


@dataclass(frozen=True, slots=True)
class _Applied:
    function: str
    arguments: tuple["_Node", ...]


_Node: TypeAlias = _Literal | _Field | _Applied


@dataclass(frozen=True, slots=True)
class _Choice:
    """`{{if}}`: the conditions with what follows them; the last without a condition is the `else`."""

    branches: tuple[tuple[_Node | None, tuple["_Part", ...]], ...]


_Part: TypeAlias = str | _Node | _Choice


@dataclass(frozen=True, slots=True)
class RuleTemplate:
    """A template that was read."""

    parts: tuple[_Part, ...]

    @classmethod
    def parse(cls, text: str) -> "RuleTemplate":
        """Raises ValueError with a message for people."""
        reader = _Reader(pieces(text))
        parts = reader.parts()
        if reader.left:
            raise TemplateFault(f"{{{{ {reader.left[0].text} }}}} without an if before it")
        return cls(parts)

    def rendered(self, model: Model) -> str:
        """The text for a service. Raises ValueError where a function does not take what it gets."""
        root = {
            "Name": model.name,
            "ContainerName": model.container_name,
            "Labels": dict(model.labels),
        }
        return _rendered(self.parts, root)


def _rendered(parts: tuple[_Part, ...], root: Mapping[str, Any]) -> str:
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, _Choice):
            for condition, inner in part.branches:
                if condition is None or truth(_value(condition, root)):
                    texts.append(_rendered(inner, root))
                    break
        else:
            texts.append(printed(_value(part, root)))
    return "".join(texts)


def _value(node: _Node, root: Mapping[str, Any]) -> Any:
    match node:
        case _Literal(value):
            return value
        case _Field(path, of):
            found: Any = root if of is None else _value(of, root)
            for name in path:
                if not isinstance(found, Mapping):
                    raise TemplateFault(f".{name} is asked of something that has no fields")
                if found is root and name not in found:
                    raise TemplateFault(
                        f".{name} is unknown: there are .Name, .ContainerName, .Labels"
                    )
                found = found.get(name, "")
            return found
        case _Applied(function, arguments):
            return FUNCTIONS[function](*(_value(argument, root) for argument in arguments))


_BLOCKS: Final = frozenset({"range", "with", "define", "template", "block", "break", "continue"})


class _Reader:
    """Reads the pieces of a template from left to right."""

    def __init__(self, found: list[Word]) -> None:
        self.left = found

    def parts(self) -> tuple[_Part, ...]:
        """Up to an `else`, an `end`, or the end of the template."""
        result: list[_Part] = []
        while self.left:
            piece = self.left[0]
            if piece.kind == "text":
                result.append(piece.text)
            elif piece.text.partition(" ")[0] in {"else", "end"}:
                break
            elif re.match(r"if\b", piece.text):
                result.append(self._choice())
            else:
                result.append(pipeline(piece.text))
            self.left.pop(0)
        return tuple(result)

    def _choice(self) -> _Choice:
        """From an `if` to its `end`, which stays the next piece."""
        branches: list[tuple[_Node | None, tuple[_Part, ...]]] = []
        condition: _Node | None = pipeline(self.left.pop(0).text[2:])
        while True:
            branches.append((condition, self.parts()))
            if not self.left:
                raise TemplateFault("{{ if }} without {{ end }}")
            if self.left[0].text == "end":
                return _Choice(tuple(branches))
            if condition is None:
                raise TemplateFault("two {{ else }} for one {{ if }}")
            following = re.fullmatch(r"else(?:\s+if\b(.*))?", self.left.pop(0).text, re.DOTALL)
            if following is None:
                raise TemplateFault("{{ else }} is followed by something that is no if")
            condition = pipeline(following[1]) if following[1] is not None else None


def pipeline(text: str) -> _Node:
    """What is between `{{` and `}}`. Raises TemplateFault."""
    left = words(text)
    node = _piped(left)
    if left:
        raise TemplateFault(f"{left[0].text} is not expected in a template")
    return node


def _piped(left: list[Word]) -> _Node:
    node = _command(left, None)
    while left and left[0].text == "|":
        left.pop(0)
        node = _command(left, node)
    return node


def _command(left: list[Word], last: _Node | None) -> _Node:
    """A function with its arguments, the last of which may come from before the `|`; or one value."""
    if not left:
        raise TemplateFault("a template has an empty {{ }} or |")
    first = left[0]
    if first.kind == "name":
        left.pop(0)
        if first.text in _BLOCKS:
            raise TemplateFault(
                f"{{{{ {first.text} }}}} is not read here: write the rule with labels"
            )
        if first.text in {"true", "false"}:
            return _Literal(first.text == "true")
        if first.text not in FUNCTIONS:
            raise TemplateFault(f"the function {first.text} of a template is not known here")
        arguments: list[_Node] = []
        while left and left[0].text not in {"|", ")"}:
            arguments.append(_operand(left))
        return _Applied(first.text, (*arguments, last) if last is not None else tuple(arguments))
    node = _operand(left)
    if last is not None:
        raise TemplateFault("a value in a template is given to something that is no function")
    return node


def _operand(left: list[Word]) -> _Node:
    word = left.pop(0)
    if word.kind in {"text", "number"}:
        return _Literal(word.value)
    if word.kind == "field":
        return _Field(tuple(part for part in word.text.split(".") if part))
    if word.kind == "name":
        return _command([word], None)
    if word.text == "(":
        inner = _piped(left)
        if not left or left.pop(0).text != ")":
            raise TemplateFault("a ( in a template has no )")
        if left and left[0].kind == "field" and left[0].is_joined:
            return _Field(tuple(part for part in left.pop(0).text.split(".") if part), inner)
        return inner
    raise TemplateFault(f"{word.text} is not expected in a template")
