"""Go templates in a service's environment, host name and mounts: whether SwarmKit could expand them.

Only what people write is understood: paths of fields (SwarmKit template/context.go) and functions
around them; of those the text alone is checked, whether each action ends.
"""

import re
from collections.abc import Iterable, Iterator

from swarm_operator.observed.json import JsonObject

_ACTION = re.compile(r"{{-?\s*(.*?)\s*-?}}", re.DOTALL)
_PATH = re.compile(r"(?:\.[A-Za-z]\w*)+")
_TREE: JsonObject = {
    "Service": {"ID": {}, "Name": {}, "Labels": None},
    "Node": {"ID": {}, "Hostname": {}, "Platform": {"Architecture": {}, "OS": {}}},
    "Task": {"ID": {}, "Name": {}, "Slot": {}},
}
"""None: any member, for it is a map."""


def problem(container: JsonObject) -> str | None:
    """In SwarmKit's words; None where all templates can be expanded."""
    for what, context, text in _templates(container):
        found = _problem_of(text)
        if found:
            where = f"{context}: " if context else ""
            return f"expanding {what} failed: {where}template: expansion:1:{found}"
    return None


def _templates(container: JsonObject) -> Iterator[tuple[str, str, str]]:
    """What it belongs to, how the error names it, and the text."""
    for entry in container.get("Env") or ():
        yield "env", f'expanding env "{entry}"', entry.partition("=")[2]
    for mount in container.get("Mounts") or ():
        for part in ("Source", "Target"):
            text = mount.get(part, "")
            yield "mounts", f'expanding mount {part.lower()} "{text}"', text
    yield "hostname", "", container.get("Hostname", "")


def _problem_of(text: str) -> str:
    if "{{" not in text:
        return ""
    if text.count("{{") > len(_ACTION.findall(text)):
        return " unclosed action"
    for action in _ACTION.finditer(text):
        if _PATH.fullmatch(action[1]):
            names = action[1].split(".")[1:]
            if (missing := _missing(names)) is not None:
                column = action.start(1) + len(".".join(names[: missing + 1])) - len(names[missing])
                return (
                    f'{column}: executing "expansion" at <{action[1]}>: '
                    f"can't evaluate field {names[missing]} in type {_TYPES[missing > 0]}"
                )
    return ""


_TYPES = {False: "*template.Context", True: "struct"}


def _missing(names: Iterable[str]) -> int | None:
    """The place of the first name that is none."""
    level: JsonObject | None = _TREE
    for place, name in enumerate(names):
        if level is None:
            return None
        if name not in level:
            return place
        level = level[name]
    return None
