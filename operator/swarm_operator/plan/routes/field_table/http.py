"""HTTP routers, services, models and servers' transports (`pkg/config/dynamic/http_config.go`)."""

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
    IGNORED,
    INT,
    SWITCH,
    TEXT,
    TEXTS,
    UNREADABLE,
    by_presence,
    internal,
    listed,
    map_of,
    since,
    struct,
)

ROUTER_TLS: Final = struct(
    options=TEXT,
    resolvedOptions=since("3.7.2", IGNORED),
    certResolver=TEXT,
    domains=listed(DOMAIN),
)

ROUTER_OBSERVABILITY: Final = struct(
    accessLogs=BOOL,
    metrics=BOOL,
    tracing=BOOL,
    traceVerbosity=since("3.5", TEXT),
    metadata=since("3.7", IGNORED),
)

ROUTER: Final = struct(
    entryPoints=TEXTS,
    middlewares=TEXTS,
    service=TEXT,
    rule=TEXT,
    parentRefs=since("3.6", TEXTS),
    ruleSyntax=TEXT,
    priority=INT,
    tls=by_presence(ROUTER_TLS),
    observability=since("3.3", ROUTER_OBSERVABILITY),
    defaultRule=internal(BOOL),
    deniedEncodedPathCharacters=since("3.6.6", IGNORED),
)

COOKIE: Final = struct(
    name=TEXT,
    secure=BOOL,
    httpOnly=BOOL,
    sameSite=TEXT,
    maxAge=INT,
    path=since("3.3", TEXT),
    domain=since("3.4", TEXT),
    expires=since("3.7", IGNORED),
)

STICKY: Final = struct(
    cookie=by_presence(COOKIE),
)

SERVER: Final = struct(
    url=TEXT,
    weight=INT,
    preservePath=since("3.2", BOOL),
    fenced=since("3.3", IGNORED),
    scheme=IGNORED,
    port=IGNORED,
)

HEALTH_CHECK: Final = struct(
    scheme=TEXT,
    mode=TEXT,
    path=TEXT,
    method=TEXT,
    status=INT,
    port=INT,
    interval=DURATION,
    unhealthyInterval=since("3.5", DURATION),
    timeout=DURATION,
    hostname=TEXT,
    followRedirects=BOOL,
    headers=map_of(TEXT),
)

PASSIVE_HEALTH_CHECK: Final = struct(
    failureWindow=DURATION,
    maxFailedAttempts=INT,
)

RESPONSE_FORWARDING: Final = struct(
    flushInterval=DURATION,
)

LOAD_BALANCER: Final = struct(
    sticky=by_presence(STICKY),
    servers=listed(SERVER),
    strategy=since("3.4", TEXT),
    healthCheck=HEALTH_CHECK,
    passiveHealthCheck=since("3.6", PASSIVE_HEALTH_CHECK),
    passHostHeader=BOOL,
    responseForwarding=RESPONSE_FORWARDING,
    serversTransport=TEXT,
    nginxUpstreamHashBy=since("3.7", IGNORED),
)

HIGHEST_RANDOM_WEIGHT: Final = struct(
    services=listed(WEIGHTED_SERVICE),
    healthCheck=SWITCH,
)

GRPC_STATUS: Final = struct(
    code=INT,
    msg=TEXT,
)

WEIGHTED_HTTP_SERVICE: Final = struct(
    name=TEXT,
    weight=INT,
    headers=since("3.6", internal(map_of(TEXT))),
    status=since("3.1", internal(INT)),
    grpcStatus=since("3.2", internal(GRPC_STATUS)),
)

WEIGHTED: Final = struct(
    services=listed(WEIGHTED_HTTP_SERVICE),
    sticky=STICKY,
    healthCheck=SWITCH,
)

MIRROR: Final = struct(
    name=TEXT,
    percent=INT,
)

MIRRORING: Final = struct(
    service=TEXT,
    mirrorBody=since("3.2", BOOL),
    maxBodySize=INT,
    mirrors=listed(MIRROR),
    healthCheck=SWITCH,
)

FAILOVER_ERROR: Final = struct(
    maxRequestBodyBytes=INT,
    status=TEXTS,
)

FAILOVER: Final = struct(
    service=TEXT,
    fallback=TEXT,
    healthCheck=UNREADABLE,
    errors=since("3.7", FAILOVER_ERROR),
)

SERVICE: Final = struct(
    middlewares=since("3.7", TEXTS),
    loadBalancer=LOAD_BALANCER,
    highestRandomWeight=since("3.6", HIGHEST_RANDOM_WEIGHT),
    weighted=WEIGHTED,
    mirroring=MIRRORING,
    failover=FAILOVER,
)

MODEL: Final = struct(
    middlewares=TEXTS,
    tls=by_presence(ROUTER_TLS),
    observability=since("3.3", ROUTER_OBSERVABILITY),
    deniedEncodedPathCharacters=since("3.6.6", IGNORED),
    defaultRuleSyntax=IGNORED,
)

FORWARDING_TIMEOUTS: Final = struct(
    dialTimeout=DURATION,
    responseHeaderTimeout=DURATION,
    idleConnTimeout=DURATION,
    readIdleTimeout=DURATION,
    pingTimeout=DURATION,
    readTimeout=since("3.7", internal(DURATION)),
    writeTimeout=since("3.7", internal(DURATION)),
)

SERVERS_TRANSPORT: Final = struct(
    serverName=TEXT,
    insecureSkipVerify=BOOL,
    rootCAs=TEXTS,
    certificates=listed(CERTIFICATE),
    cipherSuites=since("3.7", TEXTS),
    minVersion=since("3.7", TEXT),
    maxVersion=since("3.7", TEXT),
    maxIdleConnsPerHost=INT,
    forwardingTimeouts=FORWARDING_TIMEOUTS,
    disableHTTP2=BOOL,
    peerCertURI=TEXT,
    spiffe=SPIFFE,
)
