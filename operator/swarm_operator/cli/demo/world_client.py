"""Talks to a simulated world through the control path on its engine's socket."""

import http.client
import json
import os
import socket
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

import click

from swarm_operator.cli.demo import found
from swarm_operator.cli.invocation import Invocation

KIND: Final = "swarm-operator simulation"
TIMEOUT_S: Final = 5.0
_UNIX: Final = "unix://"
_HOW: Final = "`swarm-operator demo run` (or `make run`) starts one"


@dataclass(frozen=True, slots=True)
class WorldClient:
    """One simulated world. Every call raises click.ClickException with the world's own words."""

    docker_host: str

    def state(self) -> Any:
        """Nodes, images, what is frozen, what was asked; and where the KV is."""
        return self.send("GET", "")

    def send(self, method: str, *path: str, **parameters: str) -> Any:
        """A request below `/simulation`; the state after it."""
        words = "/".join(quote(word, safe="") for word in path)
        query = f"?{urlencode(parameters)}" if parameters else ""
        status, answer = self._exchange(method, f"/simulation/{words}{query}")
        message = answer.get("message", "") if isinstance(answer, dict) else ""
        if not isinstance(answer, dict) or (status == 200 and answer.get("kind") != KIND):
            raise click.ClickException(_no_simulation(self.docker_host))
        if status != 200:
            if status == 404 and "page not found" in message:
                raise click.ClickException(_no_simulation(self.docker_host))
            raise click.ClickException(message or f"the simulation refused it ({status})")
        return answer

    def _exchange(self, method: str, target: str) -> tuple[int, Any]:
        connection = _UnixConnection(self.docker_host.removeprefix(_UNIX))
        try:
            connection.request(method, target)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        except ValueError:
            return response.status, None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or error
            raise click.ClickException(
                f"nothing answers at {self.docker_host} ({reason}); {_HOW}"
            ) from None
        finally:
            connection.close()


def the_world(invocation: Invocation) -> WorldClient:
    """The world that the settings name, else the only one that runs. Raises ClickException."""
    settings = invocation.settings()
    worlds = found.running(os.environ)
    if settings.origins["docker_host"] == "default":
        return WorldClient(_only(worlds).docker_host)
    if not settings.docker_host.startswith(_UNIX):
        raise click.ClickException(_no_simulation(settings.docker_host))
    client = WorldClient(settings.docker_host)
    try:
        client.state()
    except click.ClickException as error:
        others = "".join(f"\n  --docker-host {note.docker_host}" for note in worlds)
        origin = f"\n(DOCKER_HOST as of: {settings.origins['docker_host']})"
        more = f"\nThere is a simulated world at:{others}" if others else ""
        raise click.ClickException(f"{error.message}{origin}{more}") from None
    return client


def _only(worlds: list[found.Note]) -> found.Note:
    if not worlds:
        raise click.ClickException(f"no simulated world runs here; {_HOW}")
    if len(worlds) > 1:
        choices = "\n".join(f"  --docker-host {note.docker_host}" for note in worlds)
        raise click.ClickException(
            f"{len(worlds)} simulated worlds run here; say which, before `demo`:\n{choices}"
        )
    return worlds[0]


def _no_simulation(host: str) -> str:
    return (
        f"{host} is no simulated world, and `demo` does nothing to a real one; unset DOCKER_HOST "
        f"to let it look for one, or: {_HOW}"
    )


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.settimeout(self.timeout)
            made.connect(self._path)
        except OSError:
            made.close()
            raise
        self.sock = made
