"""How routes are written: whole changes, nothing that Traefik cannot read, the older keeps what it has.

Traefik waits here for its default throttle of 2 s, in which a half-written change would be live.
"""

import json
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from tests.cluster import in_containers
from tests.cluster.harness import Lab, eventually, traefik_binary
from tests.cluster.scenarios import ROOT, route_acts, route_stage
from tests.cluster.scenarios.documents import JsonObject
from tests.cluster.scenarios.route_stage import RouteStage, labels, on_the_edge, routed_service
from tests.cluster.traefik_lab import EDGE, Traefik

MANY = 100
"""Servers; two transactions and more."""


@pytest.fixture(scope="module")
def lab(engine: str) -> Iterator[Lab]:
    with Lab.start(2, 1, engine) as made:
        route_stage.prepare(made)
        yield made


@pytest.fixture(scope="module")
def stage(lab: Lab) -> Iterator[RouteStage]:
    with RouteStage.of(lab, Traefik(lab, throttle="2s").start()) as made:
        yield made


@pytest.fixture(scope="module")
def steady(stage: RouteStage) -> RouteStage:
    """With a stack of two replicas that is there all the time."""
    stage.deploy("steady", on_the_edge({"web": routed_service("steady")}))
    stage.wait_for_route("steady", "http/steady")
    return stage


def test_a_router_is_handed_over_without_a_failed_request(stage: RouteStage) -> None:
    stage.deploy(route_acts.COLOURS, route_acts.colours("blue"))
    stage.wait_for_route(route_acts.COLOURS, "http/colour")
    route_acts.publish_naively(stage)
    time.sleep(3)  # Traefik's throttle, and a quiet moment after it
    with (
        stage.load(route_acts.COLOUR_HOST, rate=100) as own,
        stage.load(route_acts.NAIVE_HOST, rate=100) as theirs,
    ):
        own.wait_for(100)
        stage.put(route_acts.COLOURS, route_acts.colours("green"))
        eventually(lambda: "green" in own.so_far().versions, 20, "it is handed over")
        time.sleep(3)
        route_acts.hand_over_naively(stage)
        eventually(lambda: "green" in theirs.so_far().versions, 20, "so is the other one")
        own.wait_for(607)
        mine, others = own.end(), theirs.end()
    stage.remove(route_acts.COLOURS)
    route_acts.remove_naive(stage)
    print(f"blue/green at 100 rps: operator {mine}; naive {others}")
    assert mine.versions == {"blue", "green"}
    assert mine.total >= 607
    assert mine.failed == 0, mine
    assert others.failed > 50, others


def test_a_hundred_servers_are_exchanged_and_the_old_ones_stopped(stage: RouteStage) -> None:
    """Beside them a hundred that a script exchanges, which waits for 0.3 s instead of for Traefik."""
    ports = range(8000, 8000 + MANY)
    services = {}
    for name in ("own-old", "own-new", "naive-old", "naive-new"):
        environment = {"PORT": ",".join(map(str, ports)), "VERSION": name.split("-")[1]}
        services[name] = routed_service(name, replicas=1, environment=environment)
        services[name]["deploy"]["labels"] = {}
    stage.deploy("many", on_the_edge(services))

    def urls(which: str) -> list[str]:
        return [f"http://tasks.many_{which}:{port}" for port in ports]

    def publish(which: str) -> None:
        route = {"host": "own.lab", "name": "many", "entrypoint": "web"}
        text = json.dumps({"routes": [{**route, "servers": urls(which)}]})
        assert stage.kv.put(f"{ROOT}desired/routes/many", text)

    folder = "http/services/n-many/loadbalancer/servers/"
    router = "http/routers/n-many/"
    own_keys = {f"{folder}old-{n}/url": url for n, url in enumerate(urls("naive-old"))}
    new_keys = {f"{folder}new-{n}/url": url for n, url in enumerate(urls("naive-new"))}
    stage.put_traefik(own_keys)
    stage.put_traefik({f"{router}entrypoints": "web", f"{router}service": "n-many"})
    stage.put_traefik({f"{router}rule": "Host(`naive.lab`)"})
    publish("own-old")
    for host in ("own.lab", "naive.lab"):
        stage.traefik.wait_for(host, within=20)
    assert len(stage.servers("many")) == MANY
    # Stopped by hand below, and not to be started again.
    stage.put("many", on_the_edge(services, **{"x-operator": {"sync": "observe"}}))
    time.sleep(5)
    with stage.load("own.lab", rate=100) as own, stage.load("naive.lab", rate=100) as theirs:
        own.wait_for(100)
        confirmed = stage.confirmed_writes()
        publish("own-new")
        eventually(lambda: stage.servers("many") == sorted(urls("own-new")), 20, "it is written")
        eventually(lambda: stage.confirmed_writes() > confirmed, 30, "every Traefik has it")
        _end(stage.lab, "many_own-old")
        time.sleep(5)
        _transactions(stage, sets=new_keys)
        _transactions(stage, deletes=list(own_keys))
        time.sleep(0.3)
        _end(stage.lab, "many_naive-old")
        time.sleep(5)
        mine, others = own.end(), theirs.end()
    stage.kv.delete(f"{ROOT}desired/routes/many")
    stage.kv.delete(f"traefik/{router}", recurse=True)
    stage.kv.delete("traefik/http/services/n-many/", recurse=True)
    stage.remove("many")
    print(f"100 servers: operator {mine}; naive {others}")
    assert mine.versions == {"old", "new"}
    assert mine.failed == 0, mine
    assert others.failed > 0, others


def _end(lab: Lab, service: str) -> None:
    """Take a service away, without the seconds for which Swarm lets its tasks serve on."""
    lab.docker_cli(1, "service", "rm", service)
    for node, container in in_containers.containers(lab, service):
        lab.docker_cli(node, "kill", container, check=False)


def _transactions(
    stage: RouteStage, *, sets: Mapping[str, str] | None = None, deletes: Sequence[str] = ()
) -> None:
    """Write keys below Traefik's root in as few transactions as Consul takes them."""
    operations: list[dict[str, Any]] = [
        {
            "KV": {
                "Verb": "set",
                "Key": f"traefik/{key}",
                "Value": b64encode(value.encode()).decode(),
            }
        }
        for key, value in (sets or {}).items()
    ] + [{"KV": {"Verb": "delete", "Key": f"traefik/{key}"}} for key in deletes]
    for batch in range(0, len(operations), 64):
        stage.lab.consul.client().txn.put(operations[batch : batch + 64])


BAD = {
    "type": {"traefik.http.routers.bad-type.priority": "high"},
    "field": {"traefik.http.services.bad-field.loadbalancer.server.prot": "80"},
    "rule": {"traefik.http.routers.bad-rule.rule": "Hots(`bad.lab`)"},
    "digits": {"traefik.http.routers.123.rule": "Host(`digits.lab`)"},
    "at": {"traefik.http.middlewares.a@b.addprefix.prefix": "/x"},
    "reference": {"traefik.http.routers.bad-reference.middlewares": "nowhere"},
    "newline": {"traefik.http.routers.bad-newline.service": "bad-newline\n"},
    "tls": {"traefik.tls.options.default.snistrict": "true"},
    "short": {"io.swarm-operator.routes": '[{"host": "short.lab", "prot": 80}]'},
    "v1": {"traefik.frontend.rule": "Host:bad-v1.lab", "traefik.port": "80"},
}
"""What is wrong, by a word: labels beside those of a good route; those of v1 stand alone."""


def _keys_of_others(stage: RouteStage) -> dict[str, JsonObject]:
    """All but the stamp, which any change writes."""
    entries = stage.traefik_keys().items()
    return {key: entry for key, entry in entries if not key.endswith("-Generation")}


def test_what_traefik_could_not_read_never_reaches_it(steady: RouteStage) -> None:
    before = _keys_of_others(steady)
    for name, more in BAD.items():
        web = routed_service(f"bad-{name}", replicas=1, more_labels=more)
        if name == "v1":
            web["deploy"]["labels"] = more
        steady.put(f"bad-{name}", on_the_edge({"web": web}))
    for name in BAD:
        steady.wait_until_ready(f"bad-{name}")
        message = steady.wait_for_refusal(f"bad-{name}")
        print(f"{name}: {message}")
        assert f"service bad-{name}_web" in message
        assert "label " in message, message
        assert steady.traefik.get(f"bad-{name}.lab")[0] == 404
    assert steady.traefik.get("steady.lab")[0] == 200
    assert _keys_of_others(steady) == before, "no key of the rest was written"
    steady.deploy("good", on_the_edge({"web": routed_service("good")}))
    steady.wait_for_route("good", "http/good")
    for name in ("good", *(f"bad-{name}" for name in BAD)):
        steady.remove(name)


def test_a_comma_inside_of_a_lists_element_is_refused(steady: RouteStage) -> None:
    """The KV would cut it in two; labels cannot say it either, but documents can."""
    middleware = {"comma": {"stripPrefixRegex": {"regex": ["/a{1,3}/"]}}}
    steady.kv.put(f"{ROOT}desired/routes/comma", json.dumps({"http": {"middlewares": middleware}}))
    message = steady.wait_for_refusal(steady.NO_STACK, "comma")
    assert "desired/routes/comma" in message
    assert not [key for key in steady.traefik_keys() if "/comma/" in key]
    steady.kv.delete(f"{ROOT}desired/routes/comma")


def test_a_bad_change_leaves_the_last_good_one(steady: RouteStage) -> None:
    good = routed_service("kept")
    steady.deploy("kept", on_the_edge({"web": good}))
    steady.wait_for_route("kept", "http/kept")
    worse = routed_service("kept", more_labels={"traefik.http.routers.kept.rule": "Hots(`x`)"})
    steady.deploy("kept", on_the_edge({"web": worse}))
    steady.wait_for_refusal("kept", "rule")
    assert steady.traefik.get("kept.lab")[0] == 200
    steady.deploy("kept", on_the_edge({"web": good}))
    steady.wait_for_route("kept", "http/kept")
    assert not steady.routes("kept").get("refused")
    steady.remove("kept")


def test_fourteen_middlewares_keep_their_order(steady: RouteStage) -> None:
    names = [f"p{number}" for number in range(14)]
    chain = {f"traefik.http.middlewares.{name}.addprefix.prefix": f"/{name}" for name in names}
    router = {"traefik.http.routers.order.middlewares": ",".join(names)}
    web = routed_service("order", more_labels={**chain, **router})
    steady.deploy("order", on_the_edge({"web": web}))
    steady.wait_for_route("order", "http/order")
    path = steady.traefik.headers("order.lab", "/x")["x-path"]
    assert path == "".join(f"/{name}" for name in reversed(names)) + "/x"
    steady.remove("order")


def test_equal_rules_of_two_stacks_the_older_keeps_serving(steady: RouteStage) -> None:
    first = routed_service("first", environment={"VERSION": "first"})
    second = routed_service("second", environment={"VERSION": "second"})
    for wanted, name in ((first, "first"), (second, "second")):
        wanted["deploy"]["labels"][f"traefik.http.routers.{name}.rule"] = "Host(`both.lab`)"
    steady.deploy("one", on_the_edge({"web": first}))
    steady.wait_for_route("one", "http/first")
    steady.deploy("two", on_the_edge({"web": second}))
    steady.wait_for_refusal("two", "same rule")
    answers = {steady.traefik.get("both.lab")[1].split()[-1] for _ in range(20)}
    assert answers == {"first"}
    steady.remove("one")
    steady.wait_for_route("two", "http/second", within=20)
    assert steady.traefik.get("both.lab")[1].split()[-1] == "second"
    steady.remove("two")


def test_more_than_a_transaction_may_weigh_is_written_in_several(steady: RouteStage) -> None:
    """Ten values of 45 kB are more than 384 kB, which is what Consul takes in one transaction."""
    big = {
        f"big-{n}": {"headers": {"customRequestHeaders": {"X-Big": "x" * 45_000}}}
        for n in range(10)
    }
    route = {"name": "heavy", "host": "heavy.lab", "entrypoint": "web"}
    routes = [{**route, "servers": ["http://tasks.steady_web:80"]}]
    text = json.dumps({"routes": routes, "http": {"middlewares": big}})
    assert 384 * 1024 < len(text) < 512 * 1024
    steady.forget()
    with steady.load("steady.lab", rate=50) as sent:
        steady.kv.put(f"{ROOT}desired/routes/heavy", text)
        steady.wait_for_route(steady.NO_STACK, "http/heavy", within=30)
        wrote = [
            each for each in steady.consul.writes("/v1/txn") if b"traefik/" in (each.body or b"")
        ]
        assert {each.status for each in wrote} == {200}
        assert len(wrote) >= 2, "one would be too heavy"
        assert len([key for key in steady.traefik_keys() if "/big-" in key]) == len(big)
        steady.kv.delete(f"{ROOT}desired/routes/heavy")
        eventually(lambda: not [k for k in steady.traefik_keys() if "/big-" in k], 20, "they go")
        seen = sent.end()
    print(f"{len(text)} bytes in {len(wrote)} transactions; {seen}")
    assert seen.failed == 0, seen


def test_a_name_in_upper_case_is_kept_as_it_is(steady: RouteStage) -> None:
    """Traefik tells references apart by case, and names not."""
    web = routed_service("Upper")
    steady.deploy("upper", on_the_edge({"web": web}))
    steady.wait_for_route("upper", "http/Upper")
    assert steady.traefik.get("Upper.lab")[0] == 200
    steady.remove("upper")


def test_a_value_that_consul_cannot_hold_is_refused(steady: RouteStage) -> None:
    rule = " || ".join(f"Host(`host-{number}.huge.lab`)" for number in range(20_000))
    engine: Any = steady.lab.manager.docker
    made = engine.create_service(
        {"ContainerSpec": {"Image": "lab/http:1"}, "Networks": [{"Target": EDGE}]},
        name="huge",
        labels={**labels("huge"), "traefik.http.routers.huge.rule": rule},
    )
    try:
        assert len(rule) > 524_288
        steady.wait_for_refusal(steady.NO_STACK, "huge", within=15)
        assert steady.traefik.get("steady.lab")[0] == 200
    finally:
        engine.remove_service(made["ID"])


@pytest.mark.parametrize("weight", [50, 100])
def test_a_canary_without_tasks_gets_nothing(steady: RouteStage, weight: int) -> None:
    """Nor does it take what it was to get with it."""
    route = {"host": "canary.lab", "port": 80, "name": "canary", "entrypoint": "web"}

    def stack(replicas: int) -> str:
        main = routed_service("main", environment={"VERSION": "main"})
        trial = routed_service("trial", replicas=replicas, environment={"VERSION": "trial"})
        main["deploy"]["labels"] = {}
        trial["deploy"]["labels"] = {}
        weighted = {**route, "canary": {"service": "trial", "weight": weight}}
        main["x-operator"] = {"routes": weighted}
        return on_the_edge({"main": main, "trial": trial})

    def answers() -> set[tuple[int, str]]:
        found = [steady.traefik.get("canary.lab") for _ in range(40)]
        return {(status, body.split()[-1] if status == 200 else body) for status, body in found}

    both = {(200, "main"), (200, "trial")} if weight < 100 else {(200, "trial")}
    steady.deploy("canary", stack(1))
    steady.wait_for_route("canary", "http/canary")
    eventually(lambda: answers() == both, 15, "the canary answers")
    with steady.load("canary.lab", rate=50) as sent:
        sent.wait_for(50)
        steady.deploy("canary", stack(0))
        eventually(lambda: answers() == {(200, "main")}, 15, "main alone answers")
        sent.wait_for(sent.so_far().total + 100)
        seen = sent.end()
    print(f"canary of {weight} % to 0 tasks: {seen}")
    assert seen.failed == 0, seen
    steady.remove("canary")
    steady.traefik.wait_for("canary.lab", 404, within=20)


def test_an_older_traefik_gets_nothing_that_it_does_not_know(steady: RouteStage) -> None:
    """And who asks for it is told so. Runs last: it exchanges Traefik."""
    passive = "http/services/steady/loadbalancer/passivehealthcheck/maxfailedattempts"
    assert passive in steady.traefik_keys(), "3.7 knows it"
    own = "traefik.http.services.new.loadbalancer.passivehealthcheck.maxfailedattempts"
    steady.traefik.remove()
    steady.traefik = Traefik(steady.lab, minor=traefik_binary.oldest(), throttle="2s").start()
    eventually(lambda: passive not in steady.traefik_keys(), 20, "it is taken away")
    steady.traefik.wait_for("steady.lab", within=30)
    steady.wait_for_route("steady", "http/steady", within=30)
    steady.deploy("new", on_the_edge({"web": routed_service("new", more_labels={own: "2"})}))
    steady.wait_for_refusal("new", "3.6")
    assert steady.traefik.get("new.lab")[0] == 404
    assert steady.traefik.get("steady.lab")[0] == 200
