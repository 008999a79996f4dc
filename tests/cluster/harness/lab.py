"""A lab: a real Docker Swarm of several nodes, with a client host and Consul, on this machine."""

import functools
import os
import secrets
import subprocess
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.cluster.harness import (
    forward,
    guardian,
    images,
    network,
    paths,
    record,
    reset,
    scenario,
    standard_images,
)
from tests.cluster.harness.consul import PORT, Consul
from tests.cluster.harness.host import ClientHost
from tests.cluster.harness.node import Node
from tests.cluster.harness.proxy import ConsulProxy, DockerProxy

_SECOND_NS = 1_000_000_000


class Lab(scenario.Swarm):
    """A running lab. Made by `Lab.start` (own it, in a `with`) or `Lab.attach` (borrow it)."""

    def __init__(self, facts: record.LabRecord, owner: guardian.Guardian | None = None) -> None:
        self.record = facts
        self.name = facts.name
        self.nodes = [
            Node(
                facts.network,
                number,
                facts.directory / f"node{number}",
                facts.engine,
                facts.dockerd_options,
            )
            for number in range(1, facts.nodes + 1)
        ]
        client_directory = facts.directory / "client"
        client_directory.mkdir(exist_ok=True)
        self.client = ClientHost(facts.network, network.CLIENT_HOST, client_directory)
        self.consul = Consul(self.client)
        self._guardian = owner
        self._closers: list[Callable[[], None]] = [self.consul.close]

    @classmethod
    def start(
        cls,
        nodes: int = 3,
        managers: int = 1,
        engine: str = "26",
        name: str | None = None,
        *,
        heartbeat_s: float = 5,
        dockerd_options: Sequence[str] = (),
    ) -> Self:
        """Start a swarm of `nodes` nodes, the first `managers` of them managers; takes seconds.

        `engine` is a generation with a root made by .ci/install-engines: "20", "26", "28".
        A node is Down after three heartbeats are missed: 10-16 s with Swarm's default of 5 s.
        The lab ends with the `with` block, and with this process, however it ends.
        Raises RuntimeError saying what this machine lacks.
        """
        if problems := paths.missing(engine):
            raise RuntimeError("; ".join(problems))
        if not 1 <= managers <= nodes < network.CLIENT_HOST:
            raise ValueError(f"{managers} managers of {nodes} nodes cannot be")
        facts, lock = record.create(
            name or f"{os.getpid()}-{secrets.token_hex(3)}",
            nodes=nodes,
            managers=managers,
            engine=engine,
            dockerd_options=tuple(dockerd_options),
        )
        owner = guardian.Guardian(facts, lock)
        os.close(lock)  # the guardian's copy holds it
        lab = None
        try:
            facts.network.add_switch()
            lab = cls(facts, owner)
            lab._form_swarm(heartbeat_s)
        except BaseException:
            (lab.down if lab else owner.take_down)()
            raise
        return lab

    @classmethod
    def attach(cls, name: str) -> Self:
        """Return a lab that somebody else started. Raises FileNotFoundError."""
        return cls(record.load(name))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()

    def __repr__(self) -> str:
        return f"<lab {self.name}: {len(self.nodes)} nodes, engine {self.record.engine}>"

    def down(self) -> None:
        """Take the lab down, where it is ours; nothing of it is left. May be called twice."""
        self.close()
        owner, self._guardian = self._guardian, None
        if owner is not None:
            owner.take_down()

    def keep(self) -> None:
        """Let the lab live after this process, until somebody takes it down by its name."""
        owner, self._guardian = self._guardian, None
        if owner is not None:
            owner.keep()

    def close(self) -> None:
        """Close what this process holds open towards the lab; the lab goes on."""
        while self._closers:
            self._closers.pop()()
        for node in self.nodes:
            node.close()

    def node(self, number: int) -> Node:
        """Return node `number`, counted from 1."""
        return self.nodes[number - 1]

    @property
    def managers(self) -> list[Node]:
        """The nodes that were made managers when the swarm was formed."""
        return self.nodes[: self.record.managers]

    @property
    def workers(self) -> list[Node]:
        return self.nodes[self.record.managers :]

    @functools.cached_property
    def engine_version(self) -> str:
        """The engine's version, as it says itself."""
        return str(self.manager.docker.version()["Version"])

    def docker_cli(
        self,
        node: Node | int,
        *arguments: str | Path,
        check: bool = True,
        **options: Any,
    ) -> "subprocess.CompletedProcess[str]":
        """Run the real docker command line against a node and return its captured output (text).

        Raises subprocess.CalledProcessError if it fails and `check` is set.
        """
        options.setdefault("capture_output", True)
        return subprocess.run(
            self.docker_command(node, *arguments), check=check, text=True, **options
        )

    def docker_command(self, node: Node | int, *arguments: str | Path) -> list[str]:
        """Return the command that `docker_cli` runs."""
        target = self.node(node) if isinstance(node, int) else node
        return [
            str(paths.docker_command()),
            f"--host=unix://{target.socket}",
            *(str(argument) for argument in arguments),
        ]

    def forward(self, address: str, port: int) -> tuple[str, int]:
        """Return an address and port of this machine that leads to one in the lab."""
        connect = forward.connector(self.client.namespace, address, port)
        forwarder = forward.Forwarder(connect)
        self._closers.append(forwarder.close)
        return forwarder.address

    def docker_proxy(self, node: Node | None = None, *, keep_bodies: bool = False) -> DockerProxy:
        """Return a counting proxy for a node's engine (default: the first manager's).

        Its socket lies beside the engine's, so that containers can mount it from the node's
        /run/lab/. Closed with the lab, if not before.
        """
        target = node or self.manager
        path = target.shared / f"proxy-{secrets.token_hex(3)}.sock"
        made = DockerProxy(target.socket, path, keep_bodies=keep_bodies)
        self._closers.append(made.close)
        return made

    def consul_proxy(self, *, keep_bodies: bool = False) -> ConsulProxy:
        """Return a counting proxy for Consul, listening on the client host for all of the lab.

        Closed with the lab, if not before.
        """
        made = ConsulProxy(
            (self.consul.address, PORT),
            (self.client.address, 0),
            namespace=self.client.namespace,
            keep_bodies=keep_bodies,
        )
        self._closers.append(made.close)
        return made

    def load_images(
        self,
        *wanted: images.Image,
        on: Iterable[Node] | None = None,
    ) -> None:
        """Load images on these nodes (all of them by default); none named: the standard ones."""
        archive = images.archive(wanted or standard_images.STANDARD)

        def load(node: Node) -> None:
            engine: Any = node.docker  # `load_image` has no types
            for message in engine.load_image(archive):
                if "error" in message:
                    raise RuntimeError(f"{node}: {message['error']}")

        _together(load, self.nodes if on is None else on)

    def reset(self, within: float = 60) -> None:
        """Remove everything that a test left: objects of the swarm, volumes, Consul's keys.

        Powers and plugs all nodes first. Raises AssertionError saying what does not go.
        """
        reset.reset(self, self.consul, self.managers, within)

    def _form_swarm(self, heartbeat_s: float) -> None:
        self.record.network.add_host(network.CLIENT_HOST)
        _together(Node.power_on, self.nodes)
        first = self.manager
        first.docker.init_swarm(
            advertise_addr=first.address,
            swarm_spec={"Dispatcher": {"HeartbeatPeriod": int(heartbeat_s * _SECOND_NS)}},
        )
        tokens = first.docker.inspect_swarm()["JoinTokens"]

        def join(node: Node) -> None:
            token = tokens["Manager" if node in self.managers else "Worker"]
            node.docker.join_swarm([f"{first.address}:2377"], token, advertise_addr=node.address)

        # One manager after another: Raft takes in one new member at a time.
        for node in self.managers[1:]:
            join(node)
        _together(join, self.workers)


def _together(act: Callable[[Node], None], nodes: Iterable[Node]) -> None:
    """Act on all these nodes at once; raises what failed first."""
    chosen = list(nodes)
    with ThreadPoolExecutor(max_workers=max(1, len(chosen))) as pool:
        list(pool.map(act, chosen))
