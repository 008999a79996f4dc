"""The one table of the settings: their names, kinds, defaults and what they are for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from swarm_operator.settings import dns, values
from swarm_operator.settings.values import LogFormat, LogLevel, Mode


@dataclass(frozen=True, slots=True)
class Given:
    """A value as somebody wrote it, and where."""

    raw: object
    origin: str


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: its names, what it takes and what it is for."""

    field: str
    key: str
    variable: str
    default: str | None
    parse: Callable[[str], Any]
    allowed: str
    help: str
    flag: str | None = None
    secret: bool = False

    def resolve(self, given: Given | None) -> tuple[Any, str, str | None]:
        """Value, origin and problem."""
        if given is None:
            return (None if self.default is None else self.parse(self.default)), "default", None
        if isinstance(given.raw, bool) and self.parse is values.boolean:
            return given.raw, given.origin, None
        if not isinstance(given.raw, str):
            kind = _KINDS.get(type(given.raw), "this")
            return None, given.origin, f"{given.origin}: wants {self.allowed}, not {kind}"
        try:
            return self.parse(given.raw), given.origin, None
        except ValueError as error:
            shown = "the value" if self.secret or "@" in given.raw else repr(given.raw)
            hint = f" ({error})" if str(error) else ""
            problem = f"{given.origin}: {shown} is not {self.allowed}{hint}"
            return None, given.origin, problem

    def show(self, value: Any) -> str:
        if value is None:
            return "-"
        if self.secret:
            return "(hidden)"
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, tuple):
            return ", ".join(map(str, value))
        return f"{value:g}s" if isinstance(value, float) else str(value)


_KINDS: Final = {bool: "a boolean", int: "a number", float: "a number", list: "a list"}


OPTIONS: Final = (
    Option(
        "docker_host", "docker.host", "DOCKER_HOST", "unix:///var/run/docker.sock",
        values.docker_host, "a Docker address: unix:///path or tcp://host:port",
        "the engine of a manager", "--docker-host",
    ),
    Option(
        "docker_tls_verify", "docker.tls_verify", "DOCKER_TLS_VERIFY", "false", values.boolean,
        "true or false", "TLS to the engine, its certificate checked",
    ),
    Option(
        "docker_cert_path", "docker.cert_path", "DOCKER_CERT_PATH", None, values.path,
        "a folder", "folder of ca.pem, cert.pem and key.pem",
    ),
    Option(
        "consul_addr", "consul.address", "CONSUL_HTTP_ADDR", "http://127.0.0.1:8500",
        values.consul_addr, "a Consul address: host:port, http://host:port or https://host:port",
        "Consul's agent", "--consul-addr",
    ),
    Option(
        "consul_token", "consul.token", "CONSUL_HTTP_TOKEN", None, values.secret,
        "a Consul token", "token for Consul; better in a file", secret=True,
    ),
    Option(
        "consul_token_file", "consul.token_file", "CONSUL_HTTP_TOKEN_FILE", None, values.path,
        "a file", "file with the token; read again when it changes", "--consul-token-file",
    ),
    Option(
        "consul_cacert", "consul.cacert", "CONSUL_CACERT", None, values.path,
        "a file", "certificates that Consul's is checked with", "--consul-cacert",
    ),
    Option(
        "root", "root", "SWARM_OPERATOR_ROOT", "swarm-operator", values.root,
        "a KV path of letters, digits and ._@-/", "the KV folder of this installation", "--root",
    ),
    Option(
        "listen", "listen", "SWARM_OPERATOR_LISTEN", "127.0.0.1:9808", values.address,
        "an address: host:port, [ipv6]:port or :port", "where /metrics, /livez and /readyz are",
        "--listen",
    ),
    Option(
        "mode", "mode", "SWARM_OPERATOR_MODE", "act", values.choice(Mode),
        "a mode: act or observe", "observe: plan and report, write nothing to the swarm", "--mode",
    ),
    Option(
        "log_format", "log.format", "SWARM_OPERATOR_LOG_FORMAT", "auto", values.choice(LogFormat),
        "a log format: auto, json or console", "auto: console on a terminal, else JSON lines",
        "--log-format",
    ),
    Option(
        "log_level", "log.level", "SWARM_OPERATOR_LOG_LEVEL", "info", values.choice(LogLevel),
        "a log level: debug, info, warning or error", "the least important lines to write",
        "--log-level",
    ),
    Option(
        "registry_config", "registry_config", "SWARM_OPERATOR_REGISTRY_CONFIG", None, values.path,
        "a file", "a docker config.json with the registries' credentials", "--registry-config",
    ),
    # The shortest that Consul takes, so that another soon does what is owed. While a Consul server that
    # restarts knows no leader (6 to 9 s) the lease may run out: it is taken anew after that.
    Option(
        "session_ttl_s", "session_ttl", "SWARM_OPERATOR_SESSION_TTL", "10s",
        values.duration(10, 86400), "a duration from 10s to 24h",
        "life of the lease's session when nobody renews it (Consul waits up to twice as long)",
        "--session-ttl",
    ),
    Option(
        "lock_delay_s", "lock_delay", "SWARM_OPERATOR_LOCK_DELAY", "1s",
        values.duration(0, 60), "a duration from 0s to 60s",
        "how long Consul keeps the lock from others after a session was lost", "--lock-delay",
    ),
    Option(
        "traefik", "traefik.publish", "SWARM_OPERATOR_TRAEFIK", "true", values.boolean,
        "true or false", "publish the routes of services for Traefik, in Consul's KV",
    ),
    Option(
        "traefik_root", "traefik.root", "SWARM_OPERATOR_TRAEFIK_ROOT", "traefik",
        values.traefik_root, "a KV path of letters, digits and ._@-/, without / at its ends",
        "Traefik's folder of the KV, its provider's rootKey",
    ),
    Option(
        "traefik_service", "traefik.service", "SWARM_OPERATOR_TRAEFIK_SERVICE", None, values.text,
        "a service's name", "the swarm service whose tasks are the instances of Traefik",
    ),
    Option(
        "traefik_api", "traefik.api", "SWARM_OPERATOR_TRAEFIK_API", None, values.traefik_api,
        "a URL for each task, http://{address}:8080 or http://{node}:8080, or URLs with commas",
        "where Traefik's API is: of each task (its address, or its node's), or all instances",
    ),
    Option(
        "traefik_exposed_by_default", "traefik.exposed_by_default",
        "SWARM_OPERATOR_TRAEFIK_EXPOSED_BY_DEFAULT", "true", values.boolean, "true or false",
        "publish services with Traefik's labels unless they say traefik.enable=false",
    ),
    Option(
        "traefik_default_rule", "traefik.default_rule", "SWARM_OPERATOR_TRAEFIK_DEFAULT_RULE",
        "Host(`{{ normalize .Name }}`)", values.text, "a Go template",
        "the rule of a router that has none",
    ),
    Option(
        "traefik_constraints", "traefik.constraints", "SWARM_OPERATOR_TRAEFIK_CONSTRAINTS", None,
        values.text, "an expression of Label and LabelRegex",
        "which services are published, as Traefik's own constraints say it",
    ),
    Option(
        "traefik_network", "traefik.network", "SWARM_OPERATOR_TRAEFIK_NETWORK", None, values.text,
        "a network's name", "where Traefik reaches tasks, unless a label says another",
    ),
    Option(
        "traefik_entrypoint", "traefik.entrypoint", "SWARM_OPERATOR_TRAEFIK_ENTRYPOINT", "web",
        values.text, "an entry point's name", "of short routes (x-operator.routes) without TLS",
    ),
    Option(
        "traefik_entrypoint_tls", "traefik.entrypoint_tls",
        "SWARM_OPERATOR_TRAEFIK_ENTRYPOINT_TLS", "websecure", values.text,
        "an entry point's name", "of short routes (x-operator.routes) with TLS",
    ),
    Option(
        "traefik_resolver", "traefik.resolver", "SWARM_OPERATOR_TRAEFIK_RESOLVER", None,
        values.text, "a certificate resolver's name", "of short routes with `https: true`",
    ),
    Option(
        "traefik_drain_s", "traefik.drain", "SWARM_OPERATOR_TRAEFIK_DRAIN", "5s",
        values.duration(0, 3600), "a duration from 0s to 1h",
        "how long requests may take that a task still answers when nobody is sent to it any more",
    ),
    Option(
        "traefik_shared_objects", "traefik.shared_objects",
        "SWARM_OPERATOR_TRAEFIK_SHARED_OBJECTS", "true", values.boolean, "true or false",
        "give services a short dial timeout, retries, and a place to wait while no task runs",
    ),
    Option(
        "dns_zones", "dns.zones", "SWARM_OPERATOR_DNS_ZONES", None, dns.zones,
        "zones with commas: example.org,example.net", "the zones of one OVH account",
    ),
    Option(
        "dns_name_servers", "dns.name_servers", "SWARM_OPERATOR_DNS_NAMESERVERS", None,
        dns.name_servers, "name servers with commas: 192.0.2.53:53,ns1.example.org:53",
        "who is asked whether these zones' changes are served; none: the zones' own servers",
    ),
    Option(
        "dns_changes_per_hour", "dns.changes_per_hour", "SWARM_OPERATOR_DNS_CHANGES_PER_HOUR",
        "60", values.whole(1, 3600), "a number from 1 to 3600", "how often a zone may be changed",
    ),
    Option(
        "ovh_endpoint", "ovh.endpoint", "SWARM_OPERATOR_OVH_ENDPOINT", "ovh-eu", values.text,
        "a name such as ovh-eu, or a URL", "OVH's API",
    ),
    Option(
        "ovh_application_key_file", "ovh.application_key_file",
        "SWARM_OPERATOR_OVH_APPLICATION_KEY_FILE", None, values.path, "a file",
        "file with the application key; read again when it changes, as the next ones",
    ),
    Option(
        "ovh_application_secret_file", "ovh.application_secret_file",
        "SWARM_OPERATOR_OVH_APPLICATION_SECRET_FILE", None, values.path, "a file",
        "file with the application secret",
    ),
    Option(
        "ovh_consumer_key_file", "ovh.consumer_key_file",
        "SWARM_OPERATOR_OVH_CONSUMER_KEY_FILE", None, values.path, "a file",
        "file with the consumer key",
    ),
    Option(
        "ovh_client_id_file", "ovh.client_id_file", "SWARM_OPERATOR_OVH_CLIENT_ID_FILE", None,
        values.path, "a file", "file with the id of a service account, in place of the three keys",
    ),
    Option(
        "ovh_client_secret_file", "ovh.client_secret_file",
        "SWARM_OPERATOR_OVH_CLIENT_SECRET_FILE", None, values.path, "a file",
        "file with the secret of the service account",
    ),
)  # fmt: skip
"""Every setting there is, in the order in which people read them."""
