"""A file that works with Traefik's own Swarm provider works here unchanged: held against what that
provider, a real one before a real swarm, made of the same labels."""

from typing import Any, Final

import pytest

from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.swarm_provider import settings_faults
from swarm_operator.plan.routes.tree import Severity
from tests.plan.routes.recorded import cases, compiled, ours, theirs

CASES: Final = {name: (case, recorded) for name, case, recorded in cases()}

DIFFERENT: Final = {
    "defaults/scaled-to-zero": "nobody is there: 503 instead of 404",
    "networks/no-network": "unreachable: 503 instead of 404",
    "networks/vip-without-one": "the tasks themselves, instead of nothing",
    "services/weighted-and-port": "labels may say weighted here",
    "services/serverstransport": "labels may say transports here",
    "services/tls-options": "labels may say TLS options here",
    "routers/every-field": "m2@swarm is m2, for it comes by the same way",
    "middlewares/presence-off": "a middleware that says nothing is left out: the KV cannot say it",
    "routers/one-router-in-two-services": "the older one keeps the name; there, both lose it",
    "routers/one-service-in-two-services-unequal": "the older one keeps the name; there, both lose it",
}
"""Better here than there, or without effect; nobody is refused but where there is a fault, too."""

REFUSED_WHOLE: Final = {
    "defaults/default-rule-empty": "there, the service stays without its router",
    "defaults/default-rule-missing-label": "there, the router is disabled",
    "routers/two-services": "there, the services stay without their router",
    "routers/bad-rule": "there, the router is disabled",
    "routers/missing-middleware": "there, the router is disabled",
    "middlewares/twelve": "eleven of the twelve are nowhere: there, the router is disabled",
    "middlewares/two-types": "there, every router that uses it is disabled",
    "services/bad-port": "there, the service is disabled",
    "services/digits": "the KV's names may not be numbers",
    "tcp_udp/tcp-no-rule": "there, the service stays without its router",
    "tcp_udp/tcp-two-services": "there, the services stay without their router",
}
"""A service with a fault is out whole, and its last good state stays; there, the rest of it stays."""

FINE_HERE: Final = {
    "services/weighted-and-port",
    "defaults/no-labels",  # says nothing about routes, and so nothing is said of it
    "routers/every-field",  # names options of another provider, which nobody can look up
    "services/every-field-of-a-load-balancer",  # so, too
}
"""Traefik has something against these, and here is nothing."""

TOLD_HERE: Final = {
    "services/host-port",  # there, a service whose tasks have no network vanishes without a word
}

BAD_SETTINGS: Final = {
    "constraints/broken",
    "constraints/docker-style",
    "defaults/default-rule-broken",
}


@pytest.mark.parametrize(
    "name", sorted(CASES.keys() - DIFFERENT.keys() - REFUSED_WHOLE.keys() - BAD_SETTINGS)
)
def test_is_as_traefik_has_it(name: str) -> None:
    case, recorded = CASES[name]
    assert ours(compiled(case)) == theirs(recorded)


@pytest.mark.parametrize("name", [*DIFFERENT, *REFUSED_WHOLE])
def test_differs_where_it_is_said_to(name: str) -> None:
    case, recorded = CASES[name]
    assert ours(compiled(case)) != theirs(recorded)


@pytest.mark.parametrize("name", REFUSED_WHOLE)
def test_a_service_with_a_fault_is_out_whole(name: str) -> None:
    case, _ = CASES[name]
    assert ours(compiled(case)) == {}
    assert errors(case)


def errors(case: Any) -> list[str]:
    return [str(each) for each in compiled(case).refused if each.severity is Severity.ERROR]


@pytest.mark.parametrize("name", sorted(CASES.keys() - BAD_SETTINGS))
def test_whatever_traefik_has_something_against_is_told(name: str) -> None:
    case, recorded = CASES[name]
    has_fault = bool(recorded["said"] or recorded["refused"])
    if name in FINE_HERE:
        assert has_fault
        assert not errors(case)
    elif name not in REFUSED_WHOLE:
        assert bool(errors(case)) == (has_fault or name in TOLD_HERE)


@pytest.mark.parametrize("name", sorted(BAD_SETTINGS))
def test_settings_that_traefik_cannot_read_are_told_at_the_start(name: str) -> None:
    case, recorded = CASES[name]
    assert recorded["said"]
    assert list(settings_faults(RouteSettings(**case["settings"])))
    with pytest.raises(ValueError, match=r"unknown|not known"):
        compiled(case)


def test_there_are_many_cases() -> None:
    assert len(CASES) >= 80
