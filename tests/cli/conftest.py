"""The command line with a KV and a swarm in memory behind it."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import Result

from swarm_operator.observed.swarm import Swarm
from swarm_operator.settings import Settings
from tests import needs
from tests.cli.called import called
from tests.cli.fake_kv import FakeKv
from tests.cli.shell import Shell
from tests.cluster.harness import Lab


@dataclass
class FakeSwarm:
    """A `SwarmPort` of which the command line only reads."""

    swarm: Swarm = field(default_factory=lambda: Swarm(cluster_id="swarm-1"))

    def read(self) -> Swarm:
        return self.swarm


@dataclass
class CommandLine:
    """Calls verbs; the fakes stand for Consul and Docker. Implements `Connections`."""

    fake_kv: FakeKv = field(default_factory=FakeKv)
    fake_swarm: FakeSwarm = field(default_factory=FakeSwarm)

    def kv(self, _settings: Settings) -> FakeKv:
        return self.fake_kv

    def swarm(self, _settings: Settings) -> FakeSwarm:
        return self.fake_swarm

    def __call__(self, *arguments: str | Path, stdin: str | bytes | None = None) -> Result:
        return called(self, *arguments, stdin=stdin)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    for variable in ("SWARM_OPERATOR_CONFIG", "CONSUL_HTTP_ADDR", "DOCKER_HOST"):
        monkeypatch.delenv(variable, raising=False)
    return CommandLine()


@pytest.fixture
def wiki(tmp_path: Path) -> Path:
    """A stack folder with one file of each kind, and one that nobody names."""
    folder = tmp_path / "wiki"
    (folder / "conf").mkdir(parents=True)
    (folder / "compose.yaml").write_text(
        """\
services:
  web:
    image: nginx:${TAG}
    env_file: web.env
    configs: [site]
    secrets: [password]
configs:
  site: {file: ./conf/site.conf}
secrets:
  password: {file: conf/password.txt}
"""
    )
    (folder / "web.env").write_text("COLOUR=blue\n")
    (folder / "conf/site.conf").write_text("server {}\n")
    (folder / "conf/password.txt").write_text("open-sesame")
    (folder / ".env").write_text("TAG=1.27\n")
    (folder / "notes.txt").write_text("not named by the document\n")
    return folder


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.fixture(scope="module", params=needs.ENGINES, ids=needs.ENGINE_IDS)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with Lab.start(1, 1, needs.engine(request.param)) as made:
        made.load_images()
        made.consul.start(acl=True)
        yield made


@pytest.fixture
def shell(lab: Lab, tmp_path: Path) -> Iterator[Shell]:
    made = Shell(lab, tmp_path / "operator.log")
    yield made
    lab.reset()
