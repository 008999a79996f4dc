"""What the installation says about routes. The names and defaults of Traefik's Swarm provider, where it
has them (`pkg/provider/docker/pswarm.go`, SetDefaults)."""

from dataclasses import dataclass
from typing import Final

DEFAULT_RULE: Final = "Host(`{{ normalize .Name }}`)"
"""`DefaultTemplateRule` of `pkg/provider/docker/shared.go`."""


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """How labels and terse routes are read."""

    exposed_by_default: bool = True
    """Whether a service without `traefik.enable` is published."""
    default_rule: str = DEFAULT_RULE
    """A Go template: the rule of a router that has none."""
    constraints: str = ""
    """An expression over labels that a service must match to be published; empty: none."""
    network: str = ""
    """The network on which Traefik reaches tasks, unless a label says another; empty: any shared one."""
    http_entrypoints: tuple[str, ...] = ("web",)
    """Of terse HTTP routes without TLS."""
    https_entrypoints: tuple[str, ...] = ("websecure",)
    """Of terse HTTP routes with TLS, and of TCP routes with SNI."""
    resolver: str = ""
    """The certificate resolver of terse routes that say `https: true`; empty: none."""
    drain_s: float = 5.0
    """Seconds that a server's last requests get after it was taken out, unless a route says another."""
    shared_objects: bool = True
    """Whether servers get our dial timeout, retries and passive health check."""
