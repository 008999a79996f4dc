"""The command line in a simulated world."""

from click.testing import Result

from swarm_operator.clients.consul import ConsulKv
from swarm_operator.clients.docker import DockerSwarm
from swarm_operator.settings import Settings
from tests.cli.called import called
from tests.rebalance.home import Home


class AtHome:
    """Calls verbs on a home. Implements `Connections`."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def kv(self, _settings: Settings) -> ConsulKv:
        return self.home.people

    def swarm(self, _settings: Settings) -> DockerSwarm:
        return self.home.hands

    def __call__(self, *arguments: str) -> Result:
        return called(self, *arguments)

    def line(self, *arguments: str) -> str:
        """All that it prints, as one line."""
        return " ".join(self(*arguments).stdout.split())
