"""Parameters of a request's query, read as moby's routers do, with the texts of Go's strconv."""

from typing import Final

from swarm_operator.simulation.api.message import ApiRequest, BadJson
from swarm_operator.simulation.engine.errors import ApiError

_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_MAX_UINT64: Final = 2**64 - 1


def strict_flag(request: ApiRequest, name: str) -> bool:
    """A flag that is refused unless Go's ParseBool knows it. False where it is not given."""
    text = request.query.get(name, "")
    if text in _TRUE:
        return True
    if text in _FALSE or not text:
        return False
    problem = f'strconv.ParseBool: parsing "{text}": invalid syntax'
    raise ApiError(400, f"invalid value for {name}: {text}: {problem}")


def loose_flag(request: ApiRequest, name: str) -> bool:
    """moby's httputils.BoolValue: everything is true but a few words."""
    text = request.query.get(name, "").strip().lower()
    return text not in {"", "0", "no", "false", "none"}


def version_index(request: ApiRequest, kind: str) -> int:
    """The version index that an update names. Raises ApiError 400 with the text for `kind`."""
    text = request.query.get("version", "")
    if not (text.isascii() and text.isdigit()):
        raise _bad_version(kind, text, "invalid syntax")
    index = int(text)
    if index > _MAX_UINT64:
        raise _bad_version(kind, text, "value out of range")
    return index


def json_body(request: ApiRequest) -> object:
    """The body as JSON; an empty one is an empty object. Raises ApiError 400 where it is none."""
    if isinstance(request.body, BadJson):
        raise ApiError(400, request.body.problem)
    return {} if request.body is None else request.body


def _bad_version(kind: str, text: str, problem: str) -> ApiError:
    if kind in {"config", "secret"}:
        return ApiError(400, f"invalid {kind} version")
    return ApiError(
        400, f"invalid {kind} version '{text}': strconv.ParseUint: parsing \"{text}\": {problem}"
    )
