"""What `routes`, `status` and `why` show of what is published for Traefik."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from desired_state import keys
from desired_state.route_records import RouteStatus, StackRoutes, TraefikStatus, others
from swarm_operator.cli.moments import age
from swarm_operator.plan.bounded import some

_COLOURS: Final = {
    "live": "green",
    "pending": "cyan",
    "unknown": "yellow",
    "disabled": "red",
    "frozen": "red",
    "conflict": "yellow",
    "rejected": "red",
    "current": "green",
    "behind": "cyan",
    "silent": "red",
}
_WELL: Final = frozenset({"live", "pending", "unknown"})


@dataclass(frozen=True, slots=True)
class RoutesView:
    """What the operator wrote about routes."""

    traefik: TraefikStatus | None
    stacks: Mapping[str, StackRoutes]
    """By stack; what belongs to none is under `keys.NO_STACK`."""
    is_led: bool


def as_json(shown: RoutesView) -> Any:
    """For programs."""
    return {
        "traefik": shown.traefik.model_dump(mode="json") if shown.traefik else None,
        "stacks": [record.model_dump(mode="json") for record in shown.stacks.values()],
    }


def as_text(shown: RoutesView, now: datetime) -> RenderableType:
    """Traefik's instances, then one line for each route, then what is wrong."""
    if shown.traefik is None and not shown.stacks:
        return Text("no routes")
    parts: list[RenderableType] = []
    if shown.traefik is not None:
        parts += [*_traefik(shown.traefik, now), Text()]
    routes = [
        (stack, name, route)
        for stack, record in shown.stacks.items()
        for name, route in record.routes.items()
    ]
    parts.append(_routes(routes, now) if routes else Text("no routes"))
    parts += [Text(f"{_place(stack)}{text}") for stack, text in _unshown(shown.stacks)]
    said = [*_refused(shown.stacks.values())]
    if said:
        parts += [Text(), *(Text(line, "yellow") for line in said)]
    return Group(*parts)


def _traefik(status: TraefikStatus, now: datetime) -> Iterator[RenderableType]:
    head = f"traefik: {status.state} for {age(status.since, now)}"
    yield Text(head + (f": {status.message}" if status.message else ""))
    yield Text(f"root {status.root}, written for {status.version}", "dim")
    for name, each in status.instances.items():
        text = f"  {name}: {each.state} for {age(each.since, now)}"
        version = f", version {each.version}" if each.version else ""
        message = f": {each.message}" if each.message else ""
        shows = ""
        if each.stamp_since is not None and each.state in {"behind", "frozen"}:
            shows = f", shows the same stamp for {age(each.stamp_since, now)}"
        yield Text(text + version + shows + message, _COLOURS.get(each.state, ""))
    for text in (*status.conflicts, *status.warnings):
        yield Text(f"  {text}", "yellow")


def _routes(routes: list[tuple[str, str, RouteStatus]], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("STACK", "ROUTE", "STATE", "SINCE", "SERVERS", "RULE", "WHY"):
        table.add_column(column, overflow="fold", no_wrap=column not in {"RULE", "WHY"})
    for stack, name, route in routes:
        live = f" ({route.live_after_s:g}s)" if route.live_after_s is not None else ""
        servers = "waiting room" if route.parked else _servers(route)
        table.add_row(
            "-" if stack == keys.NO_STACK else stack,
            name,
            Text(route.state, _COLOURS.get(route.state, "")),
            age(route.live_since or route.since, now) + live,
            servers,
            route.rule,
            " ".join(route.message.split()),
        )
    return table


def _unshown(stacks: Mapping[str, StackRoutes]) -> Iterator[tuple[str, str]]:
    """Of stacks with too many routes for one value of the KV."""
    for stack, record in stacks.items():
        if record.more:
            counts = ", ".join(f"{count} {state}" for state, count in record.counts.items())
            yield stack, f"… and {record.more} more; of all {counts}"


def _place(stack: str) -> str:
    return "" if stack == keys.NO_STACK else f"{stack}: "


def _counted(route: RouteStatus) -> str:
    up = min(route.up.values(), default=route.servers)
    return f"{route.servers} servers" + (f", {up} of them up" if up < route.servers else "")


def _servers(route: RouteStatus) -> str:
    """How many there are, and on the instance that has the fewest how many are up."""
    up = min(route.up.values(), default=route.servers)
    return str(route.servers) if up >= route.servers else f"{up} of {route.servers} up"


def _refused(records: Iterable[StackRoutes]) -> Iterator[str]:
    """What is said of routes beside their own messages."""
    for record in records:
        told = {route.message for route in record.routes.values()}
        for text in record.refused:
            if not any(text in each for each in told):
                yield text


def lines(traefik: TraefikStatus | None, stacks: Mapping[str, StackRoutes]) -> list[str]:
    """For `status`: nothing where all is well."""
    found = []
    if traefik is not None and traefik.state in {"Frozen", "Conflict", "Waiting", "Failed"}:
        found.append(f"traefik: {traefik.state}: {traefik.message}")
    for stack, record in stacks.items():
        for name, route in record.routes.items():
            if route.state not in _WELL:
                why = f": {' '.join(route.message.split())}" if route.message else ""
                place = "" if stack == keys.NO_STACK else f"{stack}, "
                found.append(f"route {place}{name}: {route.state}{why}")
    found += [f"routes of {_place(stack)}{text}" for stack, text in _unshown(_ill(stacks))]
    return found


def _ill(stacks: Mapping[str, StackRoutes]) -> Mapping[str, StackRoutes]:
    """Those of which some route that is not shown is not well."""
    found = {}
    for stack, record in stacks.items():
        shown = sum(route.state not in _WELL for route in record.routes.values())
        counted = sum(count for state, count in record.counts.items() if state not in _WELL)
        if counted > shown:
            found[stack] = record
    return found


def of_stack(record: StackRoutes, now: datetime) -> Iterator[str]:
    """For `status STACK`: a line for each route."""
    for name, route in record.routes.items():
        rule = f" ({route.rule})" if route.rule else ""
        why = f": {' '.join(route.message.split())}" if route.message else ""
        since = age(route.live_since or route.since, now)
        yield f"route {name}{rule}: {route.state} for {since}{why}"
    yield from (text for _, text in _unshown({record.stack: record}))
    yield from (f"of its routes: {text}" for text in _refused([record]))


def of_service(record: StackRoutes | None, service: str) -> list[str]:
    """For `why`: each route of a service in a sentence."""
    found = []
    for name, route in (record.routes if record is not None else {}).items():
        if route.service.removeprefix("service ") != service:
            continue
        servers = "requests wait at its name" if route.parked else _counted(route)
        message = f"; {' '.join(route.message.split()).rstrip('.')}" if route.message else ""
        rule = f" ({route.rule})" if route.rule else ""
        found.append(f"Its route {name}{rule} is {route.state}, {servers}{message}.")
    unshown = [
        f"Its route {name} is {state}; the stack has too many to say more."
        for state, owner, name in (others(record) if record is not None else ())
        if owner.removeprefix("service ") == service
    ]
    return [*found, *some(unshown)]
