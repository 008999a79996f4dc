"""Traefik's HTTP API, read only: `/api/version`, and routers, services and middlewares by protocol.

After Traefik's `pkg/api`. Fields that Traefik fills with its defaults are shown only where they are set.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from swarm_operator.plan.routes.fields import Field, FieldType, as_element, child, find
from swarm_operator.plan.routes.tree import ObjectId, Protocol, RouteObject, Value
from swarm_operator.simulation.traefik.runtime import Applied, servers

_PROTOCOLS: Final[Mapping[str, Protocol]] = {"http": "http", "tcp": "tcp", "udp": "udp"}
_KINDS: Final = ("routers", "services", "middlewares")
_PER_PAGE: Final = 100
_SUFFIX: Final = "@consul"


def answer(applied: Applied, version: str, path: str, down: Collection[str] = ()) -> Any:
    """The JSON of `path` ("/api/http/routers?status=disabled"); None where Traefik says 404. `down`:
    URLs of servers that its health checks found to be."""
    asked = urlsplit(path)
    parts = [unquote(part) for part in asked.path.strip("/").split("/")]
    if parts == ["api", "version"]:
        return {"Version": version, "Codename": "simulated", "disableDashboardAd": True}
    if len(parts) not in {3, 4} or parts[0] != "api" or parts[2] not in _KINDS:
        return None
    protocol = _PROTOCOLS.get(parts[1])
    if protocol is None or find(protocol, parts[2]) is None:
        return None
    if len(parts) == 3:
        return _page(applied, protocol, parts[2], dict(parse_qsl(asked.query)))
    name = parts[3]
    wanted = ObjectId(protocol, parts[2], name.removesuffix(_SUFFIX))
    item = applied.tree.objects.get(wanted) if name.endswith(_SUFFIX) else None
    shown = _shown(applied, item) if item is not None else None
    if shown is not None and "serverStatus" in shown:
        shown["serverStatus"] |= dict.fromkeys(shown["serverStatus"].keys() & set(down), "DOWN")
    return shown


def _page(applied: Applied, protocol: Protocol, kind: str, query: Mapping[str, str]) -> Any:
    found = [_shown(applied, item) for item in applied.tree.of_kind(protocol, kind)]
    status = query.get("status", "").lower()
    chosen = [each for each in found if not status or each["status"] == status]
    size = int(query.get("per_page", _PER_PAGE))
    first = (int(query.get("page", 1)) - 1) * size
    return chosen[first : first + size]


def _shown(applied: Applied, item: RouteObject) -> dict[str, Any]:
    shape = find(item.id.protocol, item.id.kind)
    assert shape is not None
    shown: dict[str, Any] = _rendered(shape, item.body)
    errors = applied.errors.get(item.id, ())
    shown |= {"name": f"{item.id.name}{_SUFFIX}", "provider": "consul"}
    shown["status"] = "disabled" if errors else "enabled"
    if errors:
        shown["error"] = list(errors)
    if item.id.kind != "routers" and item.body:
        shown["type"] = next(iter(item.body))
    if item.id.kind == "services" and item.id in applied.used:
        shown["serverStatus"] = dict.fromkeys(filter(None, servers(item.body)), "UP")
    return shown


def _rendered(shape: Field, value: Value) -> Any:
    """A value as Traefik's JSON has it: structs with their documented names, lists without theirs."""
    if isinstance(value, tuple):
        return list(value)
    if not isinstance(value, Mapping):
        return value
    if shape.type is FieldType.STRUCTS:
        return [_rendered(as_element(shape), each) for _, each in sorted(value.items())]
    return {
        (below.name if shape.has_fields and below.name else name): _rendered(below, each)
        for name, each in value.items()
        if (below := child(shape, name)) is not None
    }
