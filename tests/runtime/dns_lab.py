"""Names in virtual time: a simulated swarm and Consul, a provider with pending and served records, and the
operator's threads of names as appointments of the timeline. A process may die at any call."""

import itertools
import random
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from desired_state import keys
from desired_state.dns_forms import DnsBinding
from desired_state.dns_records import DnsStatus
from swarm_operator.observed.dns import (
    ANY,
    Answer,
    Capabilities,
    Create,
    Delete,
    Question,
    Record,
    RrsetChange,
    Update,
)
from swarm_operator.observed.errors import Conflict, LeaseLost, Unavailable
from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.kv import Fence, KvEntry, KvOperation, KvTree, Put
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.dns.wishes import Wish, Wishes
from swarm_operator.runtime.dns.account_desk import AccountDesk
from swarm_operator.runtime.dns.controller import DnsController
from swarm_operator.runtime.dns.server_desk import ServerDesk
from swarm_operator.runtime.dns.surroundings import DnsSurroundings
from swarm_operator.runtime.dns.wish_box import WishBox
from swarm_operator.runtime.lease import Lease
from swarm_operator.runtime.toolbox import Identity, NameNews
from swarm_operator.simulation import consul_transport, docker_transport
from swarm_operator.simulation.docker_wire import DirectWire
from swarm_operator.simulation.world import NodePlan, World
from tests.runtime.fakes import FakeMetrics
from tests.runtime.routes_lab import Log
from tests.runtime.turns import TurningProcess

ZONE: Final = "example.org"
OTHER_ZONE: Final = "example.net"
ROOT: Final = "swarm-operator"
SERVICE: Final = "code_gogs"
NODES: Final = (
    NodePlan("m1", "manager", {"role": "m"}),
    NodePlan("m2", "manager", {"role": "m"}),
    NodePlan("m3", "manager", {"role": "m"}),
    *(NodePlan(f"w{n}", "worker", {"role": "w"}) for n in (1, 2, 3)),
)
ADDRESSES: Final = {f"w{n}": f"51.75.10.{n}" for n in (1, 2, 3)}
NANO: Final = 10**9


@dataclass
class FakeZones:
    """A provider as OVH is one: what is pending is served only after `publish`."""

    needs_publish: bool = True
    pending: dict[str, list[Record]] = field(default_factory=dict)
    served: dict[str, list[Record]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    faults: list[tuple[str, Exception, bool]] = field(default_factory=list)
    """Of the next call of that kind: the error, and whether it was done all the same."""
    always: dict[str, Exception] = field(default_factory=dict)
    """Errors of every call of a kind, as "publish", or of a zone, as "publish example.org"."""
    is_deaf: bool = False
    """Takes the order to publish, and does nothing."""
    before_call: Callable[[str], None] = lambda _call: None
    after_call: Callable[[str], None] = lambda _call: None
    served_sets: list[frozenset[str]] = field(default_factory=list)
    _ids: Any = field(default_factory=lambda: itertools.count(100))
    _sent: int = 0

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(self.needs_publish, calls_for_a_change=4)

    def hand(
        self, name: str, value: str, *, type_: str = "A", ttl: int = 60, zone: str = ZONE
    ) -> None:
        """A person makes a record and publishes it."""
        self.pending.setdefault(zone, []).append(
            Record(str(next(self._ids)), name, type_, value, ttl)
        )
        self._serve(zone)

    def values(self, name: str, *, zone: str = ZONE, type_: str = "A") -> list[str]:
        """What is pending."""
        found = self.pending.get(zone, [])
        return sorted(r.value for r in found if (r.name, r.type) == (name, type_))

    def answers(self, name: str, *, zone: str = ZONE, type_: str = "A") -> list[str]:
        """What is served."""
        found = self.served.get(zone, [])
        return sorted({r.value for r in found if (r.name, r.type) == (name, type_)})

    def count(self, kind: str) -> int:
        return sum(call.split()[0] == kind for call in self.calls)

    # --- DnsProvider --------------------------------------------------------------------------------

    def read(self, zone: str, name: str, types: Collection[str]) -> tuple[Record, ...]:
        found = []
        for type_ in types:
            self._call("list", zone)
            for record in list(self.pending.get(zone, [])):
                if record.name == name and type_ in {ANY, record.type}:
                    self._call("get", zone)
                    found.append(record)
        return tuple(found)

    def apply(self, change: RrsetChange, may_go_on: Callable[[], bool]) -> None:
        zone, name, type_ = change.key.zone, change.key.name, change.key.type
        for operation in change.operations:
            if not may_go_on():
                raise LeaseLost("the lease is not ours any more")
            match operation:
                case Update(record, value, ttl):
                    new = Record(record.id, name, type_, value, ttl)
                    self._call("put", zone, partial(self._replace, zone, record, [new]))
                case Create(value, ttl):
                    new = Record(str(next(self._ids)), name, type_, value, ttl)
                    self._call("post", zone, partial(self._add, zone, new))
                case Delete(record):
                    self._call("delete", zone, partial(self._replace, zone, record, []))

    def publish(self, zone: str) -> None:
        self._call("publish", zone, lambda: self._serve(zone))

    def sent(self) -> int:
        sent, self._sent = self._sent, 0
        return sent

    def _add(self, zone: str, record: Record) -> None:
        self.pending.setdefault(zone, []).append(record)

    def _replace(self, zone: str, record: Record, new: Iterable[Record]) -> None:
        held = self.pending.get(zone, [])
        index = next((i for i, each in enumerate(held) if each.id == record.id), None)
        if index is None:
            raise Conflict("the record went away")
        held[index : index + 1] = list(new)

    def _serve(self, zone: str) -> None:
        if self.is_deaf:
            return
        self.served[zone] = list(self.pending.get(zone, []))
        self.served_sets.append(frozenset(record.value for record in self.served[zone]))

    def _call(self, kind: str, zone: str, do: Callable[[], object] = lambda: None) -> None:
        self.before_call(kind)
        self.calls.append(f"{kind} {zone}")
        self._sent += 1
        for wanted in (kind, f"{kind} {zone}", zone):
            if wanted in self.always:
                raise self.always[wanted]
        for index, (wanted, error, is_done) in enumerate(self.faults):
            if wanted == kind:
                del self.faults[index]
                if is_done:
                    do()
                raise error
        do()
        self.after_call(kind)


@dataclass
class FakeServers:
    """Two authoritative servers of the fake provider's zones."""

    zones: Sequence[FakeZones]
    silent: bool = False
    questions: int = 0

    def ask_all(
        self,
        questions: Sequence[Question],
        tell: Callable[[Question, tuple[Answer, ...]], None],
    ) -> None:
        for question in questions:
            tell(question, self.ask(*question))

    def ask(self, zone: str, fqdn: str, type_: str) -> tuple[Answer, ...]:
        self.questions += 1
        if self.silent:
            return (Answer("ns1:53", error="Timeout"),)
        name = "@" if fqdn == zone else fqdn.removesuffix(f".{zone}")
        held = next((each for each in self.zones if zone in each.served), self.zones[0])
        values = tuple(held.answers(name, zone=zone, type_=type_))
        return tuple(Answer(server, values, 60) for server in ("ns1:53", "ns2:53"))


class MortalKv:
    """A process's port of the KV; counts what is written."""

    def __init__(self, process: "Operator", inner: Any) -> None:
        self._process, self._inner = process, inner
        self.commits: list[Sequence[KvOperation]] = []

    def read(self, prefix: str) -> KvTree:
        self._process.require_alive()
        tree: KvTree = self._inner.read(prefix)
        return tree

    def get(self, key: str) -> KvEntry | None:
        self._process.require_alive()
        entry: KvEntry | None = self._inner.get(key)
        return entry

    def commit(self, operations: Sequence[KvOperation], *, fence: Fence | None = None) -> None:
        self._process.require_alive()
        self._inner.commit(operations, fence=fence)
        self.commits.append(tuple(operations))


class BlindableSwarm:
    """The process's port of the swarm, which may hang or be cut off."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.error: Exception | None = None
        self.reads = 0
        self.seen: Callable[[Swarm], Swarm] = lambda swarm: swarm

    def read(self) -> Swarm:
        return self._answer(self._inner.read)

    def read_progress(self, last: Swarm, services: frozenset[str] = frozenset()) -> Swarm:
        return self._answer(lambda: self._inner.read_progress(last, services))

    def _answer(self, read: Callable[[], Swarm]) -> Swarm:
        self.reads += 1
        if self.error is not None:
            raise self.error
        return self.seen(read())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Operator(TurningProcess):
    """The operator's threads of names, and its lease."""

    def __init__(self, lab: "DnsLab", name: str, mode: str) -> None:
        super().__init__(lab.world)
        self.lab = lab
        clock = self.clock
        client = consul_transport.over(lab.world.consul_api, lab.timeline, ROOT)
        self.kv = MortalKv(self, client)
        self.wishes = WishBox(self.nudge)
        self.lease = Lease(
            client,
            key=keys.LOCK,
            holder=name,
            ttl_s=10.0,
            lock_delay_s=1.0,
            on_change=lambda _held, _why: self.nudge(),
        )
        self.metrics = FakeMetrics()
        self.swarm = BlindableSwarm(
            docker_transport.over(DirectWire(lab.world.engine_api, lab.world.engine), lab.timeline)
        )
        self.servers = ServerDesk(
            lab.servers,
            clock,
            on_answer=self.nudge,
            on_question=lambda: self.take_turn("servers"),
        )
        self.desks = {
            account: AccountDesk(
                account,
                provider,
                zones,
                lease=self.lease,
                clock=clock,
                metrics=self.metrics,
                on_result=self.nudge,
                on_order=partial(self.take_turn, account),
                credentials=lambda: lab.credentials,
                has_credentials=lambda: lab.has_credentials,
            )
            for account, (provider, zones) in lab.accounts.items()
        }
        self.controller = DnsController(
            DnsSurroundings(
                swarm=self.swarm,
                kv=self.kv,
                lease=self.lease,
                clock=clock,
                rng=random.Random(name),
                identity=Identity("test", "act" if mode == "act" else "observe", name),
                log=lab.log,
                metrics=self.metrics,
                wishes=self.wishes,
                accounts=self.desks,
                servers=self.servers,
                tell=lab.news.append,
            )
        )
        turns = {
            "loop": lambda: self.controller.step(self.inbox.take(0.0)),
            "lease": lambda: self.lease.step(clock.monotonic()),
            "servers": self.servers.step,
            **{account: desk.step for account, desk in self.desks.items()},
        }
        self.begin({turn: partial(self._counted, step) for turn, step in turns.items()})

    def _counted(self, step: Callable[[], float]) -> float:
        self.lab.turns += 1
        return step()


class DnsLab:
    """The same seed and the same calls give the same world."""

    def __init__(self, *, seed: int = 0, accounts: int = 1) -> None:
        self.world = World(seed=seed, nodes=NODES)
        self.timeline = self.world.timeline
        self.log = Log()
        self.news: list[NameNews] = []
        self.turns = 0
        self.credentials: object = "first"
        self.has_credentials = True
        self.zones = FakeZones()
        self.others = FakeZones()
        self.accounts: dict[str, tuple[FakeZones, tuple[str, ...]]] = {
            "first": (self.zones, (ZONE, OTHER_ZONE) if accounts == 1 else (ZONE,))
        }
        if accounts == 2:
            self.accounts["second"] = (self.others, (OTHER_ZONE,))
        self.servers = FakeServers([self.zones, self.others])
        self.hands = docker_transport.over(
            DirectWire(self.world.engine_api, self.world.engine), self.timeline
        )
        self.operators: list[Operator] = []
        self._wishes: Wishes | None = None
        self.run(5)

    def run(self, seconds: float) -> None:
        self.timeline.advance(self.timeline.now + seconds)

    def until(self, holds: Callable[[], bool], within_s: float = 60.0) -> float:
        """Seconds until it held. Raises AssertionError where it does not come to that."""
        began = self.timeline.now
        while not holds():
            assert self.timeline.now < began + within_s, f"it never came to that: {self.log.lines}"
            self.run(0.01)
        return self.timeline.now - began

    def start(self, mode: str = "act") -> Operator:
        self.operators.append(Operator(self, f"operator-{len(self.operators) + 1}", mode))
        if self._wishes is not None:
            self.operators[-1].wishes.put(self._wishes)
        return self.operators[-1]

    def wish(self, *wishes: Wish, **more: Any) -> None:
        """What the documents say, handed to every operator."""
        self._wishes = Wishes(wishes, **{"evident": frozenset({"code", "a"}), **more})
        for each in self.operators:
            each.wishes.put(self._wishes)

    def status(self, name: str = "git", zone: str = ZONE) -> DnsStatus:
        client = consul_transport.over(self.world.consul_api, self.timeline, ROOT)
        entry = client.get(keys.dns_status_key(zone, name))
        assert entry is not None, "no status"
        found = DnsStatus.parse(entry.value)
        assert found is not None
        return found

    def put_status(self, status: DnsStatus, name: str = "git", zone: str = ZONE) -> None:
        """As another process may have left it."""
        client = consul_transport.over(self.world.consul_api, self.timeline, ROOT)
        client.commit([Put(keys.dns_status_key(zone, name), status.encode())])

    def state(self, name: str = "git", zone: str = ZONE) -> str:
        client = consul_transport.over(self.world.consul_api, self.timeline, ROOT)
        if client.get(keys.dns_status_key(zone, name)) is None:
            return ""
        found = self.status(name, zone)
        return f"{found.state} {found.reason}".strip()

    # --- the swarm ----------------------------------------------------------------------------------

    def service(self, name: str = SERVICE, *, replicas: int = 1, order: str = "stop-first",
                delay_s: float = 0.0, image: str = "app:1") -> str:  # fmt: skip
        return self.hands.create_service(
            {
                "Name": name,
                "Labels": {"com.docker.stack.namespace": name.partition("_")[0]},
                "TaskTemplate": {
                    "ContainerSpec": {"Image": image},
                    "Placement": {"Constraints": ["node.role==worker"]},
                    "RestartPolicy": {"Condition": "any", "Delay": int(delay_s * NANO)},
                },
                "Mode": {"Replicated": {"Replicas": replicas}},
                "UpdateConfig": {"Parallelism": 1, "Order": order},
            }
        )

    def update(self, name: str, change: Callable[[JsonObject], JsonObject]) -> None:
        live = self.hands.read().services_by_name[name]
        self.hands.update_service(live.id, live.version, change(live.spec))

    def hosts(self, name: str = SERVICE) -> list[str]:
        """Of the nodes that run it."""
        swarm = self.hands.read()
        by_id = {node.id: node.hostname for node in swarm.nodes}
        tasks = swarm.tasks_by_service.get(swarm.services_by_name[name].id, ())
        return sorted(
            by_id[task.node_id or ""] for task in tasks
            if task.desired_state == task.state == "running"
        )  # fmt: skip

    def where(self, name: str = SERVICE) -> list[str]:
        return [ADDRESSES[host] for host in self.hosts(name)]

    def settled(self, name: str = "git") -> bool:
        return self.state(name) == "InSync"


def wish(name: str = "git", service: str = SERVICE, *, stack: str = "code", **fields: Any) -> Wish:
    """A binding to the workers' addresses."""
    values: dict[str, Any] = {"zone": ZONE, "name": name, "addresses": ADDRESSES, **fields}
    if values.get("type") == "CNAME":
        del values["addresses"]
    return Wish(stack, service, DnsBinding(**values))


DOWN: Final = Unavailable("no answer in time")
