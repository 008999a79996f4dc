"""What an answer of OVH's API means. The official client's own exceptions do not tell enough.

Two styles of error bodies are in use: `{"errorCode", "httpCode", "message"}` and, today,
`{"class": "Client::Forbidden", "message"}`; in front of the API stand proxies that answer in HTML.
So it is judged by the status, and by the message only where one status means several things.
"""

import re
from collections.abc import Collection
from typing import Any, Final

import requests

from swarm_operator.observed.dns_errors import NotAuthorised, Throttled, Want, ZoneRefused
from swarm_operator.observed.errors import Conflict, OutsideError, Unavailable

QUERY_ID: Final = "X-OVH-QUERYID"
_LONGEST: Final = 200
_CLOCK: Final = re.compile(r"signature|timestamp|out of time|query.{0,10}time", re.IGNORECASE)
_KEY: Final = re.compile(r"application.?key|app(lication)? .*(invalid|unknown)", re.IGNORECASE)
_RIGHT: Final = re.compile(r"not.?granted|not (been )?granted|unauthorized.?action", re.IGNORECASE)
_RECORD: Final = re.compile(r"/record/[^/]+$")


def is_clock_doubt(response: requests.Response) -> bool:
    """Whether a new look at the server's clock may help: it is taken once for each client, and a
    machine that slept or whose clock was set signs with a stale difference from then on."""
    return response.status_code == 400 and bool(_CLOCK.search(message_of(response)))


def message_of(response: requests.Response) -> str:
    """What the API says, whatever the body is."""
    body = _json(response)
    text = body.get("message") if isinstance(body, dict) else None
    return text if isinstance(text, str) else ""


def failure(
    response: requests.Response, method: str, path: str, secrets: Collection[str] = ()
) -> OutsideError:
    """The error that an answer other than 2xx stands for. `secrets` never get into its text."""
    status = response.status_code
    said = _hidden(message_of(response), secrets)[:_LONGEST] or f"status {status} without a message"
    query = response.headers.get(QUERY_ID, "")
    route = path.partition("?")[0]
    text = f"OVH: {method} {route}: {said}" + (f" (query {query})" if query else "")
    if status == 404:
        if _RECORD.search(route):
            return Conflict(f"{text}: the record went away meanwhile")
        return ZoneRefused(text, "ZoneUnknown")
    if status == 460:
        return ZoneRefused(text, "ZoneExpired")
    if status == 429:
        return Throttled(text, _retry_after_s(response))
    if status in {401, 403}:
        return NotAuthorised(text, _wanting(response))
    if is_clock_doubt(response):
        return NotAuthorised(f"{text} (also where the application secret is wrong)", "clock")
    if status in {408, 409} or status >= 500:
        retry_after_s = _retry_after_s(response)
        return Unavailable(text) if retry_after_s is None else Throttled(text, retry_after_s)
    return ZoneRefused(text, "Refused")


def _wanting(response: requests.Response) -> Want:
    body = _json(response)
    code = str(body.get("errorCode", "")) if isinstance(body, dict) else ""
    details = body.get("details") if isinstance(body, dict) else None
    if code == "NOT_GRANTED_CALL" or (
        isinstance(details, dict) and "unauthorizedActionsByIAM" in details
    ):
        return "right"
    text = message_of(response)
    if code == "INVALID_KEY" or _KEY.search(text):
        return "key"
    return "right" if _RIGHT.search(text) else "credential"


def _retry_after_s(response: requests.Response) -> float | None:
    """Seconds; a date, which nobody has seen there, is left aside."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _hidden(text: str, secrets: Collection[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "(hidden)")
    return text
