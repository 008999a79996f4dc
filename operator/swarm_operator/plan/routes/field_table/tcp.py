"""TCP routers, services, middlewares and servers' transports (`pkg/config/dynamic/tcp_*.go`)."""

from typing import Final

from swarm_operator.plan.routes.field_table.shared import (
    CERTIFICATE,
    DOMAIN,
    SPIFFE,
    WEIGHTED_SERVICE,
)
from swarm_operator.plan.routes.field_table.types import (
    BOOL,
    DURATION,
    INT,
    SWITCH,
    TEXT,
    TEXTS,
    by_presence,
    internal,
    listed,
    since,
    struct,
)

ROUTER_TLS: Final = struct(
    passthrough=BOOL,
    options=TEXT,
    certResolver=TEXT,
    domains=listed(DOMAIN),
)

ROUTER: Final = struct(
    entryPoints=TEXTS,
    middlewares=TEXTS,
    service=TEXT,
    rule=TEXT,
    ruleSyntax=TEXT,
    priority=INT,
    tls=by_presence(ROUTER_TLS),
)

SERVER: Final = struct(
    address=TEXT,
    port=internal(TEXT),
    tls=BOOL,
)

PROXY_PROTOCOL: Final = struct(
    version=INT,
)

HEALTH_CHECK: Final = struct(
    port=INT,
    send=TEXT,
    expect=TEXT,
    interval=DURATION,
    unhealthyInterval=DURATION,
    timeout=DURATION,
)

LOAD_BALANCER: Final = struct(
    servers=listed(SERVER),
    serversTransport=TEXT,
    proxyProtocol=by_presence(PROXY_PROTOCOL),
    terminationDelay=INT,
    healthCheck=since("3.6", by_presence(HEALTH_CHECK)),
)

WEIGHTED: Final = struct(
    services=listed(WEIGHTED_SERVICE),
    healthCheck=since("3.6", SWITCH),
)

SERVICE: Final = struct(
    loadBalancer=LOAD_BALANCER,
    weighted=WEIGHTED,
)

IN_FLIGHT_CONN: Final = struct(
    amount=INT,
)

IP_LIST: Final = struct(
    sourceRange=TEXTS,
)

MIDDLEWARE: Final = struct(
    inFlightConn=IN_FLIGHT_CONN,
    ipWhiteList=IP_LIST,
    ipAllowList=IP_LIST,
)

CLIENT_TLS: Final = struct(
    serverName=TEXT,
    insecureSkipVerify=BOOL,
    rootCAs=TEXTS,
    certificates=listed(CERTIFICATE),
    peerCertURI=TEXT,
    spiffe=SPIFFE,
)

SERVERS_TRANSPORT: Final = struct(
    dialKeepAlive=DURATION,
    dialTimeout=DURATION,
    proxyProtocol=since("3.5.2", by_presence(PROXY_PROTOCOL)),
    terminationDelay=DURATION,
    tls=by_presence(CLIENT_TLS),
)
