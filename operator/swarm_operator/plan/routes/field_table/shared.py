"""Structs that several protocols share."""

from typing import Final

from swarm_operator.plan.routes.field_table.types import (
    BOOL,
    INT,
    TEXT,
    TEXTS,
    secret,
    struct,
)

DOMAIN: Final = struct(
    main=TEXT,
    sans=TEXTS,
)

CERTIFICATE: Final = struct(
    certFile=TEXT,
    keyFile=secret(TEXT),
)

SPIFFE: Final = struct(
    ids=TEXTS,
    trustDomain=TEXT,
)

CLIENT_TLS: Final = struct(
    ca=TEXT,
    cert=TEXT,
    key=secret(TEXT),
    insecureSkipVerify=BOOL,
)

WEIGHTED_SERVICE: Final = struct(
    name=TEXT,
    weight=INT,
)
