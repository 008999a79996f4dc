"""What `routes`, `status` and `why` show of what is published for Traefik."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from desired_state import keys
from desired_state.route_records import RouteStatus, StackRoutes, TraefikStatus
from swarm_operator.cli.moments import age

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
    said = [*_refused(shown)]
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
        yield Text(text + version + message, _COLOURS.get(each.state, ""))
    for text in (*status.conflicts, *status.warnings):
        yield Text(f"  {text}", "yellow")


def _routes(routes: list[tuple[str, str, RouteStatus]], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("STACK", "ROUTE", "STATE", "SINCE", "SERVERS", "RULE", "WHY"):
        table.add_column(column, overflow="fold", no_wrap=column not in {"RULE", "WHY"})
    for stack, name, route in routes:
        live = f" ({route.live_after_s:g}s)" if route.live_after_s is not None else ""
        servers = "waiting room" if route.parked else str(route.servers)
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


def _refused(shown: RoutesView) -> Iterator[str]:
    for record in shown.stacks.values():
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
    return found


def of_stack(record: StackRoutes, now: datetime) -> Iterator[str]:
    """For `status STACK`: a line for each route."""
    for name, route in record.routes.items():
        rule = f" ({route.rule})" if route.rule else ""
        why = f": {' '.join(route.message.split())}" if route.message else ""
        since = age(route.live_since or route.since, now)
        yield f"route {name}{rule}: {route.state} for {since}{why}"


def of_service(record: StackRoutes | None, service: str) -> list[str]:
    """For `why`: each route of a service in a sentence."""
    found = []
    for name, route in (record.routes if record is not None else {}).items():
        if route.service.removeprefix("service ") != service:
            continue
        servers = "requests wait at its name" if route.parked else f"{route.servers} servers"
        message = f"; {' '.join(route.message.split()).rstrip('.')}" if route.message else ""
        rule = f" ({route.rule})" if route.rule else ""
        found.append(f"Its route {name}{rule} is {route.state}, {servers}{message}.")
    return found
