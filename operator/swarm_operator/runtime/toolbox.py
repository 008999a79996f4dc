"""What a pass over the stacks works with: built once by the controller, kept between passes."""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from swarm_operator.plan.actions import Finding
from swarm_operator.plan.dns.wishes import Wishes
from swarm_operator.plan.world import Mode
from swarm_operator.runtime.apply import Applier
from swarm_operator.runtime.backoff import Backoff
from swarm_operator.runtime.dns.collector import BindingCollector
from swarm_operator.runtime.events import EventLog
from swarm_operator.runtime.executor import RegistryAuth
from swarm_operator.runtime.folders import Folders
from swarm_operator.runtime.history import HistoryWriter
from swarm_operator.runtime.known_secrets import KnownSecrets
from swarm_operator.runtime.memory import Memory
from swarm_operator.runtime.observer import Observer
from swarm_operator.runtime.plan_cache import PlanCache
from swarm_operator.runtime.ports import Clock, KvPort, LeaseView, Metrics, SwarmPort
from swarm_operator.runtime.publisher import Publisher
from swarm_operator.runtime.reader import DocumentReader
from swarm_operator.runtime.record import StatusWriter
from swarm_operator.runtime.requests import Requests
from swarm_operator.runtime.sentinel import Sentinel
from swarm_operator.runtime.settled import SettledStacks
from swarm_operator.runtime.withdrawal import NothingPublished, Withdrawal


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this process is."""

    version: str
    mode: Mode
    holder: str


class RouteNews(NamedTuple):
    """Something that happened to a route."""

    stack: str
    service: str
    """Full name of the swarm's service, or the document."""
    state: str
    message: str


class NameNews(NamedTuple):
    """Records of a name were changed."""

    stack: str
    service: str
    """Full name of the swarm's service."""
    reason: str
    message: str
    """Name, type, values before and after, nodes."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the shell gives to the controller; a simulation gives its own."""

    swarm: SwarmPort
    kv: KvPort
    lease: LeaseView
    clock: Clock
    rng: random.Random
    identity: Identity
    log: Any
    metrics: Metrics
    new_installation: Callable[[str], bytes]
    """Makes the sentinel's value for a swarm id; identity and randomness are the shell's."""
    registry_auth: RegistryAuth = lambda _image: None
    learn_secrets: Callable[[frozenset[str]], None] = lambda _values: None
    """Told the secret values of each document, so that the log hides them."""
    withdrawal: Withdrawal = field(default_factory=NothingPublished)
    """What publishes tasks; asked before one of them is stopped by our own hand."""
    route_news: Callable[[], Iterable[RouteNews]] = tuple
    """What happened to routes since it was asked last, for the ring of events."""
    name_news: Callable[[], Iterable[NameNews]] = tuple
    """Changes of names' records since it was asked last, for the same."""
    unrouted: Callable[[], Mapping[str, Finding] | None] = dict
    """By stack what is wrong with its routes; None while that is not known (again) yet."""
    tell_wishes: Callable[[Wishes], None] = lambda _wishes: None
    """Told what the documents wish of the DNS, after each complete read."""


@dataclass(slots=True)
class Toolbox:
    """The collaborators of a pass, and what they remember."""

    around: Surroundings
    observer: Observer
    statuses: StatusWriter
    publisher: Publisher
    events: EventLog
    history: HistoryWriter
    applier: Applier
    sentinel: Sentinel
    requests: Requests
    backoff: Backoff
    memory: Memory
    secrets: KnownSecrets
    bindings: BindingCollector
    reader: DocumentReader = field(default_factory=DocumentReader)
    folders: Folders = field(default_factory=Folders)
    plans: PlanCache = field(default_factory=PlanCache)
    settled: SettledStacks = field(default_factory=SettledStacks)
    missing_since: dict[str, float] = field(default_factory=dict)
    """When each missing stack was seen missing first, monotonic."""


def toolbox(around: Surroundings) -> Toolbox:
    """Everything wired up, nothing remembered yet."""
    backoff = Backoff(around.rng)
    memory = Memory()
    statuses = StatusWriter(around.kv, around.log)
    events = EventLog(statuses)
    return Toolbox(
        around=around,
        observer=Observer(around.swarm, around.rng, around.clock.monotonic),
        statuses=statuses,
        publisher=Publisher(statuses, around.clock, around.log, around.metrics, around.unrouted),
        events=events,
        history=HistoryWriter(around.kv),
        applier=Applier(
            port=around.swarm,
            lease=around.lease,
            clock=around.clock,
            log=around.log,
            metrics=around.metrics,
            memory=memory,
            backoff=backoff,
            statuses=statuses,
            events=events,
            registry_auth=around.registry_auth,
        ),
        sentinel=Sentinel(around.kv, around.new_installation),
        requests=Requests(around.kv),
        backoff=backoff,
        memory=memory,
        secrets=KnownSecrets(around.learn_secrets),
        bindings=BindingCollector(around.tell_wishes),
    )
