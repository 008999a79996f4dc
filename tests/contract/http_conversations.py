"""The same requests to two servers, and their answers made comparable.

Raft indexes become ranks within one conversation, session ids numbers in the order of their first
appearance; everything else must be equal, byte for byte.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import requests

UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
INDEX = re.compile(r'(?<=Index":)\d+|(?<=Index": )\d+|(?<=modify index )\d+|(?<=!= )\d+')
ADDRESS = re.compile(r"127\.0\.0\.1:\d+")
TRANSPORT_HEADERS = {"Date", "Content-Length", "Connection", "Transfer-Encoding", "Keep-Alive"}


@dataclass(frozen=True)
class Step:
    """`<name>` in path and body stands for what `saves` kept of an earlier answer: the id of a
    session, or the ModifyIndex of a key."""

    method: str
    path: str
    body: str | bytes | None = None
    saves: str = ""
    accept: str = "identity"


@dataclass(frozen=True)
class Answer:
    """One answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "surrogateescape")


def get(path: str, **kwargs: str) -> Step:
    return Step("GET", path, **kwargs)


def put(path: str, body: str | bytes = "", saves: str = "") -> Step:
    return Step("PUT", path, body, saves)


def delete(path: str) -> Step:
    return Step("DELETE", path)


def session(saves: str, **fields: object) -> Step:
    """Create one; its id is known as `<saves>`."""
    return put("/v1/session/create", json.dumps(fields), saves)


def txn(*operations: dict[str, Any], query: str = "") -> Step:
    return put(f"/v1/txn{query}", json.dumps(operations))


def op(verb: str, key: str, value: str | None = None, **fields: object) -> dict[str, Any]:
    """An operation of a transaction."""
    given = {} if value is None else {"Value": base64.b64encode(value.encode()).decode()}
    return {"KV": {"Verb": verb, "Key": key, **given, **fields}}


def talk(url: str, steps: Iterable[Step]) -> list[Answer]:
    """Have a conversation. Redirects are not followed."""
    with requests.Session() as http:
        http.trust_env = False
        saved: dict[str, str] = {}
        return [_ask(http, url, step, saved) for step in steps]


def _ask(http: requests.Session, url: str, step: Step, saved: dict[str, str]) -> Answer:
    body = step.body.encode() if isinstance(step.body, str) else step.body
    for name, value in saved.items():
        for known in (f'"<{name}>"', f"<{name}>") if value.isdecimal() else (f"<{name}>",):
            body = body.replace(known.encode(), value.encode()) if body else body
    path = step.path
    for name, value in saved.items():
        path = path.replace(f"<{name}>", value)
    request = requests.Request(step.method, url, data=body)
    prepared = http.prepare_request(request)
    prepared.url = url + path  # as it is: nothing quoted, nothing tidied up
    prepared.headers["Accept-Encoding"] = step.accept
    response = http.send(prepared, timeout=30, allow_redirects=False)
    if "Content-Length" in response.headers and step.accept == "identity":
        length = 0 if step.method == "HEAD" else int(response.headers["Content-Length"])
        assert length == len(response.content)
    if step.saves and response.ok:
        shown = response.json()
        saved[step.saves] = shown["ID"] if "ID" in shown else str(shown[0]["ModifyIndex"])
    return Answer(response.status_code, dict(response.headers), response.content)


def comparable(answers: Sequence[Answer]) -> list[dict[str, object]]:
    """Answers without what may differ."""
    ranks = {index: rank for rank, index in enumerate(sorted(set(_indexes(answers))))}
    sessions: dict[str, str] = {}

    def tidy(text: str) -> str:
        text = UUID.sub(lambda m: sessions.setdefault(m[0], f"<uuid {len(sessions)}>"), text)
        text = ADDRESS.sub("<address>", text)
        return INDEX.sub(lambda m: f"<index {ranks[int(m[0])]}>", text)

    return [
        {
            "status": answer.status,
            "headers": {
                name: f"<index {ranks[int(value)]}>" if name == "X-Consul-Index" else tidy(value)
                for name, value in sorted(answer.headers.items())
                if name not in TRANSPORT_HEADERS
            },
            "body": tidy(answer.text),
        }
        for answer in answers
    ]


def _indexes(answers: Sequence[Answer]) -> Iterator[int]:
    for answer in answers:
        yield from (int(found) for found in INDEX.findall(answer.text))
        if "X-Consul-Index" in answer.headers:
            yield int(answer.headers["X-Consul-Index"])
