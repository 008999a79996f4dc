"""The model answers as a real engine did, whose answers are kept in `recorded/`.

`record_answers.py` records them anew.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from swarm_operator.simulation.api.engine_api import EngineApi
from swarm_operator.simulation.api.message import ApiRequest
from swarm_operator.simulation.engine.engine import Engine
from tests.simulation import conversation, corpus_specs
from tests.simulation.answers import Answers

_RECORDED = Path(__file__).with_name("recorded")
_API_VERSION = (1, 45)

EXPECTED: dict[str, list[Any]] = json.loads((_RECORDED / "answers.json").read_text())
SPECS: dict[str, dict[str, Any]] = json.loads((_RECORDED / "specs.json").read_text())


class Model:
    """One drained manager, as the recorded engine was."""

    def __init__(self) -> None:
        self.engine = Engine(seed=5)
        node = self.engine.add_node("node1", role="manager", availability="drain")
        self.engine.advance(2)
        self._api = EngineApi(self.engine, node.id)

    def send(self, method: str, path: str, body: Any, query: dict[str, Any]) -> tuple[int, Any]:
        if method == "GET":
            self.engine.advance(0.2)
        texts = {key: str(value) for key, value in query.items()}
        copied = json.loads(json.dumps(body))
        request = ApiRequest(method, path, _API_VERSION, texts, body=copied)
        response = self._api.handle(request)
        return response.status, response.body


@pytest.fixture(scope="module")
def answered() -> dict[str, list[Any]]:
    answers = Answers(Model().send)
    conversation.hold(answers.ask)
    return answers.by_label()


@pytest.fixture(scope="module")
def read_back() -> dict[str, dict[str, Any]]:
    return corpus_specs.read_back(Model().send)


def test_the_conversation_is_the_recorded_one(answered: dict[str, list[Any]]) -> None:
    assert sorted(answered) == sorted(EXPECTED)


@pytest.mark.parametrize("label", EXPECTED)
def test_answers_are_the_real_ones(label: str, answered: dict[str, list[Any]]) -> None:
    assert answered[label] == EXPECTED[label]


@pytest.mark.parametrize("document", SPECS)
def test_specs_read_back_are_the_real_ones(
    document: str, read_back: dict[str, dict[str, Any]]
) -> None:
    assert read_back[document] == SPECS[document]
