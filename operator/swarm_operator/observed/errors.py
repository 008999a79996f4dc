"""What can go wrong with the world outside, by what it means for the one who asked.

    OutsideError
    ├── Unavailable      no answer, or one that says "not now": try again later
    │   └── NotManager   the engine answers, but is no swarm manager
    ├── Denied           the answer is no, for want of rights: a person must act
    ├── Conflict         somebody else was quicker: read again, plan again
    │   └── LeaseLost    the fence did not hold: stop writing
    ├── Gone             the thing is not there (any more)
    ├── InUse            it cannot be removed yet: others use it
    ├── SpecRefused      the engine will never take this as it stands
    └── TooLarge         over a limit of the store

Texts never hold a request's body.
"""


class OutsideError(Exception):
    """Base of all errors of Docker, Consul and other services, with a text for people."""


class Unavailable(OutsideError):
    """No answer, or an answer that says "not now"."""


class NotManager(Unavailable):
    """The engine is not an active swarm manager."""


class Denied(OutsideError):
    """Refused for want of rights."""


class Conflict(OutsideError):
    """Something moved between the read and the write."""


class LeaseLost(Conflict):
    """The session of the fence does not hold the lock."""


class Gone(OutsideError):
    """The object does not exist."""


class InUse(OutsideError):
    """The object is still used."""


class SpecRefused(OutsideError):
    """The engine refuses the specification."""


class TooLarge(OutsideError):
    """Over a size limit."""
