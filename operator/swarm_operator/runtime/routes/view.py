"""What people see of each route: `status/routes/<stack>`, events, metrics."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, TypeAlias, cast

from desired_state import keys
from desired_state.route_records import RouteStatus, StackRoutes, others
from swarm_operator.plan.bounded import some
from swarm_operator.plan.routes.compile import Compiled
from swarm_operator.plan.routes.hiding import secrets_of, without
from swarm_operator.plan.routes.references import references
from swarm_operator.plan.routes.servers import TASKS
from swarm_operator.plan.routes.states import (
    FROZEN_AFTER_S,
    Standing,
    State,
    standing,
)
from swarm_operator.plan.routes.tree import (
    PROTOCOLS,
    Body,
    ObjectId,
    Refusal,
    RouteObject,
    RouteTree,
    Severity,
    at,
    names,
    nested,
)
from swarm_operator.plan.routes.unreachable import unreachable
from swarm_operator.runtime.record import StatusWriter
from swarm_operator.runtime.routes.shortening import shortened
from swarm_operator.runtime.routes.surroundings import RouteSurroundings
from swarm_operator.runtime.routes.traefik_view import Look, TraefikView
from swarm_operator.runtime.toolbox import RouteNews

_TOLD: Final = frozenset({State.LIVE, State.DISABLED, State.FROZEN, State.CONFLICT, State.REJECTED})
"""What is worth an event: the others are on the way, or nobody knows."""
_SERVED: Final = frozenset({State.LIVE, State.PENDING, State.UNKNOWN, State.DISABLED, State.FROZEN})


NEVER: Final = datetime.min.replace(tzinfo=UTC)
Bodies: TypeAlias = "tuple[Body | None, ...]"


@dataclass(slots=True)
class RouteView:
    """Says each thing once."""

    around: RouteSurroundings
    statuses: StatusWriter
    _written: dict[ObjectId, tuple[Bodies, int]] = field(default_factory=dict)
    """By router: as it was written last, with all that it names, and the number of the write."""
    _told: dict[str, str] = field(default_factory=dict)
    """By stack and route, the state that was told last."""
    _parsed: dict[str, tuple[bytes, StackRoutes]] = field(default_factory=dict)
    """By stack the text of its status, and what it says: each is parsed once."""
    _secrets: tuple[RouteTree | None, tuple[str, ...]] = (None, ())
    """A tree, and what of it nobody is to see; looked for only where Traefik complains."""
    _shown: tuple[object, ...] = ()
    _traefik: TraefikView = field(init=False)
    _unconfirmed: int | None = None
    """Number of the write whose way to every instance is timed."""

    def __post_init__(self) -> None:
        self._traefik = TraefikView(self.around, self.statuses)

    def forget(self) -> None:
        """Somebody else may have written meanwhile."""
        self._written, self._told = {}, {}
        self._parsed = {}
        self._shown = ()
        self._unconfirmed = None

    # --- nothing to show ----------------------------------------------------------------------------

    def waits(self, why: str, *, is_final: bool = False) -> None:
        """Nothing is decided: what was said of routes may be old, and stays."""
        self._traefik.waits(why, is_final=is_final)
        self._shown = ()

    def idle(self) -> None:
        """There are no routes."""
        self._shown = ()
        for key in sorted(self.statuses.keys()):
            if key.startswith(keys.ROUTES_STATUS) or key == keys.TRAEFIK_STATUS:
                self.statuses.want_gone(key)
        self._measure(Counter(), 0, 0, 0)

    # --- routes -------------------------------------------------------------------------------------

    def show(self, look: Look) -> None:
        """Publish where everything stands, where that can have changed."""
        shown = (
            look.compiled, look.changes, look.is_in_step, look.writes, look.version, look.findings,
            look.instances.frozen(look.writes, look.now),
            [
                (name, replace(seen, answered_at=None), seen.is_silent, look.writes.applied(seen))
                for name, seen in look.instances.seen.items()
            ],
        )  # fmt: skip
        if self._shown and all(a is b or a == b for a, b in zip(shown, self._shown, strict=True)):
            return
        self._shown = shown
        self._note_written(look)
        self._time_write(look)
        refused = _by_owner(look.compiled.refused)
        stacks: dict[str, dict[str, RouteStatus]] = {}
        problems: dict[str, list[str]] = {}
        warnings = [each for each in look.compiled.refused if each.severity is Severity.WARNING]
        lonely = tuple(unreachable(look.compiled, look.surroundings))
        for item in _routers(look.compiled):
            stack, owner = _owner(item, look.compiled)
            route = self._route(item, owner, refused.get(owner, ()), lonely, look)
            stacks.setdefault(stack, {})[_key(item.id)] = route
        for owner, found in refused.items():
            stack = found[0].origin.stack or keys.NO_STACK
            problems.setdefault(stack, []).extend(str(each) for each in found)
            if owner not in look.compiled.in_tree:
                routes = stacks.setdefault(stack, {})
                for name, route in self._rejected(stack, owner, found):
                    routes.setdefault(name, route)
        for refusal in (*warnings, *lonely):
            stack = refusal.origin.stack or keys.NO_STACK
            problems.setdefault(stack, []).append(str(refusal))
        self._publish(stacks, problems)
        self._traefik.show(look)
        counted = Counter(route.state for routes in stacks.values() for route in routes.values())
        servers = sum(route.servers for routes in stacks.values() for route in routes.values())
        unreadable = sum(finding.freezes for finding in look.findings)
        self._measure(counted, servers, len(look.changes.conflicts), unreadable)

    def next_at(self, look: Look) -> float:
        """When time alone changes what is to be said."""
        if not look.is_in_step or not look.instances.confirm(
            look.writes.number, look.writes, look.now
        ):
            due = (look.now + 0.25, look.writes.written_at + FROZEN_AFTER_S)
            return min(each for each in due if each > look.now)
        return look.now + 60.0

    def _note_written(self, look: Look) -> None:
        if not look.is_in_step:
            return
        held = {conflict.id for conflict in look.changes.conflicts}
        wanted = {item.id: item for item in _routers(look.compiled) if item.id not in held}
        written: dict[ObjectId, tuple[Bodies, int]] = {}
        for router, item in wanted.items():
            bodies = _bodies(item, look.compiled)
            before = self._written.get(router)
            same = before is not None and before[0] == bodies
            written[router] = (
                before if same and before is not None else (bodies, look.writes.number)
            )
        self._written = written

    def _time_write(self, look: Look) -> None:
        number = look.writes.number
        if self._unconfirmed is not None and look.instances.seen:
            if look.instances.confirm(self._unconfirmed, look.writes, look.now):
                took_s = look.now - look.writes.written_at
                if self._unconfirmed == number:  # else another write came over it
                    self.around.metrics.observe("route_live_seconds", {}, took_s)
                self._unconfirmed = None
            return
        if number and not look.instances.confirm(number, look.writes, look.now):
            self._unconfirmed = number

    def _route(
        self,
        item: RouteObject,
        owner: str,
        refused: tuple[Refusal, ...],
        lonely: tuple[Refusal, ...],
        look: Look,
    ) -> RouteStatus:
        target = str(item.body.get("service", ""))
        service = ObjectId(item.id.protocol, "services", target)
        state = self._standing(item, service, refused, look)
        if not state.message and lonely:
            state = replace(state, message=_of_its_tasks(service, lonely, look.compiled))
        servers = nested(at(look.compiled.tree.body(service) or {}, "loadbalancer", "servers"))
        stack, _ = _owner(item, look.compiled)
        last = self._last(stack).routes.get(_key(item.id))
        utc = self.around.clock.utc()
        since, live_after_s, live_since = utc, None, None
        if last is not None and last.state == state.state:
            since, live_after_s = last.since, last.live_after_s
        elif state.state is State.LIVE and look.writes.number:
            live_after_s = round(max(0.0, look.now - look.writes.written_at), 3)
        rule = str(item.body.get("rule", ""))
        if last is not None and (last.rule, last.target) == (rule, target):
            live_since = last.live_since
        if state.state is State.LIVE:
            live_since = live_since or utc
        elif state.state not in {State.PENDING, State.UNKNOWN}:
            live_since = None
        route = RouteStatus(
            state=str(state.state),
            message=state.message,
            since=since,
            live_since=live_since,
            rule=rule,
            entrypoints=tuple(names(item.body.get("entrypoints"))),
            service=owner,
            target=target,
            servers=len(servers),
            up=_up(service, last, look) if servers else {},
            parked=TASKS in servers and len(servers) == 1,
            live_after_s=live_after_s,
        )
        self._tell(stack, _key(item.id), last, route)
        return route

    def _standing(
        self, item: RouteObject, service: ObjectId, refused: tuple[Refusal, ...], look: Look
    ) -> Standing:
        if refused:
            return Standing(
                State.REJECTED, f"{refused[0]}; what it published before stays as it was"
            )
        for conflict in look.changes.conflicts:
            if conflict.id in {item.id, service}:
                return Standing(State.CONFLICT, conflict.message)
        written = self._written.get(item.id)
        if written is None or written[0] != _bodies(item, look.compiled):
            acts = self.around.identity.mode == "act"
            return Standing(State.PENDING, "is being written" if acts else "mode: observe")
        found = standing(item.id, service, written[1], look.instances, look.writes, look.now)
        if found.state is State.DISABLED:
            return Standing(State.DISABLED, without(self._secrets_of(look.compiled), found.message))
        freezing = [finding for finding in look.findings if finding.freezes]
        if found.state is State.FROZEN and freezing:
            key = f"{self.around.plan.root}/{freezing[0].key}"
            return Standing(State.FROZEN, f"{found.message}: `{key}` {freezing[0].message}")
        return found

    def _secrets_of(self, compiled: Compiled) -> tuple[str, ...]:
        if self._secrets[0] is not compiled.tree:
            self._secrets = compiled.tree, secrets_of(compiled.tree)
        return self._secrets[1]

    def _rejected(
        self, stack: str, owner: str, refused: tuple[Refusal, ...]
    ) -> Iterator[tuple[str, RouteStatus]]:
        """Of a service that publishes nothing: the routers that are known by name, else itself."""
        routers = {
            _key(each.subject): each
            for each in refused
            if each.subject is not None and each.subject.kind == "routers"
        }
        for name, refusal in (routers or {owner: refused[0]}).items():
            last = self._last(stack).routes.get(name)
            same = last is not None and last.state == str(State.REJECTED)
            since = last.since if same and last is not None else self.around.clock.utc()
            route = RouteStatus(
                state=str(State.REJECTED), message=str(refusal), since=since, service=owner
            )
            self._tell(stack, name, last, route)
            yield name, route

    def _publish(
        self, stacks: Mapping[str, Mapping[str, RouteStatus]], problems: Mapping[str, list[str]]
    ) -> None:
        wanted = {
            stack: StackRoutes(
                stack="" if stack == keys.NO_STACK else stack,
                routes=dict(sorted(stacks.get(stack, {}).items())),
                refused=some(sorted(set(problems.get(stack, ())))),
            )
            for stack in stacks.keys() | problems.keys()
        }
        for key in sorted(self.statuses.keys()):
            stack = key.removeprefix(keys.ROUTES_STATUS)
            if key.startswith(keys.ROUTES_STATUS) and stack not in wanted:
                self.statuses.want_gone(key)
        for stack, record in wanted.items():
            key = keys.routes_status_key(stack)
            self.statuses.want(key, shortened(record))
            # Whole: what is not shown has its past too.
            self._parsed[stack] = self.statuses.latest(key) or b"", record
        # What is gone is forgotten: when it comes again it is told again.
        alive = {f"{stack} {name}" for stack, routes in stacks.items() for name in routes}
        self._told = {name: state for name, state in self._told.items() if name in alive}
        self._parsed = {stack: each for stack, each in self._parsed.items() if stack in wanted}

    def _last(self, stack: str) -> StackRoutes:
        value = self.statuses.latest(keys.routes_status_key(stack)) or b""
        known = self._parsed.get(stack)
        if known is None or (known[0] is not value and known[0] != value):
            record = StackRoutes.parse(value) or StackRoutes()
            known = value, _with_others(record, self.around.clock.utc())
        self._parsed[stack] = value, known[1]
        return known[1]

    def _tell(self, stack: str, name: str, last: RouteStatus | None, route: RouteStatus) -> None:
        known = self._told.setdefault(f"{stack} {name}", last.state if last is not None else "")
        if route.state == known or route.state not in _TOLD:
            return
        self._told[f"{stack} {name}"] = route.state
        message = f"route {name}: {route.state}"
        if route.message:
            message += f": {route.message}"
        elif route.live_after_s is not None:
            message += f" {route.live_after_s:g} s after it was written"
        service = route.service.removeprefix("service ")
        shown = "" if stack == keys.NO_STACK else stack
        self.around.log.info("route", stack=shown, service=service, message=message)
        self.around.tell(RouteNews(shown, service, route.state, message))

    # --- metrics ------------------------------------------------------------------------------------

    def _measure(self, counted: Counter[str], servers: int, held: int, unreadable: int) -> None:
        gauge = self.around.metrics.gauge
        for state in State:
            gauge("routes", {"state": str(state)}, counted.get(str(state), 0))
        gauge("route_servers", {}, servers)
        gauge("traefik_conflicts", {}, held)
        gauge("traefik_unreadable_keys", {}, unreadable)


def owners_of(records: Iterable[StackRoutes]) -> Mapping[ObjectId, tuple[str, ...]]:
    """Who had each router when these statuses were written."""
    found: dict[ObjectId, tuple[str, ...]] = {}
    for record in map(_with_others, records):
        for name, route in record.routes.items():
            protocol, _, router = name.partition("/")
            for known in PROTOCOLS:
                # Of a refused one, what it published before has a target: that is served too.
                is_served = route.state in _SERVED or bool(route.target)
                if known == protocol and is_served and route.service:
                    found[ObjectId(known, "routers", router)] = (route.service,)
    return found


def _with_others(record: StackRoutes, now: datetime = NEVER) -> StackRoutes:
    """With what is known of the routes that were not shown; since when they are so is not."""
    found = {
        name: RouteStatus(state=state, since=now, service=owner)
        for state, owner, name in others(record)
    }
    return record.model_copy(update={"routes": {**found, **record.routes}})


def _routers(compiled: Compiled) -> tuple[RouteObject, ...]:
    return tuple(item for item in compiled.tree if item.id.kind == "routers")


def _owner(item: RouteObject, compiled: Compiled) -> tuple[str, str]:
    """The stack, or what stands in its place, and the owner."""
    owners = compiled.owners.get(item.id, ())
    owner = owners[0] if owners else item.origin.owner
    published = compiled.in_tree.get(owner)
    stack = published.origin.stack if published is not None else item.origin.stack
    return stack or keys.NO_STACK, owner


def _by_owner(refused: Iterable[Refusal]) -> dict[str, tuple[Refusal, ...]]:
    found: dict[str, tuple[Refusal, ...]] = {}
    for refusal in refused:
        if refusal.severity is Severity.ERROR:
            owner = refusal.origin.owner
            found[owner] = (*found.get(owner, ()), refusal)
    return found


def _up(service: ObjectId, last: RouteStatus | None, look: Look) -> dict[str, int]:
    """How many servers are up, by instance; of one that was not asked yet what was known before."""
    known = last.up if last is not None else {}
    found: dict[str, int] = {}
    for name, seen in sorted(look.instances.seen.items()):
        said = seen.servers.get(service.name) if service.protocol == "http" else None
        if said is not None and not seen.is_silent:
            found[name] = said.up
        elif not seen.servers and name in known:
            found[name] = known[name]
    return found


def _of_its_tasks(service: ObjectId, lonely: Iterable[Refusal], compiled: Compiled) -> str:
    """What is wrong with the tasks that a service sends to, or those of the services that it names."""
    item = compiled.tree.objects.get(service)
    named = {service, *(references(item) if item is not None else ())}
    return next((each.message for each in lonely if each.subject in named), "")


def _bodies(item: RouteObject, compiled: Compiled) -> Bodies:
    """What a router says, and what its service and middlewares say."""
    named = (compiled.tree.body(each) for each in references(item))
    return (item.body, *named)


def _key(router: ObjectId | None) -> str:
    return f"{cast('ObjectId', router).protocol}/{cast('ObjectId', router).name}"
