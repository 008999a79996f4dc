"""`desired/policy`: the defaults for the whole swarm."""

import re
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from desired_state import yaml_reader
from desired_state.forms import checked_by, kind_of
from desired_state.model_problems import did_you_mean, model_problems, problem_at
from desired_state.problems import DocumentRefused, Path, Problem
from desired_state.yaml_tree import YamlDocument

DOCUMENT: Final = "desired/policy"

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")


def seconds(text: str) -> float:
    """Seconds of a duration such as `90s`, `2m`, `1h30m`, `7d`. Raises ValueError."""
    if not _DURATION.fullmatch(text):
        raise ValueError("is not a duration; write one such as 90s, 2m or 1h30m")
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


class Policy(BaseModel):
    """What holds for all stacks unless a document says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    prune_stacks: Literal["off", "auto"] = Field(
        default="off",
        description="Whether a stack whose folder vanished without a tombstone is removed.",
    )
    grace: str = Field(
        default="1h", description="How long a folder must be gone before `auto` removes its stack."
    )

    @field_validator("grace")
    @classmethod
    def _check_grace(cls, value: str) -> str:
        return checked_by(seconds)(value)

    @property
    def grace_s(self) -> float:
        """Seconds that a folder must be gone."""
        return seconds(self.grace)

    @classmethod
    def parse_yaml(cls, value: bytes) -> "Policy":
        """The policy of a document; an empty one is the default.

        Raises DocumentRefused with every problem; a field that this version does not act on is one.
        """
        try:
            document, _ = yaml_reader.read(DOCUMENT, value)
        except yaml_reader.Unreadable as unreadable:
            raise DocumentRefused(unreadable.problems) from None
        if document.root is None:
            return cls()
        if not isinstance(document.root, dict):
            message = f"a policy is a mapping, not {kind_of(document.root)}"
            raise DocumentRefused([problem_at(document, (), message)])
        try:
            return cls.model_validate(document.root)
        except ValidationError as error:
            raise DocumentRefused(model_problems(document, error, cls, _not_acted_on)) from None


def _not_acted_on(document: YamlDocument, path: Path) -> Problem:
    hint = did_you_mean(str(path[-1]), Policy.model_fields)
    return problem_at(document, path, "this field is not acted on by this version", hint)
