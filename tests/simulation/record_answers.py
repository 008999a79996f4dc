"""Records what a real engine answers: `recorded/answers.json` and `recorded/specs.json`.

    python -m tests.simulation.record_answers [--check]

As root, with engine 26 installed (.ci/install-engines). `--check` compares instead of writing.
"""

import http.client
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.cluster.harness.lab import Lab
from tests.simulation import conversation, corpus_specs
from tests.simulation.answers import Answers

ENGINE = "26"
API_VERSION = (1, 45)
_EFFECT_S = 0.2
_TRIES = 20
RECORDED = Path(__file__).with_name("recorded")


class UnixSocket(http.client.HTTPConnection):
    """HTTP over an engine's socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class RealEngine:
    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, method: str, path: str, body: Any, query: dict[str, Any]) -> tuple[int, Any]:
        """Reads wait until what was written has had its effect; so does the end of a network."""
        if method == "GET":
            time.sleep(_EFFECT_S)
        for _ in range(_TRIES):
            status, answer = self._send_once(method, path, body, query)
            if answer is None or "is in use by task" not in str(answer):
                break
            time.sleep(_EFFECT_S)
        return status, answer

    def _send_once(
        self, method: str, path: str, body: Any, query: dict[str, Any]
    ) -> tuple[int, Any]:
        connection = UnixSocket(self._path)
        target = "/v{}.{}{}".format(*API_VERSION, path)
        target += f"?{urlencode(query)}" if query else ""
        text = None if body is None else json.dumps(body)
        connection.request(method, target, text, {"Content-Type": "application/json"})
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response.status, json.loads(data) if data else None

    def drain(self) -> None:
        """No task ever starts: images would be missing."""
        node = self.send("GET", "/nodes", None, {})[1][0]
        spec = {**node["Spec"], "Availability": "drain"}
        version = {"version": node["Version"]["Index"]}
        status, _ = self.send("POST", f"/nodes/{node['ID']}/update", spec, version)
        assert status == 200

    def wait_for(self, network: str) -> None:
        """The engine makes its own networks some time after the swarm."""
        for _ in range(_TRIES * 5):
            if any(n["Name"] == network for n in self.send("GET", "/networks", None, {})[1]):
                return
        raise TimeoutError(f"no network {network}")


def _record() -> dict[str, Any]:
    with Lab.start(nodes=1, engine=ENGINE) as lab:
        engine = RealEngine(lab.nodes[0].socket)
        engine.drain()
        engine.wait_for("docker_gwbridge")
        answers = Answers(engine.send)
        conversation.hold(answers.ask)
        specs = corpus_specs.read_back(engine.send)
        return {"answers.json": answers.by_label(), "specs.json": specs}


def main() -> int:
    different = 0
    for name, content in _record().items():
        path = RECORDED / name
        text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
        elif path.read_text() != text:
            different = 1
            print(f"{path}: the engine answers differently now")
    return different


if __name__ == "__main__":
    sys.exit(main())
