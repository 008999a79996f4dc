"""`desired/policy`: the defaults for the whole swarm."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from desired_state import yaml_reader
from desired_state.duration_text import seconds
from desired_state.forms import checked_by, kind_of
from desired_state.model_problems import did_you_mean, model_problems, problem_at
from desired_state.problems import DocumentRefused, Path, Problem
from desired_state.rebalance_policy import RebalancePolicy
from desired_state.yaml_tree import YamlDocument

__all__ = ["DOCUMENT", "Policy", "seconds"]

DOCUMENT: Final = "desired/policy"


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

    rebalance: RebalancePolicy = Field(
        default=RebalancePolicy(), description="When tasks may be moved to where they should run."
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


def _not_acted_on(document: YamlDocument, path: Path) -> Problem | None:
    if len(path) > 1:
        return None
    hint = did_you_mean(str(path[-1]), Policy.model_fields)
    return problem_at(document, path, "this field is not acted on by this version", hint)
