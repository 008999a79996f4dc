"""The live view of a world that is too busy to answer."""

import time
from collections.abc import Sequence

import pytest

from swarm_operator.cli import connect
from swarm_operator.cli.demo import clients, viewer
from swarm_operator.simulation.faces import serve
from tests.simulation.served import served


def test_a_busy_world_is_a_remark_and_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    made = connect.Connections(kv_timeout_s=2.0)
    with served() as faces:
        settings = clients.settings_for(faces.docker_host, faces.consul_addr)
        busy_s = 0.6

        def remarks() -> Sequence[str]:
            faces.call(lambda: time.sleep(busy_s))
            return ["it answers"]

        reader = viewer.SceneReader(made.swarm(settings), lambda: made.kv(settings), remarks)
        monkeypatch.setattr(serve, "_START_S", 0.2)
        assert reader.read().problems == ("the simulated world did not answer in 0.2 s",)
        busy_s = 0.0
        monkeypatch.setattr(serve, "_START_S", 10.0)
        assert reader.read().problems == ("it answers",)


def test_a_world_that_has_ended_is_a_remark_too() -> None:
    made = connect.Connections(kv_timeout_s=2.0)
    with served() as faces:
        settings = clients.settings_for(faces.docker_host, faces.consul_addr)
    reader = viewer.SceneReader(
        made.swarm(settings), lambda: made.kv(settings), lambda: faces.call(list)
    )
    said = reader.read().problems
    assert len(said) == 2
    assert said[1].startswith("the swarm cannot be read: ")
