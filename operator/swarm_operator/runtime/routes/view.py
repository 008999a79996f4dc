"""What people see of each route: `status/routes/<stack>`, events, metrics."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, cast

from desired_state import keys
from desired_state.route_records import RouteStatus, StackRoutes
from swarm_operator.plan.bounded import some
from swarm_operator.plan.routes.compile import Compiled
from swarm_operator.plan.routes.hiding import shown_rule
from swarm_operator.plan.routes.references import references
from swarm_operator.plan.routes.routed import not_routed
from swarm_operator.plan.routes.servers import TASKS
from swarm_operator.plan.routes.states import FROZEN_AFTER_S, State
from swarm_operator.plan.routes.tree import (
    ObjectId,
    Refusal,
    RouteObject,
    Severity,
    at,
    names,
    nested,
)
from swarm_operator.plan.routes.unreachable import unreachable
from swarm_operator.runtime.record import StatusWriter
from swarm_operator.runtime.routes.noted import NotedRoutes
from swarm_operator.runtime.routes.shortening import shortened
from swarm_operator.runtime.routes.standings import Standings, routers
from swarm_operator.runtime.routes.surroundings import RouteSurroundings
from swarm_operator.runtime.routes.traefik_view import Look, TraefikView
from swarm_operator.runtime.toolbox import RouteNews

_TOLD: Final = frozenset({State.LIVE, State.DISABLED, State.FROZEN, State.CONFLICT, State.REJECTED})
"""What is worth an event: the others are on the way, or nobody knows."""
_OUR_WORDS: Final = frozenset({State.CONFLICT, State.REJECTED})
"""Why it is so is said by us, and not by Traefik."""


@dataclass(slots=True)
class RouteView:
    """Says each thing once."""

    around: RouteSurroundings
    statuses: StatusWriter
    _told: dict[str, str] = field(default_factory=dict)
    """By stack and route, what was told last."""
    _shown: tuple[object, ...] = ()
    _traefik: TraefikView = field(init=False)
    _noted: NotedRoutes = field(init=False)
    _standings: Standings = field(init=False)
    _unconfirmed: int | None = None
    """Number of the write whose way to every instance is timed."""

    def __post_init__(self) -> None:
        self._traefik = TraefikView(self.around, self.statuses)
        self._noted = NotedRoutes(self.statuses)
        self._standings = Standings(self.around)

    def forget(self) -> None:
        """Somebody else may have written meanwhile."""
        self._standings.forget()
        self._noted.forget()
        self._told = {}
        self._shown = ()
        self._unconfirmed = None
        self.around.tell_unrouted(None)

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
        self.around.tell_unrouted({})
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
        self._standings.note(look)
        self._time_write(look)
        refused = _by_owner(look.compiled.refused)
        stacks: dict[str, dict[str, RouteStatus]] = {}
        problems: dict[str, list[str]] = {}
        warnings = [each for each in look.compiled.refused if each.severity is Severity.WARNING]
        lonely = tuple(unreachable(look.compiled, look.surroundings))
        for item in routers(look.compiled):
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
        unrouted = {stack: not_routed(routes) for stack, routes in stacks.items()}
        self.around.tell_unrouted({stack: each for stack, each in unrouted.items() if each})
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
        state = self._standings.of(item, service, refused, look)
        if not state.message and lonely:
            state = replace(state, message=_of_its_tasks(service, lonely, look.compiled))
        servers = nested(at(look.compiled.tree.body(service) or {}, "loadbalancer", "servers"))
        stack, _ = _owner(item, look.compiled)
        utc = self.around.clock.utc()
        last = self._noted.of(stack, utc).routes.get(_key(item.id))
        since, live_after_s, live_since = utc, None, None
        if last is not None and last.state == state.state:
            since, live_after_s = last.since, last.live_after_s
        elif state.state is State.LIVE and look.writes.number:
            live_after_s = round(max(0.0, look.now - look.writes.written_at), 3)
        rule = shown_rule(str(item.body.get("rule", "")))
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

    def _rejected(
        self, stack: str, owner: str, refused: tuple[Refusal, ...]
    ) -> Iterator[tuple[str, RouteStatus]]:
        """Of a service that publishes nothing: the routers that are known by name, else itself."""
        known = {
            _key(each.subject): each
            for each in refused
            if each.subject is not None and each.subject.kind == "routers"
        }
        for name, refusal in (known or {owner: refused[0]}).items():
            utc = self.around.clock.utc()
            last = self._noted.of(stack, utc).routes.get(name)
            same = last is not None and last.state == str(State.REJECTED)
            since = last.since if same and last is not None else utc
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
            self._noted.said(stack, record)
        # What is gone is forgotten: when it comes again it is told again.
        alive = {f"{stack} {name}" for stack, routes in stacks.items() for name in routes}
        self._told = {name: state for name, state in self._told.items() if name in alive}
        self._noted.keep(wanted)

    def _tell(self, stack: str, name: str, last: RouteStatus | None, route: RouteStatus) -> None:
        known = self._told.setdefault(f"{stack} {name}", _news_of(last))
        news = _news_of(route)
        if news == known or route.state not in _TOLD:
            return
        self._told[f"{stack} {name}"] = news
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


def _news_of(route: RouteStatus | None) -> str:
    """Equal for two moments between which nothing happened that is worth an event."""
    if route is None:
        return ""
    # A second fault is news; what an instance says, and in which order, is not.
    return route.state + (route.message if route.state in _OUR_WORDS else "")


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
        said = seen.servers.get(service)
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


def _key(router: ObjectId | None) -> str:
    return f"{cast('ObjectId', router).protocol}/{cast('ObjectId', router).name}"
