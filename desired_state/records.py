"""The small JSON documents of the KV besides the stacks: who writes what, as typed models.

`parse` functions never raise on what people may have written by hand: they return None, and the
caller says which key is unreadable.
"""

from datetime import datetime
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

SCHEMA_VERSION: Final = 1
"""The version of the KV's layout that this code reads and writes."""


class Record(BaseModel):
    """A JSON value of the KV."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def parse(cls, value: bytes) -> Self | None:
        """The record, or None where the bytes are not one."""
        try:
            return cls.model_validate_json(value)
        except ValidationError:
            return None

    def encode(self) -> bytes:
        """Indented JSON: people read these keys in Consul's UI."""
        return self.model_dump_json(indent=1, exclude_none=True).encode()


class Installation(Record):
    """`desired/.installation`: the sentinel. An answer without it is incomplete."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)

    schema_version: int = Field(alias="schema", serialization_alias="schema", ge=1)
    installation: str = Field(min_length=1, description="Id that our labels on the swarm carry.")
    swarm: str = Field(min_length=1, description="Id of the swarm that this KV is for.")
    key: str = Field(
        default="",
        repr=False,
        description="Hex; keys the digests of secrets, so that a name gives nothing to guess.",
    )

    def encode(self) -> bytes:
        return self.model_dump_json(indent=1, by_alias=True).encode()


class Tombstone(Record):
    """`desired/removed/<stack>`: the evidence that a stack is to go."""

    who: str = ""
    when: datetime | None = None
    why: str = ""


class Request(Record):
    """`desired/requests/<verb>/<target>`: a person's wish for the lease holder."""

    who: str = ""
    when: datetime | None = None
    until: datetime | None = None
    digest: str = Field(default="", description="Of the plan that the person saw.")
    names: tuple[str, ...] = Field(default=(), description="What waited then.")
    reason: str = ""


class Pushed(Record):
    """`desired/stacks/<stack>/.pushed`: while `hash` is the folder's, nothing is debounced."""

    hash: str
    who: str = ""
    when: datetime | None = None
    files: tuple[str, ...] = Field(
        default=(), description="The paths that came by `push`: the only ones it takes away again."
    )


class Pushing(Record):
    """`desired/stacks/<stack>/.pushing`: a folder is being written in several transactions."""

    who: str = ""
    when: datetime | None = None
    files: tuple[str, ...] = Field(
        default=(), description="The paths being written, for the push that finishes a dead one."
    )


ConditionStatus = Literal["True", "False", "Unknown"]


class Condition(Record):
    """One statement about a stack, with the time since when it holds."""

    type: str
    status: ConditionStatus
    reason: str
    message: str = ""
    since: datetime


class ServiceStatus(Record):
    """How one service of a stack stands."""

    state: str
    message: str = ""
    running: int = 0
    wanted: int = 0
    unsettled_since: datetime | None = Field(
        default=None, description="Since when it makes no progress towards what is wished."
    )


class SpecRecord(Record):
    """What is remembered about the specs of one service."""

    sent: str = Field(default="", description="Digest of the spec sent last, noted before it went.")
    version: int = Field(default=0, description="The service's version when it was noted.")
    rejected: str = Field(default="", description="Digest of a spec that is not sent again.")
    reason: str = Field(default="", description="Why it was rejected.")


class SpecMemory(Record):
    """`status/specs/<stack>`: survives the operator, so that a rejected spec stays rejected."""

    services: dict[str, SpecRecord] = Field(default_factory=dict)


class StackStatus(Record):
    """`status/stacks/<stack>`: written when something changed, never by the clock."""

    stack: str
    state: str = Field(description="The headline: the condition that matters most.")
    reason: str = ""
    message: str = ""
    revision: str = Field(default="", description="Hash of the document and the files it names.")
    plan: str = Field(default="", description="Digest of what is held back, for `approve`.")
    waiting: tuple[str, ...] = Field(default=(), description="What is held back, for `approve`.")
    since: datetime
    conditions: tuple[Condition, ...] = ()
    services: dict[str, ServiceStatus] = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class OperatorStatus(Record):
    """`status/operator`: the daemon itself."""

    state: str
    reason: str = ""
    message: str = ""
    version: str
    mode: str
    leader: str = Field(default="", description="Host name of the lease holder.")
    swarm: str = ""
    since: datetime
    warnings: tuple[str, ...] = ()


class Revision(Record):
    """One kept revision of a stack's documents."""

    number: int = Field(ge=1)
    revision: str = Field(description="Hash of the documents and the files they name.")
    when: datetime = Field(description="When the stack was first Ready with it.")
    who: str = Field(default="", description="Who pushed it, where a push did.")
    chunks: int = Field(ge=1)
    files: tuple[str, ...] = ()


class History(Record):
    """`history/<stack>/index`: the revisions that are kept, oldest first."""

    revisions: tuple[Revision, ...] = ()


class Event(Record):
    """`status/events/<slot>`: one action of the operator, in a ring."""

    number: int = Field(ge=1)
    when: datetime
    stack: str
    verb: str
    kind: str
    name: str
    reason: str
    cause: str = Field(default="", description="The KV key and index, or what was seen in Docker.")
    changes: tuple[str, ...] = ()
    effect: str = ""
    result: str = ""
    message: str = ""
    took_s: float = 0.0
