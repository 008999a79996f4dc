"""The stage of the guided tour: a world, an operator, hands from outside, and ways to measure."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import click

from desired_state import keys
from desired_state.records import Event, StackStatus
from swarm_operator.cli import events as events_view
from swarm_operator.cli.demo import environment as variables
from swarm_operator.cli.demo import examples
from swarm_operator.cli.demo.clients import Clients, clients_for, settings_for
from swarm_operator.cli.demo.operator_process import OperatorProcess
from swarm_operator.observed.errors import OutsideError
from swarm_operator.simulation.engine.records import ServiceRecord, TaskRecord, TaskState
from swarm_operator.simulation.faces.counter import RequestCounter
from swarm_operator.simulation.faces.serve import Faces

LOOK_EVERY_S = 0.05
SESSION_TTL_S = 10
"""Consul's least; it waits twice as long before it takes a dead operator's lease away."""

T = TypeVar("T")


class ActFailed(Exception):
    """What was promised did not come; the text says what, and what there was instead."""


@dataclass
class Stage:
    """Everything an act needs. Times that it is given and gives are real seconds."""

    faces: Faces
    quicker: float
    """By so much the engine's heartbeats, and how long an act watches, are shorter than usual."""
    environment: Mapping[str, str]
    operators: list[OperatorProcess] = field(default_factory=list)
    patience: float = 1.0
    """What an act waits for may take so many times as long as the act says."""
    clients: Clients = field(init=False)
    """The hands from outside: a person's docker command and Consul page."""

    def __post_init__(self) -> None:
        self._settings = settings_for(self.faces.docker_host, self.faces.consul_addr)
        self.clients = clients_for(self.faces.docker_host, self.faces.consul_addr)

    @property
    def is_fast(self) -> bool:
        """Whether waiting is worth a short cut."""
        return self.quicker > 1

    @property
    def root(self) -> str:
        """Of the installation, in the KV."""
        return self._settings.root

    # --- telling --------------------------------------------------------------------------------

    def does(self, text: str) -> None:
        """What happens now."""
        self._say("does", text)

    def expects(self, text: str) -> None:
        self._say("expects", text)

    def measured(self, text: str) -> None:
        self._say("measured", text)

    def control(self, text: str) -> None:
        """What came of the same thing done where the promise does not apply."""
        self._say("control", text)

    @staticmethod
    def _say(word: str, text: str) -> None:
        click.echo(f"  {word:<9} {text}")

    # --- the operator ---------------------------------------------------------------------------

    def start_operator(self) -> OperatorProcess:
        """One more, as a process of its own."""
        told = {
            **variables.bare(self.environment),
            **variables.of(self._settings),
            "SWARM_OPERATOR_LISTEN": "127.0.0.1:0",
            "SWARM_OPERATOR_SESSION_TTL": f"{SESSION_TTL_S}s",
            **variables.of_traefik(self.faces.traefik_addr),
            **variables.of_dns(
                self.faces.dns_zones, self.faces.dns_addr, self.faces.name_server, self.faces.folder
            ),
        }
        operator = OperatorProcess(told, self.log(len(self.operators) + 1))
        self.operators.append(operator)
        operator.start()
        return operator

    def log(self, number: int) -> Path:
        """Where an operator's log is, for as long as the story runs."""
        return self.faces.folder / f"operator-{number}.log"

    def stop_operators(self) -> None:
        for operator in self.operators:
            operator.stop()

    # --- hands ----------------------------------------------------------------------------------

    def push(self, stack: str, document: str) -> None:
        """As `swarm-operator push` does."""
        examples.write(self.clients.kv, stack, {"compose.yaml": document.encode()})

    def in_world(self, function: Callable[[], T]) -> T:
        """Lets the world's own thread call it: power, cables, images."""
        return self.faces.call(function)

    # --- looking --------------------------------------------------------------------------------

    def service(self, name: str) -> ServiceRecord | None:
        return self.in_world(lambda: self.faces.world.engine.store.service_named(name))

    def running(self, name: str, image: str | None = None) -> int:
        """Tasks of a service that run and shall, on nodes that are there; of one image where given."""
        return self.in_world(lambda: sum(1 for task in self._good(name) if _is_of(task, image)))

    def _good(self, name: str) -> list[TaskRecord]:
        engine = self.faces.world.engine
        service = engine.store.service_named(name)
        if service is None:
            return []
        return [
            task
            for task in engine.store.tasks_of_service(service.id)
            if task.state is TaskState.RUNNING
            and task.desired_state is TaskState.RUNNING
            and task.node_id
            and engine.store.nodes[task.node_id].state == "ready"
        ]

    def status(self, stack: str) -> StackStatus | None:
        """As the operator wrote it; None also while the KV does not answer."""
        try:
            entry = self.clients.kv.get(keys.stack_status_key(stack))
        except OutsideError:
            return None
        return StackStatus.parse(entry.value) if entry else None

    def state(self, stack: str) -> str:
        """The headline of a stack's status."""
        found = self.status(stack)
        return found.state if found else "(no status)"

    def reason(self, stack: str) -> str:
        """Why the headline is what it is."""
        found = self.status(stack)
        return found.reason if found else ""

    def events(self) -> list[Event]:
        """What the operator did, the oldest first."""
        return events_view.in_order(self.clients.kv.read(events_view.RING_PREFIX).entries)

    # --- counting -------------------------------------------------------------------------------

    def requests(self) -> RequestCounter:
        """What the engine was asked so far."""
        return self.in_world(self.faces.engine_requests.copy)

    def others(self) -> RequestCounter:
        """What other processes asked the engine so far: the operators, and no hand of this tour."""
        return self.in_world(self.faces.requests_of_others.copy)

    def kv_requests(self) -> RequestCounter:
        """What Consul was asked so far, without the renewals of sessions."""
        return self.in_world(
            lambda: self.faces.consul_requests.copy().without("/v1/session/renew/")
        )

    def writes_since(self, before: RequestCounter) -> list[str]:
        """What was written to the engine since, by whomever."""
        return self.requests().since(before).written()

    # --- waiting --------------------------------------------------------------------------------

    def until(
        self,
        what: str,
        check: Callable[[], object],
        within_s: float,
        instead: Callable[[], object] = lambda: "",
    ) -> float:
        """Seconds until it held. Raises ActFailed with what there was `instead`."""
        within_s *= self.patience
        started = time.monotonic()
        while not check():
            waited = time.monotonic() - started
            if waited > within_s:
                shown = instead()
                raise ActFailed(
                    f"not within {within_s:.0f} s: {what}"
                    + (f"; instead: {shown}" if shown else "")
                )
            pause(LOOK_EVERY_S)
        return time.monotonic() - started

    def holds(self, what: str, check: Callable[[], object], for_s: float) -> None:
        """Raises ActFailed at the first moment in which it does not hold."""
        started = time.monotonic()
        while (passed := time.monotonic() - started) < for_s:
            if not check():
                raise ActFailed(f"held for {passed:.1f} s only: {what}")
            pause(LOOK_EVERY_S)

    def require_looked(self, before: RequestCounter) -> int:
        """How often an operator read from the engine since `before` (of `others`). Raises ActFailed
        where it never did: what nobody looks at proves nothing of who looks."""
        reads = self.others().since(before).reads
        self.require("the operator looked at the swarm", reads > 0, f"{reads} reads of its own")
        return reads

    def require(self, what: str, holds: object, instead: object = "") -> None:
        """Raises ActFailed."""
        if not holds:
            raise ActFailed(f"{what}" + (f"; instead: {instead}" if instead != "" else ""))

    def engine_s(self, seconds: float) -> float:
        """How long to watch or wait for what takes the usual engine so many seconds."""
        return seconds / self.quicker


def pause(seconds: float) -> None:
    """People look again and again; nothing calls them."""
    threading.Event().wait(seconds)


def _is_of(task: TaskRecord, image: str | None) -> bool:
    return image is None or task.spec["ContainerSpec"]["Image"] == image
