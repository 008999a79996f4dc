"""`swarm-operator demo`: a simulated swarm on this machine, and what can be done to it."""

import importlib
from typing import Final

import click

VERBS: Final[dict[str, str]] = {
    "run": "run",
    "story": "story",
    "nodes": "nodes",
    "kill": "nodes",
    "return": "nodes",
    "cut": "nodes",
    "reconnect": "nodes",
    "leader": "nodes",
    "scale": "scale",
    "break": "images",
    "mend": "images",
    "edit": "edit",
    "freeze": "frozen",
    "thaw": "frozen",
}
"""In the order of `--help`; the module of each, where its command has the name `<verb>_command`."""


class _Verbs(click.Group):
    """Imports a verb when it is used: the simulation takes a while, and `kill` needs none of it."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"swarm_operator.cli.demo.{VERBS[cmd_name]}")
        command = getattr(module, f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command


@click.group("demo", cls=_Verbs, short_help="Try it on a simulated swarm.")
def command() -> None:
    """A simulated swarm of five nodes with a Consul KV, and an operator that works on them.

    `demo run` starts it and shows it until Ctrl-C; all other verbs do something to the one that
    runs, from another terminal. They find it by themselves; DOCKER_HOST, or --docker-host before
    `demo`, says which where there are several. What happens to a swarm through its own API, the
    docker command does as well.
    """
