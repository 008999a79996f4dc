"""`${…}` in the values of a document.

What docker/cli and the Compose specification read alike is replaced. What docker/cli reads in a way
that nobody means (cli/compose/template: operators work without braces, `:-` and `-` are looked for
anywhere, a default ends at the first brace) is refused with the reason, never reproduced.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from desired_state import go_values
from desired_state.problems import Path
from desired_state.yaml_tree import YamlList, YamlMapping


class BadTemplate(Exception):
    """A text that cannot be interpolated: what is wrong, and what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


_NAME: Final = r"[_a-zA-Z][_a-zA-Z0-9]*"
_REFERENCE: Final = re.compile(
    rf"\$(?:(?P<escaped>\$)|(?P<named>{_NAME})(?P<bare_operator>:?[-?])?|\{{(?P<braced>[^}}]*)\}}|(?P<invalid>))",
    re.ASCII,
)
_BRACED: Final = re.compile(rf"({_NAME})(?:(:?[-?+])(.*))?", re.ASCII | re.DOTALL)
_ESCAPE_HINT: Final = "write $$ for a dollar sign"


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """`text` with every variable replaced. Raises BadTemplate."""
    return _REFERENCE.sub(lambda match: _replacement(match, variables), text)


def _replacement(match: re.Match[str], variables: Mapping[str, str]) -> str:
    if match["escaped"]:
        return "$"
    if name := match["named"]:
        if operator := match["bare_operator"]:
            raise BadTemplate(
                f'docker stack deploy takes the "{operator}" after ${name} for an operator and drops '
                "the text behind it",
                f"write ${{{name}}}",
            )
        return _required(name, variables)
    if match["braced"] is not None:
        return _braced(match["braced"], variables)
    raise BadTemplate("a $ must be followed by a variable's name", _ESCAPE_HINT)


def _braced(text: str, variables: Mapping[str, str]) -> str:
    match = _BRACED.fullmatch(text)
    if not match:
        raise BadTemplate("what stands in ${…} is no variable with an operator", _ESCAPE_HINT)
    name, operator, word = match.groups()
    if operator is None:
        return _required(name, variables)
    _refuse_other_readings(name, operator, word)
    value = variables.get(name)
    missing = value is None or (operator.startswith(":") and value == "")
    match operator[-1]:
        case "-":
            return word if value is None or missing else value
        case "+":
            return "" if missing else word
        case _:
            if value is None or missing:
                detail = f": {word}" if word else ""
                raise BadTemplate(f"the required variable {name} has no value{detail}", _set(name))
            return value


def _refuse_other_readings(name: str, operator: str, word: str) -> None:
    """Refuses what docker/cli would split at another place than the Compose specification."""
    if "$" in word:
        raise BadTemplate(
            f"the text behind {name}{operator} holds a $, and docker stack deploy replaces no "
            "variable there",
            "give the inner variable its value in .env",
        )
    if (operator == "-" and ":-" in word) or (operator[-1] == "?" and ":-" in word):
        other = ":-"
    elif operator[-1] == "?" and "-" in word:
        other = "-"
    elif operator == "?" and ":?" in word:
        other = ":?"
    else:
        return
    raise BadTemplate(
        f'the text behind {name}{operator} holds "{other}", at which docker stack deploy splits it '
        "and takes the rest for a default",
        "reword it without that character",
    )


def _required(name: str, variables: Mapping[str, str]) -> str:
    if name not in variables:
        raise BadTemplate(f"the variable {name} is not set", _set(name))
    return variables[name]


def _set(name: str) -> str:
    return f"set it in .env, or give a default: ${{{name}:-…}}"


# A whole document --------------------------------------------------------------------------------

Cast = Callable[[str], Any]

_SERVICE_CASTS: Final[Mapping[tuple[str, ...], Cast]] = {
    ("configs", "[]", "mode"): go_values.whole_number,
    ("secrets", "[]", "mode"): go_values.whole_number,
    ("healthcheck", "retries"): go_values.whole_number,
    ("healthcheck", "disable"): go_values.truth,
    ("deploy", "replicas"): go_values.whole_number,
    ("deploy", "update_config", "parallelism"): go_values.whole_number,
    ("deploy", "update_config", "max_failure_ratio"): go_values.number,
    ("deploy", "rollback_config", "parallelism"): go_values.whole_number,
    ("deploy", "rollback_config", "max_failure_ratio"): go_values.number,
    ("deploy", "restart_policy", "max_attempts"): go_values.whole_number,
    ("deploy", "placement", "max_replicas_per_node"): go_values.whole_number,
    ("ports", "[]", "target"): go_values.whole_number,
    ("ports", "[]", "published"): go_values.whole_number,
    ("ulimits", "*"): go_values.whole_number,
    ("ulimits", "*", "hard"): go_values.whole_number,
    ("ulimits", "*", "soft"): go_values.whole_number,
    ("privileged",): go_values.truth,
    ("oom_score_adj",): go_values.whole_number,
    ("read_only",): go_values.truth,
    ("stdin_open",): go_values.truth,
    ("tty",): go_values.truth,
    ("volumes", "[]", "read_only"): go_values.truth,
    ("volumes", "[]", "volume", "nocopy"): go_values.truth,
    ("env_file", "[]", "required"): go_values.truth,
}
_CASTS: Final[Mapping[tuple[str, ...], Cast]] = {
    **{("services", "*", *path): cast for path, cast in _SERVICE_CASTS.items()},
    ("networks", "*", "external"): go_values.truth,
    ("networks", "*", "internal"): go_values.truth,
    ("networks", "*", "attachable"): go_values.truth,
    ("volumes", "*", "external"): go_values.truth,
    ("secrets", "*", "external"): go_values.truth,
    ("configs", "*", "external"): go_values.truth,
}
"""Where a text that came out of a substitution is read as another type (docker/cli's loader)."""


@dataclass(slots=True)
class Interpolation:
    """Replaces the variables of a document; what cannot be replaced is in `failures`."""

    variables: Mapping[str, str]
    failures: list[tuple[Path, str, str | None]] = field(default_factory=list)

    def of(self, value: Any, path: Path = ()) -> Any:
        """A copy of `value` with all texts interpolated, keys left alone."""
        if isinstance(value, str):
            return self._text(value, path) if "$" in value else value
        if isinstance(value, YamlMapping):
            mapping = YamlMapping(value.mark)
            mapping.keys_at, mapping.values_at = value.keys_at, value.values_at
            mapping.size = value.size
            for key, item in value.items():
                mapping[key] = self.of(item, (*path, key))
            return mapping
        if isinstance(value, YamlList):
            items = YamlList(value.mark)
            items.items_at, items.size = value.items_at, value.size
            items.extend(self.of(item, (*path, index)) for index, item in enumerate(value))
            return items
        return value

    def _text(self, text: str, path: Path) -> Any:
        try:
            result = substitute(text, self.variables)
        except BadTemplate as bad:
            self.failures.append((path, bad.message, bad.hint))
            return text
        cast = _cast_at(path) if result != text else None
        if cast is None:
            return result
        try:
            return cast(result)
        except ValueError as error:
            self.failures.append((path, f"once its variables are replaced it {error}", None))
            return text


def _cast_at(path: Path) -> Cast | None:
    shape = tuple("[]" if isinstance(part, int) else part for part in path)
    for pattern, cast in _CASTS.items():
        if len(pattern) == len(shape) and all(
            want in {"*", part} for want, part in zip(pattern, shape, strict=True)
        ):
            return cast
    return None
