"""What can go wrong with a DNS provider, by what it means for the one who asked.

    Unavailable          busy, broken or away: try again later
    └── Throttled        it says when
    Conflict             a record is not what it was: read again, plan again
    Denied
    └── NotAuthorised    key, credential, right or clock: a person must act (the clock heals)
    ZoneRefused          the zone is unknown there, expired, or will never take this

Texts name the call and the provider's query id, never a credential.
"""

from typing import Literal, TypeAlias

from swarm_operator.observed.errors import Denied, OutsideError, Unavailable

Want: TypeAlias = Literal["key", "credential", "right", "clock"]
ZoneFault: TypeAlias = Literal["ZoneUnknown", "ZoneExpired", "Refused"]


class Throttled(Unavailable):
    """Too many requests; `retry_after_s` where the provider said when to come again."""

    def __init__(self, text: str, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class NotAuthorised(Denied):
    """Refused for want of `what`."""

    def __init__(self, text: str, what: Want) -> None:
        super().__init__(text)
        self.what = what


class ZoneRefused(OutsideError):
    """The request will not be taken as it stands, whenever it comes."""

    def __init__(self, text: str, reason: ZoneFault) -> None:
        super().__init__(text)
        self.reason = reason
