"""Answers to a conversation in a form that two swarms can share: no ids, times or versions of their own."""

import json
import re
from collections.abc import Callable
from typing import Any

Send = Callable[[str, str, Any, dict[str, Any]], tuple[int, Any]]
"""Method, path, body (None: none), query → status, JSON (None: none)."""

_TIMES = ("CreatedAt", "UpdatedAt", "Created", "StartedAt", "CompletedAt", "LastExecution")
_OF_THE_MACHINE = ("Description", "Status", "ManagerStatus", "EnableIPv4")


class Answers:
    """Asks through `send`, and keeps each answer by its label."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._kept: dict[str, list[Any]] = {}
        self._names: dict[str, str] = {}
        for network in send("GET", "/networks", None, {})[1]:
            self._names[network["Id"]] = f"<network {network['Name']}>"
        for node in send("GET", "/nodes", None, {})[1]:
            self._names[node["ID"]] = "<node>"

    def ask(
        self, label: str, method: str, path: str, body: Any = None, **query: Any
    ) -> tuple[int, Any]:
        """The answer as it came."""
        assert label not in self._kept, f"two requests are called {label!r}"
        status, answer = self._send(method, path, body, query)
        if status == 201:
            self._names[answer.get("ID") or answer["Id"]] = f"<{label}>"
        self._kept[label] = [status, answer]
        return status, answer

    def by_label(self) -> dict[str, list[Any]]:
        """Status and body, with ids replaced by what they are of."""
        return {label: self._shared(answer) for label, answer in self._kept.items()}

    def _shared(self, answer: list[Any]) -> list[Any]:
        text = json.dumps(answer)
        for name, readable in self._names.items():
            text = text.replace(name, readable)
        result: list[Any] = _without_own(json.loads(text))
        return result


def _without_own(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_own(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: "<time>" if key in _TIMES else _without_own(item)
        for key, item in sorted(value.items())
        if key not in _OF_THE_MACHINE and not _is_version(key, item)
    }


def _is_version(key: str, value: Any) -> bool:
    return (
        key == "Version"
        and isinstance(value, dict)
        and re.match(r"\{'Index'", str(value)) is not None
    )
