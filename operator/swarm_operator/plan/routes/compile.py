"""All that services and documents publish, as one tree that Traefik reads as it is meant.

A service or document is in the tree whole or not at all. One that cannot be read, or that wants what
another has, goes on with the last it published that could be; the others are not touched by it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from swarm_operator.plan.routes import check
from swarm_operator.plan.routes.assembly import (
    Services,
    is_writable,
    with_servers,
    with_shared_objects,
    with_weights,
)
from swarm_operator.plan.routes.claims import Lost, lost_claims
from swarm_operator.plan.routes.fields import OLDEST, Version
from swarm_operator.plan.routes.provider_names import with_own_names
from swarm_operator.plan.routes.published import (
    Checked,
    Previous,
    Published,
    Servers,
    ServersOf,
    Target,
)
from swarm_operator.plan.routes.references import references
from swarm_operator.plan.routes.rules import rule_doubts, rule_faults
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.shared_objects import shared_objects
from swarm_operator.plan.routes.tree import (
    Body,
    ObjectId,
    Refusal,
    RouteObject,
    RouteTree,
    Severity,
    replaced,
)


@dataclass(frozen=True, slots=True)
class Compiled:
    """The configuration that is wanted, and what is not in it."""

    tree: RouteTree = field(default_factory=RouteTree)
    refused: tuple[Refusal, ...] = ()
    """Also warnings: see `Severity`."""
    in_tree: Mapping[str, Published] = field(default_factory=dict)
    """By owner: what of it is in the tree; of a refused one the last good, where there is one."""
    owners: Mapping[ObjectId, tuple[str, ...]] = field(default_factory=dict)
    """Whose each object is; the shared ones are nobody's."""
    checked: Mapping[str, Checked] = field(default_factory=dict, repr=False)

    def wished_by(self, owner: str) -> Published | None:
        """What an owner wants to publish today, as far as it can be read, be it refused or not."""
        checked = self.checked.get(owner)
        return (checked.published.draft or checked.published) if checked is not None else None

    @property
    def previous(self) -> Previous:
        """What the next compilation is to remember."""
        return Previous(self.owners, self.in_tree, self.checked)


def compile_routes(
    published: Sequence[Published],
    *,
    settings: RouteSettings,
    servers_of: ServersOf,
    version: Version = OLDEST,
    previous: Previous | None = None,
    foreign: Collection[ObjectId] = (),
) -> Compiled:
    """Compile what services and documents publish.

    `version`: the oldest running Traefik's. `foreign`: the objects below Traefik's root that are not the
    operator's: references may name them, names must not differ from them in case alone.
    """
    run = _Compilation(settings, servers_of, version, previous or Previous(), frozenset(foreign))
    run.begin(published)
    while run.drop_some():
        pass
    return run.compiled()


class _Compilation:
    """The owners that are still in, and why the others are not."""

    def __init__(
        self,
        settings: RouteSettings,
        servers_of: ServersOf,
        version: Version,
        previous: Previous,
        foreign: frozenset[ObjectId],
    ) -> None:
        self.settings = settings
        self.servers_of = servers_of
        self.version = version
        self.previous = previous
        self.foreign = foreign
        self.active: dict[str, Published] = {}
        self.refused: list[Refusal] = []
        self.checked: dict[str, Checked] = {}
        self.instead: set[str] = set()
        """Owners that are in with their last good state."""

    def begin(self, published: Iterable[Published]) -> None:
        for item in sorted(published, key=lambda each: (each.created_at, each.owner)):
            checked = self.previous.checked.get(item.owner)
            if checked is None or checked.published is not item or checked.version != self.version:
                checked = Checked(item, self.version, tuple(self._faults(item.draft or item)))
            self.checked[item.owner] = checked
            told = replace(item, refusals=(*item.refusals, *checked.refusals))
            self.refused += told.refusals
            self.active[item.owner] = told
            if told.is_refused:
                self._demote(item.owner)

    def drop_some(self) -> bool:
        """Take out those that do not fit to the others; whether there were any."""
        lost = [*lost_claims(tuple(self.active.values()), self.previous.owners, self.foreign)]
        lost += self._missing() if not lost else ()
        for loss in lost:
            if loss.owner in self.active and loss.owner not in self.instead:
                self.refused.append(loss.refusal)
        for owner in {loss.owner for loss in lost}:
            self._demote(owner)
        return bool(lost)

    def _demote(self, owner: str) -> None:
        """An owner goes on with its last good state, or not at all where that does not fit either."""
        good = self.previous.last_good.get(owner)
        current = self.active.pop(owner, None)
        if good is None or owner in self.instead or current == good:
            return
        if any(each.severity is Severity.ERROR for each in self._faults(good)):
            return
        self.instead.add(owner)
        self.active[owner] = good

    def _faults(self, item: Published) -> Iterator[Refusal]:
        """What is wrong with one owner's objects by themselves."""
        targets = {target.id for target in item.targets}
        for each in item.tree:
            body_of = _checkable(each) if each.id in targets else each
            for problem in check.problems(body_of, self.version):
                where = ".".join(problem.path)
                message = f"{each.id} {where}: {problem.message}" if where else str(problem)
                yield Refusal(item.where(each, problem.path), each.id, "BadConfiguration", message)
            rule = each.body.get("rule")
            protocol = each.id.protocol
            if each.id.kind != "routers" or protocol not in {"http", "tcp"}:
                continue
            syntax = str(each.body.get("rulesyntax", "")) or "v3"
            faults = [*rule_faults(protocol, str(rule or ""), syntax)]
            for fault in faults:
                yield Refusal(item.where(each, ("rule",)), each.id, "BadRule", fault)
            for doubt in () if faults else rule_doubts(str(rule or ""), syntax, self.version):
                origin = item.where(each, ("rule",))
                yield Refusal(origin, each.id, "DoubtfulRule", doubt, Severity.WARNING)

    def _missing(self) -> Iterator[Lost]:
        """Owners whose objects name what is nowhere."""
        known = {item.id for owner in self.active.values() for item in owner.tree} | self.foreign
        for owner in self.active.values():
            for item in owner.tree:
                missing = [
                    f"{wanted.kind[:-1]} {wanted.name}"
                    for wanted in references(with_own_names(item, known))
                    if wanted not in known
                ]
                if missing:
                    message = (
                        f"{item.id} names what is nowhere: {', '.join(missing)}; define it, or "
                    )
                    message += "write name@provider where another provider does"
                    refusal = Refusal(item.origin, item.id, "ReferenceMissing", message)
                    yield Lost(owner.owner, refusal)

    def compiled(self) -> Compiled:
        targets: dict[ObjectId, list[tuple[Target, Servers]]] = {}
        items: dict[ObjectId, RouteObject] = {}
        owners: dict[ObjectId, tuple[str, ...]] = {}
        for owner in self.active.values():
            for target in owner.targets:
                targets.setdefault(target.id, []).append((target, self.servers_of(owner, target)))
            for item in owner.tree:
                items.setdefault(item.id, item)
                owners[item.id] = (*owners.get(item.id, ()), owner.owner)
        known = frozenset(items)
        items = {key: with_own_names(item, known) for key, item in items.items()}
        for key, found in targets.items():
            items[key] = with_servers(items[key], found)
        tree = self._finished(items, targets)
        kept = {key: names for key, names in owners.items() if key in tree}
        told = (*self.refused, *self._shared(targets, owners))
        return Compiled(tree, told, dict(self.active), kept, self.checked)

    def _shared(
        self, balancers: Iterable[ObjectId], owners: Mapping[ObjectId, tuple[str, ...]]
    ) -> Iterator[Refusal]:
        """Load balancers over tasks of several stacks, which is seldom meant: each calls its own `web`."""
        for key in balancers:
            first, *others = (self.active[name] for name in owners[key])
            for other in others:
                if other.origin.stack != first.origin.stack:
                    message = (
                        f"{first.owner} has a service {key.name} of Traefik too: requests to either go "
                        "to the tasks of both; choose another name unless that is meant"
                    )
                    origin = other.where(other.tree.objects[key])
                    yield Refusal(origin, key, "SharedService", message, Severity.WARNING)

    def _finished(
        self,
        items: dict[ObjectId, RouteObject],
        targets: Mapping[ObjectId, Sequence[tuple[Target, Servers]]],
    ) -> RouteTree:
        found = {key: tuple(servers for _, servers in pairs) for key, pairs in targets.items()}
        services = Services(items, found)
        items = {key: with_weights(item, services) for key, item in items.items()}
        if self.settings.shared_objects:
            only = {key: tuple(target for target, _ in pairs) for key, pairs in targets.items()}
            items = with_shared_objects(items, only, services, self.version)
        return RouteTree.of([*_sayable(items), *shared_objects(items.values())])


def _checkable(item: RouteObject) -> RouteObject:
    """A load balancer as it is with a server, for it may be empty without one."""
    server: Body = {"url": "http://x"} if item.id.protocol == "http" else {"address": "x:1"}
    body = replaced(item.body, ("loadbalancer", "servers"), {"x": server})
    return RouteObject(item.id, body, item.origin)


def _sayable(items: Mapping[ObjectId, RouteObject]) -> Iterator[RouteObject]:
    """Without TCP and UDP services that have neither servers nor options, which the KV cannot say, and
    without the routers to them."""
    empty = {
        key for key, item in items.items() if key.kind == "services" and not is_writable(item.body)
    }
    for key, item in items.items():
        service = ObjectId(key.protocol, "services", str(item.body.get("service", "")))
        if key not in empty and not (key.kind == "routers" and service in empty):
            yield item
