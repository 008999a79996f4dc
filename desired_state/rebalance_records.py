"""`status/rebalance`: what the operator remembers about moving tasks, and what people see of it.

Moments, never seconds that count: it is written when something happened, not as time goes by.
"""

from datetime import datetime
from typing import Literal

from pydantic import Field

from desired_state.records import Record


class RebalanceNode(Record):
    """What is remembered, and said, of one node."""

    hostname: str
    state: str = Field(default="", description="As it was seen last: ready, down, unknown.")
    steady_since: datetime | None = Field(
        default=None, description="Since when it can take tasks; absent while it cannot."
    )
    away_since: datetime | None = Field(default=None, description="Since when it is not ready.")
    downs: tuple[datetime, ...] = Field(
        default=(), description="When it went down, in the last 24 hours."
    )
    first_move: datetime | None = Field(
        default=None, description="When it got its first task since it is steady: the canary."
    )
    failed_moves: tuple[datetime, ...] = Field(
        default=(), description="Moves to it that failed, since the last that did not."
    )
    blocked_until: datetime | None = Field(default=None, description="Too many moves to it failed.")
    balanced: bool = Field(default=True, description="Whether it got its share since it is steady.")
    surplus: int = Field(default=0, description="Tasks that should run on other nodes.")
    message: str = ""


class RebalanceService(Record):
    """What is remembered, and said, of one service."""

    moved_at: datetime | None = Field(default=None, description="When its last move ended.")
    sealed: str = Field(default="", description="The engine's time of the last write of that move.")
    changed: str = Field(
        default="", description="The engine's time of the last change before that move."
    )
    left_until: datetime | None = Field(
        default=None, description="Somebody else changed it in the middle of a move."
    )
    ends_a_move: bool = Field(
        default=False,
        description="Nothing changed it since its last move: `docker service rollback` does nothing.",
    )
    surplus: int = 0
    message: str = ""


class BlockedMove(Record):
    """A move that failed: not tried again until the service's spec or the node's session changes."""

    service: str
    node: str = Field(description="Id of the target.")
    spec: str = Field(description="Digest of the service's spec.")
    session: datetime | None = Field(description="Since when the target was steady.")
    why: str = ""


class WishedMove(Record):
    """One move that would mend an imbalance."""

    service: str
    source: str = Field(description="Host name.")
    target: str
    why_not: str = Field(default="", description="Why it waits; empty: it is the next.")


class SelfTest(Record):
    """Whether directed moves work on an engine of this version; `untried` where nothing was at hand
    to try them with, which forbids nothing."""

    result: Literal["passed", "failed", "untried"]
    when: datetime
    message: str = ""


class RebalanceStatus(Record):
    """The whole of it."""

    state: str = Field(
        default="",
        description="Balanced, Unbalanced, Waiting, Moving, Recommending, Blocked, Paused, Off.",
    )
    message: str = ""
    since: datetime | None = None
    moving: str = Field(default="", description="The move under way, and how far it is.")
    wished: tuple[WishedMove, ...] = Field(default=(), description="In order; not more than a few.")
    wished_count: int = 0
    nodes: dict[str, RebalanceNode] = Field(default_factory=dict, description="By id.")
    services: dict[str, RebalanceService] = Field(default_factory=dict, description="By name.")
    blocked: tuple[BlockedMove, ...] = ()
    leader: str = Field(default="", description="Id of the swarm's leader, as seen last.")
    leader_since: datetime | None = None
    tokens: float | None = Field(default=None, description="Moves in hand at `tokens_at`.")
    tokens_at: datetime | None = None
    self_tests: dict[str, SelfTest] = Field(
        default_factory=dict, description="By version of the engine."
    )
