"""One tree of all that is published: who stays when something is wrong, and what our services share."""

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from swarm_operator.plan.routes.check import problems
from swarm_operator.plan.routes.published import Published, Servers, Target
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.shared_objects import PARK, RETRY, TRANSPORT
from swarm_operator.plan.routes.tree import ObjectId, Severity, at
from tests.plan.routes.compilation import NEWEST, compiled, plain, read

ROUTER: Final = "traefik.http.routers"
SERVICE: Final = "traefik.http.services"


def web(name: str = "web", rule: str = "Host(`a`)", **more: str) -> dict[str, str]:
    """Labels of a router and a service of one name."""
    labels = {
        f"{ROUTER}.{name}.rule": rule,
        f"{SERVICE}.{name}.loadbalancer.server.port": "80",
    }
    return labels | {f"traefik.http.{key.replace('__', '.')}": value for key, value in more.items()}


def errors(found: Any) -> list[str]:
    return [each.reason for each in found.refused if each.severity is Severity.ERROR]


# Staying at the last good state


def test_a_bad_service_goes_on_with_what_it_published_last() -> None:
    before = compiled(read("one", web()), read("two", web("two", "Host(`b`)")))
    now = compiled(
        read("one", web(rule="Host(`a`")),
        read("two", web("two", "Host(`c`)")),
        previous=before.previous,
    )
    assert now.tree.body(ObjectId("http", "routers", "web")) == before.tree.body(
        ObjectId("http", "routers", "web")
    )
    assert at(now.tree.body(ObjectId("http", "routers", "two")) or {}, "rule") == "Host(`c`)"
    assert errors(now) == ["BadRule"]
    again = compiled(read("one", web(rule="Host(`a`")), previous=now.previous)
    assert ObjectId("http", "routers", "web") in again.tree


def test_its_servers_are_those_of_today() -> None:
    before = compiled(read("one", web()))
    now = compiled(
        read("one", web(rule="Host(`a`")),
        previous=before.previous,
        servers_of=lambda _owner, target: Servers({"new": f"10.0.9.9:{target.port}"}),
    )
    body = now.tree.body(ObjectId("http", "services", "web")) or {}
    assert at(body, "loadbalancer", "servers") == {"new": {"url": "http://10.0.9.9:80"}}


def test_without_a_good_state_it_is_out() -> None:
    found = compiled(read("one", web(rule="Host(`a`")), read("two", web("two", "Host(`b`)")))
    assert {item.id.name for item in found.tree} == {"two"}


def test_a_good_state_that_collides_with_another_goes() -> None:
    before = compiled(read("one", web()))
    now = compiled(
        read("one", web(rule="Host(`a`"), created_at="2"),
        read("two", web(rule="Host(`b`)"), created_at="1"),
        previous=before.previous,
    )
    # It had the name, so it keeps it; the other one waits.
    assert at(now.tree.body(ObjectId("http", "routers", "web")) or {}, "rule") == "Host(`a`)"
    assert sorted(errors(now)) == ["BadRule", "NameTaken"]


def test_who_had_a_name_keeps_it_whoever_is_older() -> None:
    young = read("young", web(), created_at="2")
    before = compiled(young)
    old = read("old", web(rule="Host(`b`)"), created_at="1")
    now = compiled(young, old, previous=before.previous)
    assert at(now.tree.body(ObjectId("http", "routers", "web")) or {}, "rule") == "Host(`a`)"
    fresh = compiled(young, old)
    assert at(fresh.tree.body(ObjectId("http", "routers", "web")) or {}, "rule") == "Host(`b`)"


def test_a_service_that_is_gone_takes_its_routes_along() -> None:
    before = compiled(read("one", web()), read("two", web("two", "Host(`b`)")))
    now = compiled(read("two", web("two", "Host(`b`)")), previous=before.previous)
    assert {item.id.name for item in now.tree} == {"two"}


def test_a_router_that_changes_hands_does_so_at_once() -> None:
    both = {**web(), f"{SERVICE}.web.loadbalancer.server.port": "81"}
    before = compiled(read("blue", web(), created_at="1"))
    now = compiled(read("green", both, created_at="2"), previous=before.previous)
    body = now.tree.body(ObjectId("http", "services", "web")) or {}
    assert at(body, "loadbalancer", "servers", "green-1", "url") == "http://10.0.0.1:81"


# Shared objects


def shared(*published: Published | None, **words: Any) -> dict[str, Any]:
    return plain(compiled(*published, settings=RouteSettings(), **words).tree)


def test_services_get_a_dial_timeout_retries_and_a_passive_check() -> None:
    tree = shared(read("one", web()))
    assert tree[TRANSPORT.path]["forwardingtimeouts"] == {"dialtimeout": "500ms"}
    assert tree[RETRY.path] == {"retry": {"attempts": 5}}
    assert PARK.path not in tree
    assert tree["http/routers/web"]["middlewares"] == [RETRY.name]
    balancer = tree["http/services/web"]["loadbalancer"]
    assert balancer["serverstransport"] == TRANSPORT.name
    assert balancer["passivehealthcheck"] == {"failurewindow": "3s", "maxfailedattempts": 5}


def test_older_versions_know_no_passive_check() -> None:
    tree = shared(read("one", web()), version=(3, 5, 9))
    assert "passivehealthcheck" not in tree["http/services/web"]["loadbalancer"]


def parked(owner: Published, target: Target) -> Servers:
    return Servers({"tasks": f"tasks.{owner.service_name}:{target.port}"}, parked=True)


def test_requests_to_a_parked_service_are_repeated_for_longer_and_nobody_is_checked() -> None:
    tree = shared(read("one", web()), servers_of=parked)
    assert tree["http/routers/web"]["middlewares"] == [PARK.name]
    assert tree[PARK.path]["retry"]["initialinterval"] == "500ms"
    assert RETRY.path not in tree
    assert "passivehealthcheck" not in tree["http/services/web"]["loadbalancer"]


def test_what_somebody_said_otherwise_stays() -> None:
    labels = web(
        routers__web__middlewares="chained",
        middlewares__chained__chain__middlewares="other,mine",
        middlewares__other__addprefix__prefix="/x",
        middlewares__mine__retry__attempts="9",
        services__web__loadbalancer__serverstransport="slow@file",
        services__web__loadbalancer__healthcheck__path="/up",
    )
    tree = shared(read("one", labels))
    assert tree["http/routers/web"]["middlewares"] == ["chained"]
    balancer = tree["http/services/web"]["loadbalancer"]
    assert balancer["serverstransport"] == "slow@file"
    assert "passivehealthcheck" not in balancer
    assert not {TRANSPORT.path, RETRY.path, PARK.path} & tree.keys()


def test_https_servers_keep_the_default_transport_that_may_trust_their_certificates() -> None:
    labels = web(services__web__loadbalancer__server__scheme="https")
    tree = shared(read("one", labels))
    assert "serverstransport" not in tree["http/services/web"]["loadbalancer"]


def test_routers_to_other_things_are_left_alone() -> None:
    labels = {
        f"{ROUTER}.api.rule": "Host(`a`)",
        f"{ROUTER}.api.service": "api@internal",
        "traefik.tcp.routers.db.rule": "HostSNI(`*`)",
        "traefik.tcp.services.db.loadbalancer.server.port": "3306",
    }
    tree = shared(read("one", labels))
    assert "middlewares" not in tree["http/routers/api"]
    assert tree["tcp/services/db"]["loadbalancer"].keys() == {"servers"}
    assert not {TRANSPORT.path, RETRY.path, PARK.path} & tree.keys()


def test_a_weighted_service_over_tasks_is_repeated_too() -> None:
    labels = web("a") | {
        f"{ROUTER}.split.rule": "Host(`s`)",
        f"{ROUTER}.split.service": "split",
        f"{ROUTER}.a.service": "a",
        f"{SERVICE}.split.weighted.services[0].name": "a",
    }
    assert shared(read("one", labels))["http/routers/split"]["middlewares"] == [RETRY.name]
    assert shared(read("one", labels), servers_of=parked)["http/routers/split"]["middlewares"] == [
        PARK.name
    ]


def test_settings_switch_all_of_it_off() -> None:
    off = RouteSettings(shared_objects=False)
    tree = plain(compiled(read("one", web()), settings=off).tree)
    assert tree.keys() == {"http/routers/web", "http/services/web"}


def test_nobody_there_is_503_and_not_404() -> None:
    tree = shared(read("one", web()), servers_of=lambda *_: Servers())
    assert "http/routers/web" in tree
    balancer = tree["http/services/web"]["loadbalancer"]
    assert balancer["passhostheader"] is True
    assert "servers" not in balancer


def test_a_tcp_service_with_nobody_there_is_left_out_for_the_kv_cannot_say_it() -> None:
    labels = {
        "traefik.tcp.routers.db.rule": "HostSNI(`*`)",
        "traefik.tcp.services.db.loadbalancer.server.port": "3306",
    }
    assert shared(read("one", labels), servers_of=lambda *_: Servers()) == {}


# Properties


_NAMES = st.sampled_from(["a", "b", "A", "web", "x"])
_ODD_NAMES = st.sampled_from(["1", "x@y", "a/b"])
_FIELDS: Final[dict[str, list[str]]] = {
    "routers.{}.rule": ["Host(`a`)", "Host(`b`)", "Host(`c`)", "Header(`X`, `hunter2`)"],
    "routers.{}.service": ["a", "b", "a@swarm", "api@internal"],
    "routers.{}.middlewares": ["a", "a,b", "b@docker", "x@file"],
    "routers.{}.entrypoints": ["web", "web,other"],
    "routers.{}.priority": ["7"],
    "routers.{}.tls": ["true", "false"],
    "routers.{}.tls.certresolver": ["le"],
    "services.{}.loadbalancer.server.port": ["80", "81"],
    "services.{}.loadbalancer.server.scheme": ["https"],
    "services.{}.loadbalancer.server.weight": ["2"],
    "services.{}.loadbalancer.sticky.cookie": ["true"],
    "services.{}.loadbalancer.healthcheck.path": ["/up"],
    "services.{}.loadbalancer.passhostheader": ["false"],
    "services.{}.weighted.services[0].name": ["a", "b"],
    "services.{}.failover.service": ["a"],
    "middlewares.{}.compress": ["true", "false"],
    "middlewares.{}.addprefix.prefix": ["/x", "/y"],
    "middlewares.{}.basicauth.users": ["bob:hunter2"],
    "middlewares.{}.chain.middlewares": ["a", "b"],
}
_FAULTS: Final[dict[str, list[str]]] = {
    "routers.{}.rule": ["Header(`X`, `hunter2`", "", "Host(`hunter2`, `b`)"],
    "routers.{}.priority": ["hunter2"],
    "services.{}.loadbalancer.server.port": ["hunter2", ""],
    "services.{}.odd": ["hunter2"],
}


def _labels(fields: dict[str, list[str]], names: Any, most: int) -> Any:
    one = st.sampled_from(sorted(fields)).flatmap(
        lambda path: st.tuples(st.just(path), names, st.sampled_from(fields[path]))
    )
    return st.lists(one, max_size=most).map(
        lambda found: {f"traefik.http.{path.format(name)}": value for path, name, value in found}
    )


@st.composite
def _whole(draw: Any) -> dict[str, str]:
    """Labels of a service: one that works by itself, with more beside, sometimes with a fault."""
    port = {f"{SERVICE}.{draw(_NAMES)}.loadbalancer.server.port": "80"}
    labels = port | draw(_labels(_FIELDS, _NAMES, 3))
    if draw(st.integers(0, 3)) == 0:
        labels |= draw(_labels(_FAULTS, _NAMES, 1))
    if draw(st.integers(0, 7)) == 0:
        labels |= draw(_labels(_FIELDS, _ODD_NAMES, 1))
    return dict(labels)


_LABELS = _whole()
_SERVICES = st.dictionaries(st.sampled_from(["one", "s_two", "s_three"]), _LABELS, max_size=3)


def of(services: dict[str, dict[str, str]], **words: Any) -> Any:
    published = [read(name, labels, created_at=name) for name, labels in services.items()]
    return compiled(*published, settings=RouteSettings(), **words)


@given(_SERVICES)
def test_whatever_people_write_the_tree_can_be_written_and_says_no_secret(
    services: dict[str, dict[str, str]],
) -> None:
    found = of(services)
    assert [problem for item in found.tree for problem in problems(item, NEWEST)] == []
    folded = [(item.id.protocol, item.id.kind, item.id.name.lower()) for item in found.tree]
    assert len(folded) == len(set(folded))
    assert not any("hunter2" in str(each) for each in found.refused)
    event(f"{min(len(found.tree), 5)} objects, {'' if errors(found) else 'no '}errors")


@given(_SERVICES, st.randoms(use_true_random=False))
def test_the_order_of_reading_means_nothing(
    services: dict[str, dict[str, str]], random: Any
) -> None:
    names = list(services)
    random.shuffle(names)
    mixed = {}
    for name in names:
        labels = list(services[name].items())
        random.shuffle(labels)
        mixed[name] = dict(labels)
    assert of(mixed).tree == of(services).tree


@given(_SERVICES, _SERVICES)
def test_the_same_again_is_the_same_tree(
    before: dict[str, dict[str, str]], services: dict[str, dict[str, str]]
) -> None:
    first = of(services, previous=of(before).previous)
    assert of(services, previous=first.previous).tree == first.tree


@given(_SERVICES, _LABELS)
def test_nothing_that_comes_takes_from_who_was_there(
    services: dict[str, dict[str, str]], newcomer: dict[str, str]
) -> None:
    # What they name at another provider may become theirs: a@swarm, when somebody brings an a.
    assume(not any(re.search("@(swarm|docker)", str(labels)) for labels in services.values()))
    before = of(services)
    now = of({**services, "newcomer": newcomer}, previous=before.previous)
    for item in before.tree:
        body = now.tree.body(item.id)
        assert body is not None
        if item.id.kind != "services":  # a service may get the newcomer's tasks beside its own
            assert body == item.body


@pytest.mark.parametrize("count", [1, 12])
def test_many_services_at_once(count: int) -> None:
    found = compiled(*(read(f"s{n}", web(f"w{n}", f"Host(`h{n}`)")) for n in range(count)))
    assert len(found.tree) == 2 * count


def test_stacks_that_share_a_load_balancer_are_warned_and_services_of_one_stack_are_not() -> None:
    labels = {f"{SERVICE}.web.loadbalancer.server.port": "80"}
    one = labels | {f"{ROUTER}.one.rule": "Host(`a`)"}
    two = labels | {f"{ROUTER}.two.rule": "Host(`b`)"}
    found = compiled(read("shop_web", one, created_at="1"), read("blog_web", two, created_at="2"))
    (warning,) = found.refused
    assert (warning.reason, warning.severity) == ("SharedService", Severity.WARNING)
    assert warning.origin.owner == "service blog_web"
    assert "service shop_web has a service web of Traefik too" in warning.message
    body = found.tree.body(ObjectId("http", "services", "web")) or {}
    servers = at(body, "loadbalancer", "servers")
    assert isinstance(servers, Mapping)
    assert len(servers) == 4  # as there
    assert compiled(read("shop_blue", one), read("shop_green", two)).refused == ()


@pytest.mark.parametrize(
    "more",
    [{"rule": 'Host("x")'}, {"rule": "Host(`X`)"}, {"rule": "host(`x`)"},
     {"rule": "Host(`x`)", "routers__b__priority": "9"}],
)  # fmt: skip
def test_rules_that_differ_in_writing_alone_are_one(more: dict[str, str]) -> None:
    first = read("a", web("a", "Host(`x`)"), created_at="1")
    second = read("b", web("b", **more), created_at="2")
    found = compiled(first, second)
    assert [(each.reason, each.origin.owner) for each in found.refused] == [
        ("DuplicateRule", "service b")
    ]
