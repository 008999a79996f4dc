"""`swarm-operator run`: the daemon."""

import contextlib
import queue
import signal
import socket
import sys
import threading
from typing import Any, Final

import click
import structlog

import swarm_operator
from desired_state import keys
from swarm_operator import logs
from swarm_operator.cli import dns_providers
from swarm_operator.cli.connect import Connections
from swarm_operator.cli.invocation import Invocation, pass_invocation, setting_option
from swarm_operator.cli.registry_credentials import CredentialsFile
from swarm_operator.cli.traefik_settings import traefik_plan
from swarm_operator.clients import consul_check
from swarm_operator.clients.consul import ConsulKv
from swarm_operator.clients.docker import DockerSwarm
from swarm_operator.clients.traefik import TraefikApi
from swarm_operator.clock import SystemClock
from swarm_operator.observed.errors import Denied, Unavailable
from swarm_operator.runtime.daemon import Daemon, Outside
from swarm_operator.runtime.dns.threads import DnsConnections
from swarm_operator.runtime.executor import RegistryAuth
from swarm_operator.runtime.routes.threads import RouteConnections
from swarm_operator.runtime.toolbox import Identity
from swarm_operator.server.http import CannotListen, HttpServer
from swarm_operator.server.metered import MeteredKv, RequestMetrics
from swarm_operator.server.metrics import PrometheusMetrics, process_registry
from swarm_operator.settings import Settings

ENGINE_TIMEOUT_S = 25.0
"""A manager gives up on a swarm without a majority after 20 s, and says so."""

DNS_ENGINE_TIMEOUT_S = 5.0
"""Names stay as they are while a manager does not answer: there is nothing to wait for."""


WRITABLE: Final = (
    *consul_check.WRITABLE,
    keys.HISTORY,
    f"{keys.DESIRED}{keys.REMOVED}",
    f"{keys.DESIRED}{keys.REQUESTS}",
)
"""What the operator writes: its own, and of what people write that which it has acted on."""


@click.command("run", short_help="Run the operator.")
@setting_option("listen")
@setting_option("mode")
@setting_option("registry_config")
@setting_option("session_ttl_s")
@setting_option("lock_delay_s")
@pass_invocation
def command(invocation: Invocation, /, **flags: str | None) -> None:
    """Run the operator: keep the swarm as the KV says, until SIGTERM or Ctrl-C.

    Several may run on different managers: one holds the lease and acts, the others wait. Logs go
    to standard error, JSON lines unless that is a terminal.
    """
    settings = invocation.settings(**flags)
    redactor = logs.Redactor()
    logs.configure(settings.log_format, settings.log_level, redactor)
    log = structlog.get_logger("swarm_operator")
    registry = process_registry()
    metrics = PrometheusMetrics(registry, swarm_operator.__version__)
    connections = Connections(RequestMetrics(metrics), redactor.add, ENGINE_TIMEOUT_S)
    kv, swarm = connections.kv(settings), connections.swarm(settings)
    daemon = Daemon(
        Outside(
            swarm=swarm,
            events=connections.events(settings),
            kv=MeteredKv(kv, metrics),
            lock=connections.kv(settings),
            desired_watch=connections.kv(settings),
            lock_watch=connections.kv(settings),
            routes=_routes(settings, connections, metrics),
            dns=_dns(settings, metrics, redactor),
        ),
        identity=Identity(swarm_operator.__version__, settings.mode.value, socket.gethostname()),
        clock=SystemClock(),
        log=log,
        metrics=metrics,
        session_ttl_s=settings.session_ttl_s,
        lock_delay_s=settings.lock_delay_s,
        learn_secrets=lambda values: redactor.add(*values),
        registry_auth=_registry_auth(settings, redactor, log),
    )
    try:
        server = HttpServer(settings.listen, registry, daemon, daemon.before_scrape)
    except CannotListen as error:
        raise click.ClickException(str(error)) from None
    _stop_on_signals(daemon, log)
    try:
        log.info("started", **_introduction(settings, server))
        server.start()
        if _may_start(kv, swarm, settings, log, daemon):
            daemon.run()
    finally:
        server.stop()


def _registry_auth(settings: Settings, redactor: logs.Redactor, log: Any) -> RegistryAuth:
    if settings.registry_config is None:
        return lambda _image: None

    def warn(text: str) -> None:
        log.warning("registry credentials", why=text)

    return CredentialsFile(settings.registry_config, redactor.add, warn)


def _routes(
    settings: Settings, connections: Connections, metrics: PrometheusMetrics
) -> RouteConnections | None:
    if not settings.traefik:
        return None
    kv = connections.kv(settings)
    return RouteConnections(
        swarm=connections.swarm(settings),
        kv=MeteredKv(kv, metrics),
        root=MeteredKv(kv.beside(settings.traefik_root), metrics),
        traefik=TraefikApi(metrics=metrics),
        plan=traefik_plan(settings),
    )


def _dns(settings: Settings, metrics: PrometheusMetrics, redactor: logs.Redactor) -> DnsConnections:
    """Without a provider too: then bindings are told that there is none."""
    requests = RequestMetrics(metrics)
    connections = Connections(requests, redactor.add, DNS_ENGINE_TIMEOUT_S)
    return DnsConnections(
        swarm=connections.swarm(settings),
        kv=MeteredKv(connections.kv(settings), metrics),
        accounts=dns_providers.accounts(settings, requests),
        servers=dns_providers.name_servers(settings),
        changes_per_hour=settings.dns_changes_per_hour,
    )


def _introduction(settings: Settings, server: HttpServer) -> dict[str, str]:
    return {
        "version": swarm_operator.__version__,
        "mode": str(settings.mode),
        "docker": settings.docker_host,
        "consul": settings.consul_addr,
        "root": settings.root,
        "listen": str(server.address),
    }


def _may_start(
    kv: ConsulKv, swarm: DockerSwarm, settings: Settings, log: Any, daemon: Daemon
) -> bool:
    """Runs the preflight beside a signal: an engine that hangs must not hold up the end.

    Raises click.exceptions.Exit where it found what waiting cannot mend; what is wrong is in the
    log, as everything of the daemon's.
    """
    problems: list[str] = []
    check = threading.Thread(
        target=lambda: problems.extend(_preflight(kv, swarm, settings, log)), daemon=True
    )
    check.start()
    while check.is_alive() and not daemon.is_stopping:
        check.join(0.1)
    for problem in problems:
        log.error("cannot start", why=problem)
    if problems:
        raise click.exceptions.Exit(1)
    return not daemon.is_stopping


def _preflight(kv: ConsulKv, swarm: DockerSwarm, settings: Settings, log: Any) -> list[str]:
    """What would never get better by waiting; an outage does: Consul may run on this very swarm."""
    problems: list[str] = []
    try:
        swarm.ping()
    except Denied as error:
        problems.append(f"Docker at {settings.docker_host}: {error}")
    except Unavailable as error:
        log.warning("Docker does not answer yet", why=str(error))
    try:
        problems += [
            f"Consul at {settings.consul_addr}: {each}" for each in kv.capabilities(WRITABLE)
        ]
    except Denied as error:
        problems.append(f"Consul at {settings.consul_addr}: {error}")
    except Unavailable as error:
        log.warning("Consul does not answer yet", why=str(error))
    return problems


def _stop_on_signals(daemon: Daemon, log: Any) -> None:
    """The first signal ends the daemon in order; a second one ends it at once.

    The handler only tells a thread: it may interrupt this one in the middle of writing a log line,
    whose lock it could never get.
    """
    told: queue.SimpleQueue[int] = queue.SimpleQueue()  # its `put` may interrupt itself

    def tell(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        told.put(number)

    def stop() -> None:
        number = told.get()
        with contextlib.suppress(OSError, ValueError):  # nobody may read the log any more
            log.info("stopping", signal=signal.Signals(number).name)
        daemon.stop()

    threading.Thread(target=stop, name="signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, tell)
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
