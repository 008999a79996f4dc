"""The command for people: labs that live until they are taken down by their name."""

import argparse
import os
import sys
from collections.abc import Callable

from tests.cluster.harness import Lab, paths, record, teardown

_POWER = {"power-off": "power_off", "power-on": "power_on", "cut": "cut", "heal": "heal"}
_CONSUL = ("stop", "kill", "restart", "freeze", "thaw", "wipe")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    act: Callable[[argparse.Namespace], None] = options.act
    try:
        act(options)
    except (OSError, RuntimeError, ValueError) as error:
        print(f"harness: {error}", file=sys.stderr)
        return 1
    return 0


def up(options: argparse.Namespace) -> None:
    lab = Lab.start(options.nodes, options.managers, options.engine, options.name)
    try:
        lab.load_images()
        if options.consul or options.acl:
            lab.consul.start(acl=options.acl)
        _describe(lab)
        lab.keep()
    finally:
        lab.down()  # does nothing once it is kept


def down(options: argparse.Namespace) -> None:
    facts = record.load(options.name)
    if not (facts.is_kept or facts.is_dead):
        raise RuntimeError(f"lab {facts.name} belongs to a running process: end that")
    teardown.teardown(facts)


def ls(_: argparse.Namespace) -> None:
    for facts in record.every():
        state = "dead (gc removes it)" if facts.is_dead else "kept" if facts.is_kept else "owned"
        swarm = f"{facts.nodes} nodes, {facts.managers} managers, engine {facts.engine}"
        print(f"{facts.name:24} {facts.network.address(0)}/24  {swarm}  {state}")


def gc(_: argparse.Namespace) -> None:
    for name in teardown.collect_garbage():
        print(f"removed {name}")


def docker(options: argparse.Namespace) -> None:
    number = int(options.node.removeprefix("node"))
    command = Lab.attach(options.name).docker_command(number, *options.arguments)
    os.execv(command[0], command)


def inside(options: argparse.Namespace) -> None:
    command = [str(word) for word in Lab.attach(options.name).client.command(options.command)]
    os.execvp(command[0], command)


def power(options: argparse.Namespace) -> None:
    node = Lab.attach(options.name).node(int(options.node.removeprefix("node")))
    getattr(node, _POWER[options.verb])()


def consul(options: argparse.Namespace) -> None:
    lab = Lab.attach(options.name)
    if options.what == "start":
        lab.consul.start(acl=options.acl)
    else:
        getattr(lab.consul, options.what)()
    lab.close()


def _describe(lab: Lab) -> None:
    print(f"lab {lab.name}: engine {lab.engine_version}")
    for node in lab.nodes:
        print(f"  {node.hostname}  {node.address}  DOCKER_HOST=unix://{node.socket}")
    print(f"  client {lab.client.address}")
    if lab.consul.is_running:
        print(f"  Consul {lab.consul.url_in_lab} (from within the lab)")
        print(f"  token  {lab.consul.token}" if lab.consul.token else "  no ACLs")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.cluster.harness",
        description="A real multi-node Docker Swarm, and Consul, on this machine.",
        epilog=f"Everything lies below {paths.home()} (SWARM_OPERATOR_CLUSTER_HOME).",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB", dest="verb")

    def verb(
        name: str, act: Callable[[argparse.Namespace], None], text: str, *names: str
    ) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=text, description=text)
        made.set_defaults(act=act)
        for each in names:
            made.add_argument(each)
        return made

    start = verb("up", up, "start a lab that lives until `down`", "name")
    start.add_argument("--nodes", type=int, default=3)
    start.add_argument("--managers", type=int, default=1)
    start.add_argument("--engine", default="26", help="generation: 20, 26 or 28")
    start.add_argument("--consul", action="store_true", help="start Consul on the client host")
    start.add_argument("--acl", action="store_true", help="start Consul with ACLs on")
    verb("down", down, "take a lab down", "name")
    verb("ls", ls, "list the labs on this machine")
    verb("gc", gc, "remove what is left of labs whose owner is dead")
    cli = verb("docker", docker, "run the docker command line against a node", "name", "node")
    cli.add_argument("arguments", nargs=argparse.REMAINDER)
    run = verb("in", inside, "run a command on the client host of a lab", "name")
    run.add_argument("command", nargs=argparse.REMAINDER)
    for name in _POWER:
        verb(name, power, f"{name.replace('-', ' ')} a node or its cable", "name", "node")
    store = verb("consul", consul, "start, stop, kill, freeze … the Consul of a lab", "name")
    store.add_argument("what", choices=("start", *_CONSUL))
    store.add_argument("--acl", action="store_true", help="with `start`: turn ACLs on")
    return parser


if __name__ == "__main__":
    sys.exit(main())
