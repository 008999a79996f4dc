"""What an error of a provider means for the next attempt, and what people are told of it."""

from typing import Final

from swarm_operator.observed.dns_errors import NotAuthorised, ZoneRefused
from swarm_operator.observed.errors import Conflict, Denied, LeaseLost, OutsideError
from swarm_operator.plan.dns.retries import Failure
from swarm_operator.runtime.dns.names import Trouble

HANGS: Final = Trouble(
    "Unavailable",
    "the provider's thread hangs: a request was neither answered nor given up in two minutes",
    needs_a_person=False,
)


def classify(error: OutsideError, phase: str) -> tuple[Failure, Trouble]:
    """What a failure means, and what is said of it."""
    text = str(error)
    match error:
        case NotAuthorised(what="clock"):
            return Failure.TRANSIENT, Trouble("AuthFailed", text, needs_a_person=True)
        case Denied():
            is_key = isinstance(error, NotAuthorised) and error.what != "right"
            reason = "RefreshDenied" if phase == "publish" and not is_key else "AuthFailed"
            return Failure.AUTH, Trouble(reason, text, needs_a_person=True)
        case ZoneRefused(reason=reason):
            return Failure.PERMANENT, Trouble(reason, text, needs_a_person=True)
        case Conflict():
            return Failure.CONFLICT, Trouble("Unavailable", text, needs_a_person=False)
    return Failure.TRANSIENT, Trouble("Unavailable", text, needs_a_person=False)


def is_of_one_set(error: OutsideError, phase: str) -> bool:
    """Whether other record sets of the zone may fare better: rights to change are given by request, and
    by name too; who may not even read can do nothing in the zone."""
    match error:
        case LeaseLost():
            return False
        case NotAuthorised(what="right"):
            return phase == "write"
        case ZoneRefused(reason="Refused") | Conflict():
            return True
    return False
