"""UDP routers and services (`pkg/config/dynamic/udp_config.go`)."""

from typing import Final

from swarm_operator.plan.routes.field_table.shared import WEIGHTED_SERVICE
from swarm_operator.plan.routes.field_table.types import (
    TEXT,
    TEXTS,
    internal,
    listed,
    struct,
)

ROUTER: Final = struct(
    entryPoints=TEXTS,
    service=TEXT,
)

SERVER: Final = struct(
    address=TEXT,
    port=internal(TEXT),
)

LOAD_BALANCER: Final = struct(
    servers=listed(SERVER),
)

WEIGHTED: Final = struct(
    services=listed(WEIGHTED_SERVICE),
)

SERVICE: Final = struct(
    loadBalancer=LOAD_BALANCER,
    weighted=WEIGHTED,
)
