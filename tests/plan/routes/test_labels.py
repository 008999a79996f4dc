"""The grammar of Traefik's labels (traefik/paerser), beside what the recordings of a real one hold."""

from typing import Any

import pytest

from swarm_operator.plan.routes.labels import Decoded, decode
from swarm_operator.plan.routes.tree import ObjectId


def bodies(**labels: str) -> dict[str, Any]:
    found = decode({name.replace("__", "."): value for name, value in labels.items()})
    assert found.faults == ()
    return {key.path: body for key, body in found.bodies.items()}


def one(**fields: str) -> Any:
    """The middleware `m` with these fields."""
    labels = {f"traefik__http__middlewares__m__{name}": value for name, value in fields.items()}
    return bodies(**labels)["http/middlewares/m"]


def test_names_of_fields_are_read_in_any_case_and_those_of_entries_are_kept() -> None:
    found = bodies(
        traefik__HTTP__Middlewares__MyAuth__Headers__CustomRequestHeaders="",
        **{"traefik.http.middlewares.MyAuth.headers.customRequestHeaders.X-One": "1"},
    )
    assert found == {
        "http/middlewares/MyAuth": {"headers": {"customrequestheaders": {"X-One": "1"}}}
    }


def test_names_that_differ_in_case_are_one_and_the_first_spelling_stays() -> None:
    found = decode(
        {
            "traefik.http.routers.App.rule": "Host(`a`)",
            "traefik.http.routers.app.rule": "Host(`b`)",
            "traefik.http.routers.aPP.service": "s",
        }
    )
    assert found.bodies == {
        ObjectId("http", "routers", "App"): {"rule": "Host(`b`)", "service": "s"}
    }


def test_lists_of_structs_are_in_the_order_of_their_labels_texts() -> None:
    labels = {
        f"traefik.http.routers.r.tls.domains[{index}].main": f"d{index}" for index in (10, 2, 1)
    }
    domains = decode(labels).bodies[ObjectId("http", "routers", "r")]
    assert domains == {
        "tls": {"domains": {"0": {"main": "d10"}, "1": {"main": "d1"}, "2": {"main": "d2"}}}
    }


def test_lists_have_commas_and_lose_outer_blanks() -> None:
    assert one(chain__middlewares=" a ,b,c ")["chain"] == {"middlewares": ("a", "b", "c")}


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("T", True), ("False", False), ("f", False)]
)
def test_truth(text: str, value: bool) -> None:
    assert one(headers__framedeny=text) == {"headers": {"framedeny": value}}


@pytest.mark.parametrize("text", ["10", "10s", "1m30s", "1.5h", "-1s", "500ms"])
def test_durations_stay_as_they_are_written(text: str) -> None:
    assert one(ratelimit__period=text) == {"ratelimit": {"period": text}}


@pytest.mark.parametrize(
    ("text", "is_on"), [("true", True), ("TRUE", True), ("", True), ("1", False)]
)
def test_a_struct_that_is_there_or_not(text: str, is_on: bool) -> None:
    found = bodies(traefik__http__routers__r__rule="x", traefik__http__routers__r__tls=text)[
        "http/routers/r"
    ]
    assert ("tls" in found) == is_on


def test_a_struct_that_is_switched_off_has_no_fields_either() -> None:
    found = bodies(
        traefik__http__routers__r__rule="x",
        traefik__http__routers__r__tls="false",
        traefik__http__routers__r__tls__certresolver="le",
    )
    assert found == {"http/routers/r": {"rule": "x"}}


def test_a_plugin_says_what_it_likes() -> None:
    found = decode(
        {
            "traefik.http.middlewares.m.plugin.Mine.Deep.er": "1",
            "traefik.http.middlewares.m.plugin.Mine.list[0]": "a",
            "traefik.http.middlewares.m.plugin.Mine.list[1]": "b",
            "traefik.http.middlewares.m.plugin.Mine.deep.of[0].x": "1",
        }
    )
    assert found.bodies[ObjectId("http", "middlewares", "m")] == {
        "plugin": {"Mine": {"Deep": {"er": "1", "of": {"000": {"x": "1"}}}, "list": "a,b"}}
    }


FAULTS = [
    ("traefik.http", "x", "BadLabel", "needs a name below"),
    ("traefik.http.routers", "x", "BadLabel", "needs a name below"),
    ("traefik.http.routers.r", "x", "BadLabel", "needs a name below"),
    ("traefik.httpx.routers.r.rule", "x", "UnknownLabel", "httpx is unknown"),
    ("Traefik.http.routers.r.rule", "x", "UnknownLabel", "write traefik in lower case"),
    ("traefik.http..routers.r.rule", "x", "BadLabel", "an empty name"),
    ("traefik.http.routers.r.rule.", "x", "BadLabel", "an empty name"),
    ("traefik.http.routers.r.tls.domains.[0].main", "x", "BadLabel", "without a name before it"),
    ("traefik.http.routers.r.tls.domains0].main", "x", "BadLabel", "without a [ before it"),
    ("traefik.http.router.r.rule", "x", "UnknownLabel", "router is unknown"),
    ("traefik.http.routers.r.rul", "x", "UnknownField", "did you mean rule?"),
    ("traefik.http.routers.r.rule.x", "x", "UnknownField", "x is unknown"),
    ("traefik.http.routers.r.priority", "high", "BadValue", "whole number"),
    ("traefik.http.routers.r.priority", "1e3", "BadValue", "whole number"),
    ("traefik.http.routers.r.priority", "10.0", "BadValue", "whole number"),
    ("traefik.http.routers.r.observability.metrics", "yes", "BadValue", "true or false"),
    ("traefik.http.routers.r.observability.metrics", "", "BadValue", "true or false"),
    ("traefik.http.services.s.loadbalancer.healthcheck", "true", "BadLabel", "needs a name below"),
    ("traefik.http.services.s.loadbalancer.healthcheck.interval", "10 s", "BadValue", "duration"),
    ("traefik.http.services.s.loadbalancer.servers[0].url", "x", "UnknownField", "server.port"),
    ("traefik.http.services.s.failover.healthcheck", "true", "UnknownField", "not read"),
    ("traefik.http.middlewares.m.basicauth.user", "a:b", "UnknownField", "did you mean users?"),
    (
        "traefik.http.middlewares.m.headers.customrequestheaders.X.Y",
        "x",
        "BadLabel",
        "the name of an entry",
    ),
    ("traefik.http.middlewares.m.plugin.p.list[0]", "a,b", "BadValue", "a comma inside an element"),
    ("traefik.udp.services.s.loadbalancer.sticky", "x", "UnknownField", "sticky is unknown"),
    ("traefik.udp.middlewares.m.x", "x", "UnknownLabel", "udp has routers, services"),
    ("traefik.tls.options", "x", "BadLabel", "needs a name below"),
    ("traefik.tls.options.default.snistrict", "true", "NotInLabels", "desired/routes/<name>"),
    ("traefik.tls.options.Default.minversion", "x", "NotInLabels", "the TLS of all services"),
    (
        "traefik.tls.options.default.clientauth.clientauthtype",
        "RequireAndVerifyClientCert",
        "NotInLabels",
        "tls/options/default",
    ),
    ("traefik.tls.stores.mine.defaultgeneratedcert.resolver", "le", "NotInLabels", "default alone"),
]


@pytest.mark.parametrize(("label", "value", "reason", "said"), FAULTS)
def test_faults(label: str, value: str, reason: str, said: str) -> None:
    (fault,) = decode({label: value}).faults
    assert (fault.label, fault.reason) == (label, reason)
    assert said in fault.message


def test_of_tls_labels_may_say_named_options_and_the_default_store() -> None:
    labels = {
        "traefik.tls.options.strict.snistrict": "true",
        "traefik.tls.stores.default.defaultgeneratedcert.resolver": "le",
    }
    found = decode(labels)
    assert found.faults == ()
    assert {each.path for each in found.bodies} == {"tls/options/strict", "tls/stores/default"}


def test_every_fault_is_told_at_once() -> None:
    labels = {label: value for label, value, _, _ in FAULTS if label.startswith("traefik.http.m")}
    assert len(decode(labels).faults) == len(labels)


@pytest.mark.parametrize(
    "label",
    [
        "traefik.http.routers.r.middlewares[0]",
        "traefik.http.routers.r.tls.domains",
        "traefik.tcp.services.s.loadbalancer.server.address",
        "traefik.http.routers.r.defaultrule",
    ],
)
def test_labels_without_effect_are_told(label: str) -> None:
    found = decode({label: "x"})
    assert found.faults == ()
    assert [each.label for each in found.warnings] == [label]


@pytest.mark.parametrize(
    "label",
    [
        "traefik.foo.bar",
        "traefik.tls.certificates[0].certfile",
        "trafik.http.x",
        "traefik.enable",
        "x",
    ],
)
def test_other_labels_are_none_of_it(label: str) -> None:
    assert decode({label: "x"}) == Decoded()


def test_a_label_of_too_many_names_is_told() -> None:
    (fault,) = decode({"traefik.http.middlewares.m.plugin." + "x." * 5_000 + "y": "1"}).faults
    assert "more than" in fault.message
    assert len(fault.label) < 100
