"""An engine's refusal is told by its text: the same status means many things."""

import errno

import pytest
import requests

from swarm_operator.clients import docker_errors
from swarm_operator.observed.errors import (
    Conflict,
    Denied,
    Gone,
    InUse,
    NotManager,
    OutsideError,
    SpecRefused,
    Unavailable,
)

RPC = "rpc error: code = {} desc = "


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (500, RPC.format("Unknown") + "update out of sequence", Conflict),
        (409, RPC.format("AlreadyExists") + "name conflicts with an existing object", Conflict),
        (409, "network with name plain already exists", Conflict),
        (404, "service x not found", Gone),
        (400, RPC.format("FailedPrecondition") + "network n is in use by service s", InUse),
        (400, RPC.format("InvalidArgument") + "secret 'x' is in use by the following", InUse),
        (503, "This node is not a swarm manager. Use docker swarm init", NotManager),
        (503, "This node is not part of a swarm", NotManager),
        (500, RPC.format("Unknown") + "The swarm does not have a leader.", Unavailable),
        (500, RPC.format("DeadlineExceeded") + "context deadline exceeded", Unavailable),
        (503, RPC.format("Unavailable") + "connection error", Unavailable),
        (502, "", Unavailable),
        (400, "client version 1.51 is too new. Maximum supported API version is 1.45", Unavailable),
        (403, "authorization denied by plugin", Denied),
        (500, "something nobody expected", Unavailable),
    ],
)
def test_refusals_of_any_request(status: int, text: str, kind: type[OutsideError]) -> None:
    error = docker_errors.outside_error(status, text, "trying")
    assert type(error) is kind
    assert "rpc error" not in str(error)


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (500, RPC.format("Unknown") + "constraint expected one operator from ==, !=", SpecRefused),
        (400, RPC.format("InvalidArgument") + "invalid memory value 1000", SpecRefused),
        (
            400,
            RPC.format("InvalidArgument") + "port '80' is already in use by service 'a'",
            SpecRefused,
        ),
        (501, RPC.format("Unimplemented") + "service mode change is not allowed", SpecRefused),
        (404, 'plugin "banana" not found', SpecRefused),
        (404, "service raft: not found", Gone),
        (500, "network nonet not found", Conflict),
        (400, RPC.format("InvalidArgument") + "secret not found: abc", Conflict),
        (400, RPC.format("InvalidArgument") + "config not found: abc", Conflict),
        (500, RPC.format("Unknown") + "update out of sequence", Conflict),
        (500, RPC.format("DeadlineExceeded") + "context deadline exceeded", Unavailable),
    ],
)
def test_refusals_of_a_spec(status: int, text: str, kind: type[OutsideError]) -> None:
    assert type(docker_errors.outside_error(status, text, "trying", has_spec=True)) is kind


def test_the_engines_own_words_are_passed_on_in_bounds() -> None:
    error = docker_errors.outside_error(
        400, RPC.format("Unknown") + "bad\n spec " + "x" * 9999, "op"
    )
    assert str(error).startswith("op: bad spec xxx")
    assert len(str(error)) < 520


def unreachable(cause: BaseException, address: str = "unix:///nowhere/docker.sock") -> OutsideError:
    # As requests and urllib3 wrap it.
    wrapped = requests.ConnectionError(("Connection aborted.", cause))
    wrapped.__context__ = cause
    return docker_errors.unreachable(wrapped, address)


def test_a_missing_socket_is_named() -> None:
    error = unreachable(FileNotFoundError(errno.ENOENT, "No such file"))
    assert type(error) is Unavailable
    assert "no Docker socket at /nowhere/docker.sock" in str(error)


def test_a_refused_connection_says_that_the_engine_is_down() -> None:
    assert "is down" in str(unreachable(ConnectionRefusedError()))


def test_silence_is_told_from_a_broken_connection() -> None:
    silence = docker_errors.unreachable(requests.ReadTimeout("timed out"), "tcp://h:1")
    broken = docker_errors.unreachable(requests.ConnectionError("reset"), "tcp://h:1")
    assert "did not answer in time" in str(silence)
    assert "broke" in str(broken)


def test_a_socket_that_may_not_even_be_looked_at() -> None:
    error = unreachable(PermissionError(errno.EACCES, "denied"))
    assert type(error) is Denied
    assert "/nowhere/docker.sock" in str(error)
