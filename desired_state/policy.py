"""`desired/policy`: the defaults for the whole swarm."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from desired_state.duration_text import seconds
from desired_state.forms import checked_by
from desired_state.mapping_document import read_mapping
from desired_state.rebalance_policy import RebalancePolicy

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
        return read_mapping(cls, DOCUMENT, value, "a policy")
