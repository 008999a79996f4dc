"""HTTP middlewares (`pkg/config/dynamic/middlewares.go`)."""

from typing import Final

from swarm_operator.plan.routes.field_table.shared import CLIENT_TLS
from swarm_operator.plan.routes.field_table.types import (
    BOOL,
    DURATION,
    IGNORED,
    INT,
    RAW,
    TEXT,
    TEXTS,
    by_presence,
    map_of,
    secret,
    since,
    struct,
)

ADD_PREFIX: Final = struct(
    prefix=TEXT,
)

STRIP_PREFIX: Final = struct(
    prefixes=TEXTS,
    forceSlash=BOOL,
)

STRIP_PREFIX_REGEX: Final = struct(
    regex=TEXTS,
)

REPLACE_PATH: Final = struct(
    path=TEXT,
)

REPLACE_PATH_REGEX: Final = struct(
    regex=TEXT,
    replacement=TEXT,
)

CHAIN: Final = struct(
    middlewares=TEXTS,
)

IP_STRATEGY: Final = struct(
    depth=INT,
    excludedIPs=TEXTS,
    ipv6Subnet=since("3.2", INT),
)

IP_WHITE_LIST: Final = struct(
    sourceRange=TEXTS,
    ipStrategy=by_presence(IP_STRATEGY),
)

IP_ALLOW_LIST: Final = struct(
    sourceRange=TEXTS,
    ipStrategy=by_presence(IP_STRATEGY),
    rejectStatusCode=INT,
)

HEADERS: Final = struct(
    customRequestHeaders=map_of(TEXT),
    customResponseHeaders=map_of(TEXT),
    accessControlAllowCredentials=BOOL,
    accessControlAllowHeaders=TEXTS,
    accessControlAllowMethods=TEXTS,
    accessControlAllowOriginList=TEXTS,
    accessControlAllowOriginListRegex=TEXTS,
    accessControlExposeHeaders=TEXTS,
    accessControlMaxAge=INT,
    addVaryHeader=BOOL,
    allowedHosts=TEXTS,
    hostsProxyHeaders=TEXTS,
    sslProxyHeaders=map_of(TEXT),
    stsSeconds=INT,
    stsIncludeSubdomains=BOOL,
    stsPreload=BOOL,
    forceSTSHeader=BOOL,
    frameDeny=BOOL,
    customFrameOptionsValue=TEXT,
    contentTypeNosniff=BOOL,
    browserXssFilter=BOOL,
    customBrowserXSSValue=TEXT,
    contentSecurityPolicy=TEXT,
    contentSecurityPolicyReportOnly=since("3.1", TEXT),
    publicKey=TEXT,
    referrerPolicy=TEXT,
    permissionsPolicy=TEXT,
    isDevelopment=BOOL,
    featurePolicy=TEXT,
    sslRedirect=BOOL,
    sslTemporaryRedirect=BOOL,
    sslHost=TEXT,
    sslForceHost=BOOL,
)

ENCODED_CHARACTERS: Final = struct(
    allowEncodedSlash=BOOL,
    allowEncodedBackSlash=BOOL,
    allowEncodedNullCharacter=BOOL,
    allowEncodedSemicolon=BOOL,
    allowEncodedPercent=BOOL,
    allowEncodedQuestionMark=BOOL,
    allowEncodedHash=BOOL,
)

ERRORS: Final = struct(
    status=TEXTS,
    statusRewrites=since("3.4", map_of(INT)),
    service=TEXT,
    query=TEXT,
    errorRequestHeaders=since("3.6.15", TEXTS),
    nginxHeaders=since("3.7", IGNORED),
)

SOURCE_CRITERION: Final = struct(
    ipStrategy=IP_STRATEGY,
    requestHeaderName=TEXT,
    requestHost=BOOL,
)

REDIS: Final = struct(
    endpoints=TEXTS,
    tls=CLIENT_TLS,
    username=secret(TEXT),
    password=secret(TEXT),
    db=INT,
    poolSize=INT,
    minIdleConns=INT,
    maxActiveConns=INT,
    readTimeout=DURATION,
    writeTimeout=DURATION,
    dialTimeout=DURATION,
)

RATE_LIMIT: Final = struct(
    average=INT,
    period=DURATION,
    burst=INT,
    sourceCriterion=SOURCE_CRITERION,
    redis=since("3.4", REDIS),
)

REDIRECT_REGEX: Final = struct(
    regex=TEXT,
    replacement=TEXT,
    permanent=BOOL,
    statusCode=since("3.7", IGNORED),
)

REDIRECT_SCHEME: Final = struct(
    scheme=TEXT,
    port=TEXT,
    permanent=BOOL,
    forcePermanentRedirect=since("3.6.3", IGNORED),
)

BASIC_AUTH: Final = struct(
    users=secret(TEXTS),
    usersFile=TEXT,
    realm=TEXT,
    removeHeader=BOOL,
    headerField=TEXT,
)

DIGEST_AUTH: Final = struct(
    users=secret(TEXTS),
    usersFile=TEXT,
    removeHeader=BOOL,
    realm=TEXT,
    headerField=TEXT,
)

FORWARD_AUTH_TLS: Final = struct(
    ca=TEXT,
    cert=TEXT,
    key=secret(TEXT),
    insecureSkipVerify=BOOL,
    caOptional=BOOL,
)

FORWARD_AUTH: Final = struct(
    address=TEXT,
    tls=FORWARD_AUTH_TLS,
    trustForwardHeader=BOOL,
    authResponseHeaders=TEXTS,
    authResponseHeadersRegex=TEXT,
    authRequestHeaders=TEXTS,
    maxResponseBodySize=since("3.6.9", INT),
    addAuthCookiesToResponse=TEXTS,
    headerField=since("3.2", TEXT),
    forwardBody=since("3.3", BOOL),
    maxBodySize=since("3.3", INT),
    preserveLocationHeader=since("3.3", BOOL),
    preserveRequestMethod=since("3.4", BOOL),
    authSigninURL=since("3.7", TEXT),
)

IN_FLIGHT_REQ: Final = struct(
    amount=INT,
    sourceCriterion=SOURCE_CRITERION,
)

BUFFERING: Final = struct(
    maxRequestBodyBytes=INT,
    memRequestBodyBytes=INT,
    maxResponseBodyBytes=INT,
    memResponseBodyBytes=INT,
    retryExpression=TEXT,
    disableRequestBuffer=since("3.7", IGNORED),
    disableResponseBuffer=since("3.7", IGNORED),
)

CIRCUIT_BREAKER: Final = struct(
    expression=TEXT,
    checkPeriod=DURATION,
    fallbackDuration=DURATION,
    recoveryDuration=DURATION,
    responseCode=INT,
)

COMPRESS: Final = struct(
    excludedContentTypes=TEXTS,
    includedContentTypes=TEXTS,
    minResponseBodyBytes=INT,
    encodings=since("3.2", TEXTS),
    defaultEncoding=since("3.0.2", TEXT),
)

CERTIFICATE_SUBJECT: Final = struct(
    country=BOOL,
    province=BOOL,
    locality=BOOL,
    organization=BOOL,
    organizationalUnit=BOOL,
    commonName=BOOL,
    serialNumber=BOOL,
    domainComponent=BOOL,
)

CERTIFICATE_ISSUER: Final = struct(
    country=BOOL,
    province=BOOL,
    locality=BOOL,
    organization=BOOL,
    commonName=BOOL,
    serialNumber=BOOL,
    domainComponent=BOOL,
)

CERTIFICATE_INFO: Final = struct(
    notAfter=BOOL,
    notBefore=BOOL,
    sans=BOOL,
    serialNumber=BOOL,
    subject=CERTIFICATE_SUBJECT,
    issuer=CERTIFICATE_ISSUER,
)

PASS_TLS_CLIENT_CERT: Final = struct(
    pem=BOOL,
    info=CERTIFICATE_INFO,
)

RETRY: Final = struct(
    attempts=INT,
    timeout=since("3.7", DURATION),
    initialInterval=DURATION,
    maxRequestBodyBytes=since("3.7", INT),
    status=since("3.7", TEXTS),
    disableRetryOnNetworkError=since("3.7", BOOL),
    retryNonIdempotentMethod=since("3.7", BOOL),
)

CONTENT_TYPE: Final = struct(
    autoDetect=BOOL,
)

GRPC_WEB: Final = struct(
    allowOrigins=TEXTS,
)

MIDDLEWARE: Final = struct(
    addPrefix=ADD_PREFIX,
    stripPrefix=STRIP_PREFIX,
    stripPrefixRegex=STRIP_PREFIX_REGEX,
    replacePath=REPLACE_PATH,
    replacePathRegex=REPLACE_PATH_REGEX,
    chain=CHAIN,
    ipWhiteList=IP_WHITE_LIST,
    ipAllowList=IP_ALLOW_LIST,
    headers=HEADERS,
    encodedCharacters=since("3.7", ENCODED_CHARACTERS),
    errors=ERRORS,
    rateLimit=RATE_LIMIT,
    redirectRegex=REDIRECT_REGEX,
    redirectScheme=REDIRECT_SCHEME,
    basicAuth=BASIC_AUTH,
    digestAuth=DIGEST_AUTH,
    forwardAuth=FORWARD_AUTH,
    inFlightReq=IN_FLIGHT_REQ,
    buffering=BUFFERING,
    circuitBreaker=CIRCUIT_BREAKER,
    compress=by_presence(COMPRESS),
    passTLSClientCert=PASS_TLS_CLIENT_CERT,
    retry=RETRY,
    contentType=by_presence(CONTENT_TYPE),
    grpcWeb=GRPC_WEB,
    plugin=map_of(RAW),
    requestHeaderModifier=IGNORED,
    responseHeaderModifier=since("3.2", IGNORED),
    requestRedirect=since("3.1", IGNORED),
    URLRewrite=since("3.1", IGNORED),
    authTLSPassCertificateToUpstream=since("3.7", IGNORED),
    snippet=since("3.7", IGNORED),
    rewriteTarget=since("3.7", IGNORED),
    upstreamVHost=since("3.7", IGNORED),
    appRoot=since("3.7.7", IGNORED),
)
