"""`x-operator`: what a document says to the operator itself, of a stack and of a service."""

import difflib
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from desired_state import go_values
from desired_state.dns_forms import ServiceDns
from desired_state.forms import Duration, Model, UniqueTextList, defect, kind_of, unique
from desired_state.go_values import Timestamp
from desired_state.route_forms import ServiceRoutes

KEY: Final = "x-operator"


class Sync(StrEnum):
    """How a stack is kept in line."""

    AUTO = "auto"
    OBSERVE = "observe"
    PAUSED = "paused"


class Prune(StrEnum):
    """What becomes of services that are gone from the document."""

    AUTO = "auto"
    CONFIRM = "confirm"
    OFF = "off"


class Ignorable(StrEnum):
    """A field of a service whose changes by another hand can be left alone."""

    REPLICAS = "replicas"
    IMAGE = "image"
    ENV = "env"
    LABELS = "labels"
    CONSTRAINTS = "constraints"
    RESOURCES = "resources"
    UPDATE_CONFIG = "update_config"


class Rebalance(StrEnum):
    """Whether and how a service's tasks may be moved to where they should run."""

    AUTO = "auto"
    NEVER = "never"
    OVERLAP = "overlap"
    STOP_FIRST = "stop-first"


class Drift(StrEnum):
    """What becomes of changes by another hand."""

    CORRECT = "correct"
    REPORT = "report"


def _moment(value: Any) -> Any:
    """A moment with a zone: YAML gives a date, JSON and quotes give text."""
    if isinstance(value, Timestamp):
        date, clock, offset, _ = value.text.split(" ")
        value = f"{date}T{clock}{offset}"
    if not isinstance(value, str):
        raise defect(f"must be a moment such as 2030-01-31T18:00:00Z, not {kind_of(value)}")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise defect("is not a moment; write it as 2030-01-31T18:00:00Z") from None
    if moment.tzinfo is None:
        raise defect("has no time zone; write it as 2030-01-31T18:00:00Z")
    return moment


class Pause(Model):
    """A pause of a stack: nothing is changed until it ends."""

    until: (
        Annotated[
            datetime,
            BeforeValidator(_moment),
            WithJsonSchema({"type": "string", "format": "date-time"}),
        ]
        | None
    ) = Field(default=None, description="When it ends by itself (RFC 3339); absent: never.")
    reason: str = Field(min_length=1, description="Why; shown wherever the stack is.")


class SyncMode(Model):
    """`sync`: auto, observe, or {paused: {until, reason}}."""

    mode: Sync = Sync.AUTO
    paused: Pause | None = None


def _sync(value: Any) -> Any:
    if isinstance(value, str) and value in {"auto", "observe"}:
        return {"mode": Sync(value)}
    if isinstance(value, dict) and set(value) == {"paused"}:
        return {"mode": Sync.PAUSED, "paused": value["paused"]}
    raise defect("must be auto, observe, or a mapping with the key paused")


def _choice(kind: type[StrEnum]) -> BeforeValidator:
    def read(value: Any) -> Any:
        if value is False and "off" in set(kind):
            return kind("off")  # what tools that speak YAML 1.1 make of the word
        if isinstance(value, str) and value in set(kind):
            return kind(value)
        choices = [member.value for member in kind]
        close = difflib.get_close_matches(str(value), choices, n=1)
        hint = f'did you mean "{close[0]}"?' if close else None
        raise defect(f"must be one of {', '.join(choices)}", hint)

    return BeforeValidator(read)


def _absolute(path: str) -> str:
    if not path.startswith("/") or "\0" in path:
        raise defect("must be an absolute path on the nodes", "begin it with /")
    return path


_SYNC_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {"enum": ["auto", "observe"]},
        {
            "type": "object",
            "properties": {
                "paused": {
                    "type": "object",
                    "properties": {
                        "until": {"type": ["string", "null"], "format": "date-time"},
                        "reason": {"type": "string", "minLength": 1},
                    },
                    "required": ["reason"],
                    "additionalProperties": False,
                }
            },
            "required": ["paused"],
            "additionalProperties": False,
        },
    ]
}


class StackOptions(Model):
    """`x-operator` at the top of a document."""

    project_directory: Annotated[str, AfterValidator(_absolute)] | None = Field(
        default=None,
        description="The folder on the nodes that relative bind sources are relative to.",
    )
    files: UniqueTextList = Field(
        default=(), description="Further documents of the folder, merged onto the first in order."
    )
    sync: Annotated[SyncMode, BeforeValidator(_sync), WithJsonSchema(_SYNC_SCHEMA)] = Field(
        default=SyncMode(),
        description="auto; observe: plan and report only; {paused: {until, reason}}.",
    )
    prune: Annotated[Prune, _choice(Prune)] = Field(
        default=Prune.AUTO,
        description="What becomes of services gone from the document: auto, confirm or off.",
    )


class ServiceOptions(Model):
    """`x-operator` of a service."""

    protect: bool = Field(default=False, description="Never removed by prune.")
    drift: Annotated[Drift, _choice(Drift)] = Field(
        default=Drift.CORRECT,
        description="What becomes of changes by another hand: correct or report.",
    )
    ignore: Annotated[
        tuple[Annotated[Ignorable, _choice(Ignorable)], ...],
        AfterValidator(unique),
        Field(strict=False),
    ] = Field(
        default=(),
        description="Fields whose changes by another hand are left alone.",
    )
    rebalance: Annotated[Rebalance, _choice(Rebalance)] | None = Field(
        default=None,
        description=(
            "Whether its tasks may be moved: auto (stateless); never; overlap (a single stateless "
            "replica, which runs twice for seconds); stop-first (a single replica whose data follows "
            "it, with a gap of seconds). Absent: the policy's default."
        ),
    )
    progress_deadline: Annotated[Duration, Field(ge=0)] = Field(
        default=600 * go_values.NANO,
        description="How long an update may take before the service counts as degraded; 0s: ever.",
    )

    routes: ServiceRoutes = Field(
        default=(), description="Routes of the reverse proxy to the service: one, or a list."
    )

    dns: ServiceDns = Field(
        default=(),
        description="Names that point at the nodes which run its tasks: one, or a list.",
    )

    @property
    def progress_deadline_s(self) -> float:
        """The deadline in seconds; 0: none."""
        return self.progress_deadline / go_values.NANO
