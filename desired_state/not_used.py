"""Service keys that docker/cli takes and does nothing with: taken here too, with a warning."""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from desired_state.forms import (
    Int64,
    Model,
    OpenModel,
    TextOrList,
    UniqueTextList,
    defect,
    kind_of,
    unique,
)
from desired_state.pairs import Environment, Hosts, Labels

_UNSUPPORTED: Final = "has no effect on a swarm; docker stack deploy ignores it too"
_DROPPED: Final = "has no effect; docker stack deploy drops it without a word"

NOT_USED: Final[dict[str, tuple[str, str | None]]] = {
    "build": (_UNSUPPORTED, "build the image, push it to a registry and name it in image"),
    "cgroup_parent": (_UNSUPPORTED, None),
    "cgroupns_mode": (_UNSUPPORTED, None),
    "devices": (_UNSUPPORTED, None),
    "domainname": (_UNSUPPORTED, "put the domain into hostname"),
    "external_links": (_UNSUPPORTED, "join the network of the other service"),
    "ipc": (_UNSUPPORTED, None),
    "links": (_UNSUPPORTED, "services of one network reach each other by name"),
    "mac_address": (_UNSUPPORTED, None),
    "network_mode": (_UNSUPPORTED, "name an external network host under networks"),
    "pid": (_UNSUPPORTED, None),
    "privileged": (_UNSUPPORTED, "ask for single capabilities with cap_add"),
    "security_opt": (_UNSUPPORTED, None),
    "shm_size": (_UNSUPPORTED, "mount a tmpfs at /dev/shm"),
    "userns_mode": (_UNSUPPORTED, None),
    "container_name": (_UNSUPPORTED, "Swarm names the containers of tasks"),
    "expose": (_UNSUPPORTED, "services of one network reach each other on every port"),
    "depends_on": (_DROPPED, "Swarm starts services in any order; let them wait for each other"),
    "tmpfs": (_DROPPED, "write a long volume of type tmpfs"),
    "oom_score_adj": (_DROPPED, None),
}
"""Key → why it has no effect, and what to do instead."""

NETWORK_ADDRESSES: Final = ("ipv4_address", "ipv6_address")


class Build(OpenModel):
    """How to build the image: nothing that a swarm does."""

    context: str | None = None
    dockerfile: str | None = None
    args: Environment | None = None
    labels: Labels | None = None
    cache_from: UniqueTextList | None = None
    network: str | None = None
    target: str | None = None
    extra_hosts: Hosts | None = None


def _build(value: Any) -> Any:
    return {"context": value} if isinstance(value, str) else value


def _depends_on(value: Any) -> Any:
    if isinstance(value, dict):
        raise defect(
            "the long form orders nothing in this version",
            "write a list of names, which has no effect either, or remove it",
        )
    return value


def _expose(value: Any) -> Any:
    if not isinstance(value, list):
        raise defect(f"must be a list, not {kind_of(value)}")
    if any(isinstance(item, bool) or not isinstance(item, str | int | float) for item in value):
        raise defect("must be a list of ports")
    unique(tuple((isinstance(item, str), item) for item in value))
    return tuple(str(item) for item in value)


class NotUsed(Model):
    """The keys of a service that have no effect."""

    build: (
        Annotated[
            Build,
            BeforeValidator(_build),
            WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}]}),
        ]
        | None
    ) = Field(default=None, description="No effect.")
    cgroup_parent: str | None = Field(default=None, description="No effect.")
    cgroupns_mode: str | None = Field(default=None, description="No effect.")
    container_name: str | None = Field(default=None, description="No effect.")
    depends_on: Annotated[UniqueTextList, BeforeValidator(_depends_on)] | None = Field(
        default=None, description="No effect."
    )
    devices: UniqueTextList | None = Field(default=None, description="No effect.")
    domainname: str | None = Field(default=None, description="No effect.")
    expose: (
        Annotated[
            tuple[str, ...],
            BeforeValidator(_expose),
            WithJsonSchema({"type": "array", "items": {"type": ["string", "number"]}}),
        ]
        | None
    ) = Field(default=None, description="No effect.")
    external_links: UniqueTextList | None = Field(default=None, description="No effect.")
    ipc: str | None = Field(default=None, description="No effect.")
    links: UniqueTextList | None = Field(default=None, description="No effect.")
    mac_address: str | None = Field(default=None, description="No effect.")
    network_mode: str | None = Field(default=None, description="No effect.")
    oom_score_adj: Int64 | None = Field(default=None, description="No effect.")
    pid: str | None = Field(default=None, description="No effect.")
    privileged: bool | None = Field(default=None, description="No effect.")
    security_opt: UniqueTextList | None = Field(default=None, description="No effect.")
    shm_size: str | None = Field(default=None, description="No effect.")
    tmpfs: TextOrList | None = Field(default=None, description="No effect.")
    userns_mode: str | None = Field(default=None, description="No effect.")
