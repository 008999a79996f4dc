"""What the operator writes about names that follow services: `status/dns/<zone>/<name>`.

Written when something changed, never by the clock. It is also what the operator knows of its own
records after a restart: which values it wrote, and whether a zone still has to be published.
"""

import json
from datetime import datetime
from typing import Any

from pydantic import Field, ValidationError

from desired_state.dns_forms import DnsBinding
from desired_state.records import Record


class RrsetStatus(Record):
    """One type of records of a name."""

    wanted: tuple[str, ...] = ()
    written: tuple[str, ...] = Field(
        default=(), description="What the operator wrote last: these values are its own."
    )
    written_at: datetime | None = None
    published_at: datetime | None = Field(
        default=None, description="When the provider took the order to serve what was written."
    )
    verified_at: datetime | None = Field(
        default=None, description="When all authoritative servers served it."
    )
    foreign: tuple[str, ...] = Field(default=(), description="Values of another hand beside it.")
    ttl: int = 0


class DnsStatus(Record):
    """A binding, and how far it has come."""

    stack: str = ""
    service: str = ""
    state: str = Field(
        description="InSync, Switching, Waiting, Conflict, Failed, Paused, Observing or Abandoned."
    )
    reason: str = Field(
        default="",
        description=(
            "NoEndpoint, NoAddress, Damped, Untrusted, Unread, NameTaken, NoProvider, ForeignRecord, "
            "RecordMissing, CnameConflict, AuthFailed, RefreshDenied, ZoneUnknown, ZoneExpired, "
            "Refused, Unavailable, TooManyChanges, TooManyCalls, Unverified, …"
        ),
    )
    message: str = ""
    since: datetime
    nodes: tuple[str, ...] = Field(default=(), description="Host names it points at.")
    records: dict[str, RrsetStatus] = Field(default_factory=dict, description="By type.")
    owed: bool = Field(
        default=False,
        description="Something was, or may have been, written that was not published yet.",
    )
    owed_at: tuple[str, ...] = Field(
        default=(),
        description="Providers that the binding left before what was written there was published.",
    )
    changes: tuple[datetime, ...] = Field(
        default=(), description="When records were changed, at least those of the last hour."
    )
    provider: str = ""
    policy: str = Field(
        default="",
        description="Of the binding: what may be done when nobody wishes the name any more.",
    )
    binding: dict[str, Any] | None = Field(
        default=None,
        description=(
            "The entry of the document: followed on after a restart while the document cannot be read."
        ),
    )
    others: tuple[str, ...] = Field(
        default=(), description="Services that want the name too, and do not get it (NameTaken)."
    )
    observed: bool = Field(
        default=False, description="Its stack is only looked at (`sync: observe`)."
    )

    def read_binding(self) -> DnsBinding | None:
        """The entry, where it is there and can be read by this version."""
        if self.binding is None:
            return None
        try:
            return DnsBinding.model_validate_json(json.dumps(self.binding))
        except ValidationError:
            return None
