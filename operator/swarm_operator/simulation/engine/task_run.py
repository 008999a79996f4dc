"""One task on its node: SwarmKit's agent (agent/exec/controller.go) with moby's container controller.

The process itself is scripted (`images.Behaviour`). What happens here is the node's own truth; the
managers learn of it by what is reported, where somebody listens.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.simulation.engine.component import Tempo
from swarm_operator.simulation.engine.images import Behaviour, ImageLibrary
from swarm_operator.simulation.engine.records import TaskRecord, TaskState, TaskStatus
from swarm_operator.simulation.timeline import Timeline, Timer

DISPATCH_S = 0.1
"""The managers send assignments, and write statuses, in batches of this length (dispatcher.go)."""
UNHEALTHY = "dockerexec: unhealthy container"
KILLED = 137
POWER_LOST = 255
"""What an engine finds of containers that ran when its machine stopped."""

_NANO = 1e9
_DEFAULT_GRACE_S = 10.0
_DEFAULT_INTERVAL_S = 30.0
_DEFAULT_START_INTERVAL_S = 5.0
_DEFAULT_RETRIES = 3
_FIRST_EPHEMERAL_PORT = 32768


@dataclass(frozen=True, slots=True)
class Machine:
    """What a node gives to its tasks."""

    timeline: Timeline
    rng: random.Random
    tempo: Tempo
    images: ImageLibrary
    report: Callable[[str, TaskStatus], None]
    """Of a task's id: told at every step, heard or not."""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Times in seconds, with the engine's defaults filled in."""

    interval_s: float
    start_period_s: float
    start_interval_s: float
    retries: int

    @property
    def first_s(self) -> float:
        """Until the first check. Within a start period it is made sooner (moby 25 and later)."""
        return self.start_interval_s if self.start_period_s else self.interval_s

    @property
    def unhealthy_after_s(self) -> float:
        """Failures within the start period do not count."""
        return self.start_period_s + self.retries * self.interval_s


class TaskRun:
    """A task that was assigned to this node, until the managers forget it."""

    def __init__(self, task: TaskRecord, machine: Machine) -> None:
        self.task = task
        self.status = task.status
        self._machine = machine
        self._step: Timer | None = None
        self._process_events: list[Timer] = []
        self._has_process = False
        self._is_stopping = False
        self._is_unhealthy = False
        self._go_on()

    def update(self, task: TaskRecord) -> None:
        """The managers' word changed. A desired state never goes back: what does is ignored."""
        if task.desired_state <= self.task.desired_state:
            return
        self.task = task
        is_under_way = self._step is not None and self._step.is_pending
        if self._is_stopping or (is_under_way and task.desired_state < TaskState.SHUTDOWN):
            return
        self._cancel()
        self._go_on()

    def remove(self) -> None:
        """The managers have forgotten it: what is left of it goes without grace."""
        self._cancel()

    def lose_power(self) -> None:
        self._cancel()
        self._is_stopping = False

    def regain_power(self) -> None:
        """The engine starts, and finds the container that ran dead."""
        died = self._has_process
        self._has_process = False
        if died and self.task.desired_state < TaskState.SHUTDOWN:
            self._fail(f"task: non-zero exit ({POWER_LOST})", POWER_LOST)
        else:
            self._go_on()

    # --- the steps, as agent/exec.Do takes them ---

    def _go_on(self) -> None:
        state, desired = self.status.state, self.task.desired_state
        if state >= TaskState.COMPLETE:
            return
        if desired >= TaskState.SHUTDOWN:
            self._stop_process()
        elif state > desired:
            return
        elif state is TaskState.PREPARING:
            self._later(self._machine.tempo.prepare_s, self._prepared)
        elif state is TaskState.STARTING:
            self._start()
        elif state >= desired:
            return
        elif state < TaskState.PREPARING:
            self._move(TaskState.PREPARING, "preparing")
        elif state is TaskState.READY:
            self._move(TaskState.STARTING, "starting")

    def _prepared(self) -> None:
        image = self._image()
        if self._behaviour().missing:
            self._end(TaskState.REJECTED, f"No such image: {image}")
            return
        self._machine.images.pulled.add((self.task.node_id or "", image.partition("@")[0]))
        rng = self._machine.rng
        self.status = replace(self.status, container_id=f"{rng.getrandbits(256):064x}")
        self._move(TaskState.READY, "prepared")

    def _start(self) -> None:
        """RUNNING means healthy where there is a health check: the step waits for that."""
        self._has_process = True
        behaviour, check = self._behaviour(), self._health_check()
        usual = self._machine.tempo.start_s
        if check is None:
            begins_s = runs_s = usual if behaviour.start_s is None else behaviour.start_s
        else:
            runs_s = usual + check.first_s if behaviour.start_s is None else behaviour.start_s
            begins_s = min(usual, runs_s)
        if check is not None and not behaviour.healthy:
            runs_s = begins_s + check.unhealthy_after_s
        ends_s = begins_s + (behaviour.exit_after_s or 0.0)
        if behaviour.exit_after_s is not None and ends_s < runs_s:
            self._later(ends_s, self._exited)
        elif check is not None and not behaviour.healthy:
            self._later(runs_s, self._became_unhealthy)
        else:
            self._later(runs_s, self._runs)
            if behaviour.exit_after_s is not None:
                self._process_events.append(self._after(ends_s, self._exited))

    def _runs(self) -> None:
        pid = self._machine.rng.randrange(300, 4_000_000)
        self.status = replace(self.status, pid=pid, host_ports=self._host_ports())
        sick_after_s = self._behaviour().becomes_unhealthy_after_s
        if sick_after_s is not None and self._health_check() is not None:
            self._process_events.append(self._after(sick_after_s, self._became_unhealthy))
        self._move(TaskState.RUNNING, "started")

    def _exited(self) -> None:
        """By itself."""
        self._ended(self._behaviour().exit_code)

    def _became_unhealthy(self) -> None:
        self._is_unhealthy = True
        self._stop_process()

    def _stop_process(self) -> None:
        """Withdrawn from DNS first (on an overlay), then SIGTERM, then SIGKILL."""
        self._cancel()
        if not self._has_process:
            self._stopped(None)
            return
        self._is_stopping = True
        tempo = self._machine.tempo
        duration = tempo.overlay_stop_s if self.task.networks else 0.0
        if self._behaviour().ignores_sigterm:
            code = KILLED
            duration += self._grace_s()
        else:
            code = 0
            duration += max(0.0, tempo.stop_s - 2 * DISPATCH_S)
        self._later(duration, lambda: self._stopped(code))

    def _stopped(self, code: int | None) -> None:
        self._is_stopping = False
        if self.task.desired_state >= TaskState.SHUTDOWN:
            self._finish(TaskState.SHUTDOWN, "shutdown", "", code)
        else:
            if self.status.state is TaskState.STARTING and not code:
                # controller.Start takes an end with code 0 for a good start, also that of a
                # container that it has just stopped for being unhealthy.
                self._move(TaskState.RUNNING, "started")
            self._ended(code or 0)

    def _ended(self, code: int) -> None:
        if code:
            cause = f": {UNHEALTHY}" if self._is_unhealthy else ""
            self._fail(f"task: non-zero exit ({code}){cause}", code)
        else:
            self._finish(TaskState.COMPLETE, "finished", "", 0)

    def _fail(self, error: str, code: int | None) -> None:
        self._finish(TaskState.FAILED, self.status.message, error, code)

    def _end(self, state: TaskState, error: str) -> None:
        self._finish(state, self.status.message, error, None)

    def _finish(self, state: TaskState, message: str, error: str, code: int | None) -> None:
        self._cancel()
        self._has_process = False
        self.status = replace(self.status, pid=0, exit_code=code, host_ports=())
        self._move(state, message, error)

    def _move(self, state: TaskState, message: str, error: str = "") -> None:
        now = self._machine.timeline.now
        self.status = replace(self.status, state=state, at=now, message=message, error=error)
        self._machine.report(self.task.id, self.status)
        self._go_on()

    # --- appointments ---

    def _later(self, delay_s: float, call: Callable[[], None]) -> None:
        self._step = self._after(delay_s, call)

    def _after(self, delay_s: float, call: Callable[[], None]) -> Timer:
        return self._machine.timeline.after(delay_s, call)

    def _cancel(self) -> None:
        if self._step is not None:
            self._step.cancel()
        for timer in self._process_events:
            timer.cancel()
        self._process_events.clear()

    # --- what the spec says ---

    def _image(self) -> str:
        return dig(self.task.spec, "ContainerSpec", "Image") or ""

    def _behaviour(self) -> Behaviour:
        return self._machine.images.behaviour(self._image())

    def _grace_s(self) -> float:
        nanoseconds = dig(self.task.spec, "ContainerSpec", "StopGracePeriod")
        return _DEFAULT_GRACE_S if nanoseconds is None else nanoseconds / _NANO

    def _health_check(self) -> HealthCheck | None:
        return health_check(dig(self.task.spec, "ContainerSpec", "Healthcheck"))

    def _host_ports(self) -> tuple[JsonObject, ...]:
        """Ports in host mode; one without a published port is given one."""
        ports = dig(self.task.endpoint, "Ports") or dig(self.task.endpoint, "Spec", "Ports") or ()
        return tuple(
            {**port, "PublishedPort": port.get("PublishedPort") or self._ephemeral_port()}
            for port in ports
            if port.get("PublishMode") == "host"
        )

    def _ephemeral_port(self) -> int:
        return self._machine.rng.randrange(_FIRST_EPHEMERAL_PORT, 61_000)


def health_check(healthcheck: JsonObject | None) -> HealthCheck | None:
    """Of a container spec; None where there is none or it is switched off."""
    if not healthcheck or (healthcheck.get("Test") or ["NONE"])[0] == "NONE":
        return None
    interval = healthcheck.get("Interval") or 0
    start_interval = healthcheck.get("StartInterval") or 0
    return HealthCheck(
        interval_s=interval / _NANO or _DEFAULT_INTERVAL_S,
        start_period_s=(healthcheck.get("StartPeriod") or 0) / _NANO,
        start_interval_s=start_interval / _NANO or _DEFAULT_START_INTERVAL_S,
        retries=healthcheck.get("Retries") or _DEFAULT_RETRIES,
    )
