"""Logs: their two forms, and no secret in either."""

import base64
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from desired_state.secret_texts import HIDDEN
from swarm_operator import logs
from swarm_operator.logs import Redactor
from swarm_operator.settings import LogFormat, LogLevel

SECRET = 'pa"ss wörd/1'


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def configured(stream: io.StringIO, *secrets: str, level: LogLevel = LogLevel.INFO) -> Any:
    logs.configure(LogFormat.AUTO, level, Redactor(secrets), stream)
    return structlog.get_logger("swarm_operator")


def test_a_pipe_gets_one_json_object_a_line() -> None:
    stream = io.StringIO()
    configured(stream).bind(controller="stacks").info("reconciled", stack="wiki", took_s=0.5)
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert list(event)[:3] == ["time", "level", "event"]
    assert event.pop("time").endswith("Z")
    assert event == {
        "level": "info",
        "event": "reconciled",
        "controller": "stacks",
        "stack": "wiki",
        "took_s": 0.5,
    }


def test_a_terminal_gets_lines_to_read() -> None:
    stream = Terminal()
    configured(stream).info("reconciled", stack="wiki")
    (line,) = stream.getvalue().splitlines()
    assert "reconciled" in line
    assert "wiki" in line
    assert not line.startswith("{")


def test_lines_below_the_level_are_not_written() -> None:
    stream = io.StringIO()
    configured(stream, level=LogLevel.WARNING).info("reconciled")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["json", "console"])
def test_no_secret_is_written_however_it_is_spelled(stream: io.StringIO) -> None:
    log = configured(stream, SECRET)
    event = f"event {SECRET}"
    encoded = base64.b64encode(SECRET.encode()).decode()
    log.info(event, text=f"x{SECRET}y", nested={"a": [SECRET, {SECRET: encoded}]})
    log.info("raised", error=ValueError(SECRET), json=json.dumps({"a": SECRET}))
    try:
        int(SECRET)
    except ValueError:
        log.exception("failed")
    logging.getLogger("urllib3").warning("retry %s", SECRET)
    written = stream.getvalue()
    assert written.count(HIDDEN) >= 7
    for spelling in (SECRET, encoded, "ss w", "wörd"):
        assert spelling not in written


def test_a_traceback_has_no_local_variables() -> None:
    stream = io.StringIO()
    log = configured(stream)
    try:
        _raise_beside("local" + "-value")
    except ValueError:
        log.exception("failed")
    assert "ValueError: no" in stream.getvalue()
    assert "local-value" not in stream.getvalue()


def _raise_beside(text: str) -> None:
    held = text
    raise ValueError("no" if held else "yes")


def test_libraries_are_heard_from_warning_on_in_the_same_form() -> None:
    stream = io.StringIO()
    configured(stream, level=LogLevel.DEBUG)
    logging.getLogger("urllib3.connectionpool").debug("GET /v1/kv?token=…")
    logging.getLogger("urllib3.connectionpool").warning("retrying")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["event"] == "retrying"


def test_a_short_secret_hides_only_what_is_equal_to_it() -> None:
    redactor = Redactor(["3"])
    assert redactor.value({"replicas": "3", "text": "30 of 3"}) == {
        "replicas": HIDDEN,
        "text": "30 of 3",
    }


def test_the_lines_of_a_long_secret_are_hidden_too() -> None:
    key = "-----BEGIN-----\nMIIEvQIBADANBgkqhkiG9w0\nshort\n"
    assert Redactor([key]).text("got MIIEvQIBADANBgkqhkiG9w0!") == f"got {HIDDEN}!"
    assert Redactor([key]).text("a short text") == "a short text"


def test_secrets_may_be_learnt_later() -> None:
    redactor = Redactor()
    assert redactor.text("late-secret") == "late-secret"
    redactor.add("late-secret")
    assert redactor.text("a late-secret here") == f"a {HIDDEN} here"


def test_names_and_our_own_words_are_public_whatever_a_document_says() -> None:
    stream = io.StringIO()
    configured(stream, "info", "wiki", "acted").info("looked", stack="wiki", message="of wiki")
    event = json.loads(stream.getvalue())
    assert (event["level"], event["stack"]) == ("info", "wiki")
    assert event["message"] == f"of {HIDDEN}"
