"""What a manager answers where it refuses, with the engine's own status and text."""

from enum import Enum


class ApiError(Exception):
    """An answer other than success: `status` is HTTP's, `message` the text of the JSON body."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message


class ManagerPanic(Exception):
    """The manager's process died of this request, and does so again at every start.

    What was written stays written: the request itself has no answer.
    """


class Code(Enum):
    """gRPC's codes between the engine and SwarmKit, and what the engine makes of each for HTTP."""

    UNKNOWN = ("Unknown", 500)
    DEADLINE_EXCEEDED = ("DeadlineExceeded", 500)
    INVALID_ARGUMENT = ("InvalidArgument", 400)
    FAILED_PRECONDITION = ("FailedPrecondition", 400)
    PERMISSION_DENIED = ("PermissionDenied", 403)
    NOT_FOUND = ("NotFound", 404)
    ALREADY_EXISTS = ("AlreadyExists", 409)
    UNIMPLEMENTED = ("Unimplemented", 501)


def refused(code: Code, text: str) -> ApiError:
    """An error that SwarmKit's control API returned: the engine hands on gRPC's whole text."""
    word, status = code.value
    return ApiError(status, f"rpc error: code = {word} desc = {text}")


def out_of_sequence() -> ApiError:
    """The version index of the request is not the record's (SwarmKit's store)."""
    return refused(Code.UNKNOWN, "update out of sequence")
