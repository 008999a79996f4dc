"""The `deploy` section of a service."""

from typing import Annotated, Literal

from pydantic import Field

from desired_state.forms import (
    Cpus,
    Duration,
    Int64,
    Model,
    Number,
    Size,
    TextList,
    TruncatedInt64,
    Unsigned,
)
from desired_state.pairs import Labels


class UpdateConfig(Model):
    """How tasks are replaced."""

    parallelism: Unsigned | None = Field(
        default=None, description="Tasks at a time; 0: all. 1 where the section is without it."
    )
    delay: Duration | None = Field(default=None, description="Between two groups of tasks.")
    failure_action: str | None = Field(default=None, description="pause, continue or rollback.")
    monitor: Duration | None = Field(default=None, description="How long a new task is watched.")
    max_failure_ratio: Number | None = Field(
        default=None, description="The share of tasks that may fail, from 0 to 1."
    )
    order: Literal["start-first", "stop-first"] | None = Field(
        default=None, description="Which of the two tasks goes first."
    )


class Limits(Model):
    """What a task may use at most."""

    cpus: Cpus | None = Field(default=None, description="As text: '0.5'.")
    memory: Size | None = Field(default=None, description="As text: 512M.")
    pids: Int64 | None = Field(default=None, description="Processes.")


class DiscreteResource(Model):
    """A number of things of one kind."""

    kind: str | None = Field(default=None, description="What the node calls it.")
    value: TruncatedInt64 | None = Field(default=None, description="How many.")


class GenericResource(Model):
    """A resource that nodes declare themselves."""

    discrete_resource_spec: DiscreteResource | None = Field(default=None, description="A number.")


class Reservations(Model):
    """What a node must have free for a task."""

    cpus: Cpus | None = Field(default=None, description="As text: '0.5'.")
    memory: Size | None = Field(default=None, description="As text: 512M.")
    generic_resources: Annotated[tuple[GenericResource, ...], Field(strict=False)] | None = Field(
        default=None, description="Resources that nodes declare themselves."
    )


class Resources(Model):
    """Limits and reservations."""

    limits: Limits | None = Field(default=None, description="What a task may use at most.")
    reservations: Reservations | None = Field(
        default=None, description="What a node must have free for a task."
    )


class RestartPolicy(Model):
    """Whether and when an ended task gets a successor."""

    condition: str | None = Field(default=None, description="none, on-failure or any.")
    delay: Duration | None = Field(default=None, description="Before the successor starts.")
    max_attempts: Unsigned | None = Field(default=None, description="0: no limit.")
    window: Duration | None = Field(default=None, description="In which attempts are counted.")


class PlacementPreference(Model):
    """What tasks are spread over."""

    spread: str | None = Field(default=None, description="Such as node.labels.zone.")


class Placement(Model):
    """Which nodes may run the tasks."""

    constraints: TextList | None = Field(
        default=None, description="Such as node.role == manager; all must hold."
    )
    preferences: Annotated[tuple[PlacementPreference, ...], Field(strict=False)] | None = Field(
        default=None, description="What tasks are spread over."
    )
    max_replicas_per_node: Unsigned | None = Field(default=None, description="0: no limit.")


class Deploy(Model):
    """How a service runs on the swarm."""

    mode: str | None = Field(
        default=None, description="replicated (default), global, replicated-job or global-job."
    )
    endpoint_mode: str | None = Field(default=None, description="vip (default) or dnsrr.")
    replicas: Unsigned | None = Field(default=None, description="Tasks; absent: 1.")
    labels: Labels | None = Field(
        default=None, description="Labels of the service, not of its containers."
    )
    rollback_config: UpdateConfig | None = Field(default=None, description="Of a rollback.")
    update_config: UpdateConfig | None = Field(default=None, description="Of an update.")
    resources: Resources | None = Field(default=None, description="Limits and reservations.")
    restart_policy: RestartPolicy | None = Field(
        default=None, description="Whether ended tasks get a successor."
    )
    placement: Placement | None = Field(default=None, description="Which nodes run the tasks.")
