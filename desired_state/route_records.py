"""What the operator writes about routes: `status/routes/<stack>` and `status/traefik`.

Written when something changed, never by the clock.
"""

from collections.abc import Iterator
from datetime import datetime

from pydantic import Field

from desired_state.records import Record


class RouteStatus(Record):
    """One router, and how far it has come."""

    state: str = Field(
        description="live, pending, unknown, disabled, frozen, conflict or rejected."
    )
    message: str = ""
    since: datetime
    live_since: datetime | None = Field(
        default=None,
        description="Since when it is served as it is wished, whatever servers came and went.",
    )
    rule: str = ""
    entrypoints: tuple[str, ...] = ()
    service: str = Field(default="", description="The swarm's service, or the document, it is of.")
    target: str = Field(default="", description="The service of Traefik that it sends to.")
    servers: int = Field(default=0, description="Of its target, as they are written.")
    up: dict[str, int] = Field(
        default_factory=dict,
        description="How many of them are up, as each instance of Traefik says it that was asked.",
    )
    parked: bool = Field(
        default=False, description="Requests go to the DNS name of the tasks, and wait there."
    )
    live_after_s: float | None = Field(
        default=None,
        description="From the write that changed it last to every instance's showing it.",
    )


class StackRoutes(Record):
    """`status/routes/<stack>`: the routers of one stack, or of those without a stack."""

    stack: str = ""
    routes: dict[str, RouteStatus] = Field(
        default_factory=dict, description="By protocol and name: http/shop."
    )
    refused: tuple[str, ...] = Field(
        default=(), description="What is wrong with its routes, for people."
    )
    more: int = Field(
        default=0,
        description="Routes that are not shown, for they would not fit; those that are worst are.",
    )
    counts: dict[str, int] = Field(
        default_factory=dict, description="Where not all are shown: of all, how many by state."
    )
    others: dict[str, dict[str, tuple[str, ...]]] = Field(
        default_factory=dict,
        description="Names of those that are not shown, by state and owner, as far as they fit.",
    )


def others(record: StackRoutes) -> Iterator[tuple[str, str, str]]:
    """State, owner and name of each route that is named, but not shown."""
    for state, owners in record.others.items():
        for owner, names in owners.items():
            for name in names:
                yield state, owner, name


class InstanceStatus(Record):
    """A running instance of Traefik."""

    state: str = Field(
        description="current, behind, frozen, silent, or unknown: the stamp is another hand's."
    )
    version: str = ""
    message: str = ""
    since: datetime
    generation: str = Field(default="", description="The stamp that it showed last.")
    stamp_since: datetime | None = Field(
        default=None, description="Since when it shows this stamp."
    )


class TraefikStatus(Record):
    """`status/traefik`: the whole of what is published."""

    state: str = Field(
        description="Idle, Publishing, Observing, Waiting, Frozen, Conflict or Failed."
    )
    message: str = ""
    since: datetime
    root: str = ""
    generation: str = Field(default="", description="Digest of what is written; its stamp.")
    version: str = Field(default="", description="Of the oldest instance: what is written for.")
    instances: dict[str, InstanceStatus] = Field(default_factory=dict)
    frozen_by: tuple[str, ...] = Field(
        default=(),
        description="Keys that Traefik cannot read: it takes no change while they stand.",
    )
    conflicts: tuple[str, ...] = Field(
        default=(), description="What is left alone because of keys of another hand, for `adopt`."
    )
    warnings: tuple[str, ...] = ()
