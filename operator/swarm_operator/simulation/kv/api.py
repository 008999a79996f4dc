"""The part of Consul's HTTP API that the operator, py-consul, Traefik and `consul kv` use.

The answers are those of Consul 1.8.7, quirks included; what is out of scope says so with a 501.
"""

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from swarm_operator.simulation.kv import options
from swarm_operator.simulation.kv.http import (
    JSON_HEADERS,
    VARY,
    Outcome,
    Rejected,
    Request,
    Response,
    plain,
)
from swarm_operator.simulation.kv.kv_endpoint import KvEndpoint
from swarm_operator.simulation.kv.model import Kv
from swarm_operator.simulation.kv.options import Options
from swarm_operator.simulation.kv.session_endpoint import SessionEndpoint
from swarm_operator.simulation.kv.txn_endpoint import TxnEndpoint
from swarm_operator.simulation.timeline import Timeline

OUT_OF_SCOPE: Final = frozenset(
    [
        "acl",
        "agent",
        "catalog",
        "config",
        "connect",
        "coordinate",
        "discovery-chain",
        "event",
        "health",
        "internal",
        "operator",
        "query",
        "snapshot",
        "status",
    ]
)
"""What a real Consul serves besides."""


@dataclass(frozen=True, slots=True)
class _Route:
    methods: tuple[str, ...]
    handle: Callable[[Request, Options], Outcome]
    is_tree: bool = False
    """Its path ends with a slash and takes whatever follows."""


class ConsulApi:
    """Answers requests to one agent. Never waits: a blocking read is answered by a `Later`."""

    def __init__(self, kv: Kv) -> None:
        self.kv = kv
        self._kv_endpoint = KvEndpoint(kv)
        sessions = SessionEndpoint(kv)
        self._exact = {
            "/v1/txn": _Route(("PUT",), TxnEndpoint(kv).handle),
            "/v1/session/create": _Route(("PUT",), sessions.create),
            "/v1/session/list": _Route(("GET",), sessions.all),
            "/v1/status/leader": _Route(("GET",), self._leader),
            "/v1/status/peers": _Route(("GET",), self._peers),
            "/v1/agent/self": _Route(("GET",), self._self),
        }
        self._trees = {
            "/v1/kv/": _Route(("GET", "PUT", "DELETE"), self._kv_endpoint.handle),
            "/v1/session/destroy/": _Route(("PUT",), sessions.destroy),
            "/v1/session/renew/": _Route(("PUT",), sessions.renew),
            "/v1/session/info/": _Route(("GET",), sessions.info),
            "/v1/session/node/": _Route(("GET",), sessions.of_node),
        }

    @property
    def timeline(self) -> Timeline:
        return self.kv.timeline

    def handle(self, request: Request) -> Outcome:
        """Consul's answer, whatever it is; raises nothing for a bad request."""
        path = request.path
        if "\0" in path:
            return Response(400)
        if "//" in path or "/." in path:
            cleaned = _cleaned(path)
            if cleaned != path:
                is_tree = cleaned + "/" in self._trees
                return _moved(request, cleaned + "/" if is_tree else cleaned)
        route = self._route(path)
        if route is None:
            return self._unknown(request)
        if request.method not in route.methods:
            return _not_allowed(request.method, route.methods)
        try:
            asked = options.parse(request, self.kv.server.datacenter)
            outcome = route.handle(request, asked)
        except Rejected as refused:
            return refused.response
        if "pretty" in request.query and isinstance(outcome, Response):
            return replace(outcome, is_pretty=True)
        return outcome

    def _route(self, path: str) -> _Route | None:
        if path.startswith("/v1/kv/"):
            return self._trees["/v1/kv/"]
        route = self._exact.get(path)
        if route is None:
            tree = "/".join(path.split("/", 4)[:4]) + "/"
            route = self._trees.get(tree) if path.startswith(tree) else None
        return route

    def _unknown(self, request: Request) -> Response:
        path = request.path
        if path == "/":
            return Response(
                200, {"Content-Type": "text/plain; charset=utf-8"}, data=b"Consul Agent"
            )
        if path + "/" in self._trees:
            return _moved(request, path + "/")
        parts = path.split("/")
        if len(parts) > 2 and parts[1] == "v1" and parts[2] in OUT_OF_SCOPE:
            return plain(501, f"the simulated Consul does not serve {path}")
        return Response(404)

    def _leader(self, _request: Request, _options: Options) -> Response:
        return Response(200, JSON_HEADERS, self._address)

    def _peers(self, _request: Request, _options: Options) -> Response:
        return Response(200, JSON_HEADERS, [self._address])

    def _self(self, _request: Request, _options: Options) -> Response:
        server = self.kv.server
        config = {
            "Datacenter": server.datacenter,
            "NodeName": server.node,
            "NodeID": server.node_id,
            "Revision": "",
            "Server": True,
            "Version": server.version,
        }
        member = {"Name": server.node, "Addr": server.address, "Port": 8301, "Status": 1}
        shown = {"Config": config, "DebugConfig": {}, "Member": member, "Stats": {}, "Meta": {}}
        return Response(200, JSON_HEADERS, shown)

    @property
    def _address(self) -> str:
        return f"{self.kv.server.address}:{self.kv.server.port}"


def _cleaned(path: str) -> str:
    """As Go's ServeMux does it before it looks for a handler."""
    cleaned = posixpath.normpath("/" + path.lstrip("/"))
    return cleaned + "/" if path.endswith("/") and cleaned != "/" else cleaned


def _moved(request: Request, path: str) -> Response:
    query = f"?{request.raw_query}" if request.raw_query else ""
    location = quote(path, safe="/:@!$&'()*+,;=~") + query
    headers = {"Location": location}
    if request.method != "GET":
        return Response(301, headers)
    link = location.replace("&", "&amp;").replace('"', "&#34;")
    body = f'<a href="{link}">Moved Permanently</a>.\n\n'
    return Response(301, headers | {"Content-Type": "text/html; charset=utf-8"}, data=body.encode())


def _not_allowed(method: str, methods: tuple[str, ...]) -> Response:
    allow = {"Allow": ",".join(("OPTIONS", *methods))}
    if method == "OPTIONS":
        return Response(200, allow | VARY)
    return plain(405, f"method {method} not allowed", allow)
