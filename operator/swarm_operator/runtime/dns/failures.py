"""What an error of a provider means for the next attempt, and what people are told of it."""

from swarm_operator.observed.dns_errors import NotAuthorised, ZoneRefused
from swarm_operator.observed.errors import Conflict, Denied, OutsideError
from swarm_operator.plan.dns.retries import Failure
from swarm_operator.runtime.dns.names import Trouble


def classify(error: OutsideError, phase: str) -> tuple[Failure, Trouble]:
    """What a failure means, and what is said of it."""
    text = str(error)
    match error:
        case NotAuthorised(what="clock"):
            return Failure.TRANSIENT, Trouble("AuthFailed", text, needs_a_person=True)
        case Denied():
            reason = "RefreshDenied" if phase == "publish" else "AuthFailed"
            return Failure.AUTH, Trouble(reason, text, needs_a_person=True)
        case ZoneRefused(reason=reason):
            return Failure.PERMANENT, Trouble(reason, text, needs_a_person=True)
        case Conflict():
            return Failure.CONFLICT, Trouble("Unavailable", text, needs_a_person=False)
    return Failure.TRANSIENT, Trouble("Unavailable", text, needs_a_person=False)
