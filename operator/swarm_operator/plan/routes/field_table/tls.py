"""TLS certificates, options and stores (`pkg/tls/tls.go`)."""

from typing import Final

from swarm_operator.plan.routes.field_table.shared import CERTIFICATE, DOMAIN
from swarm_operator.plan.routes.field_table.types import (
    BOOL,
    TEXT,
    TEXTS,
    secret,
    since,
    struct,
)

CERTIFICATE_IN_STORES: Final = struct(
    certFile=TEXT,
    keyFile=secret(TEXT),
    stores=TEXTS,
)

CLIENT_AUTH: Final = struct(
    caFiles=TEXTS,
    clientAuthType=TEXT,
)

OPTIONS: Final = struct(
    minVersion=TEXT,
    maxVersion=TEXT,
    cipherSuites=TEXTS,
    curvePreferences=TEXTS,
    clientAuth=CLIENT_AUTH,
    sniStrict=BOOL,
    alpnProtocols=TEXTS,
    disableSessionTickets=since("3.4", BOOL),
    preferServerCipherSuites=BOOL,
)

GENERATED_CERT: Final = struct(
    resolver=TEXT,
    domain=DOMAIN,
)

STORE: Final = struct(
    defaultCertificate=CERTIFICATE,
    defaultGeneratedCert=GENERATED_CERT,
)
