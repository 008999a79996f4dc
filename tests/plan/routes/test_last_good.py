"""What was published, read back from its keys: with the tasks of that day it is the same again, and with
those of another day it follows them."""

import json
from dataclasses import replace
from typing import Any, Final

import pytest

from swarm_operator.observed.swarm import HostPort, Service, Swarm, Task
from swarm_operator.plan.routes.compile import Compiled, compile_routes
from swarm_operator.plan.routes.decoding import decode
from swarm_operator.plan.routes.documents import read_document
from swarm_operator.plan.routes.encoding import encode
from swarm_operator.plan.routes.last_good import read_back
from swarm_operator.plan.routes.published import Previous, Published
from swarm_operator.plan.routes.servers import TASKS, Surroundings
from swarm_operator.plan.routes.services import read_service
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.tree import ObjectId, Origin, Refusal, RouteTree, at, nested
from tests.plan.routes.test_servers import EDGE, FIVE, NETWORKS, task

_LABELS: Final = {
    "traefik.http.routers.web.rule": "Host(`a`)",
    "traefik.http.routers.web.middlewares": "auth",
    "traefik.http.middlewares.auth.addprefix.prefix": "/x",
    "traefik.http.services.web.loadbalancer.server.port": "80",
}
_TERSE: Final = "io.swarm-operator.routes"
_CANARY: Final = {"host": "c", "port": 80, "canary": {"service": "trial", "weight": 20}}
_TCP: Final = {
    "traefik.tcp.routers.t.rule": "HostSNI(`*`)",
    "traefik.tcp.services.t.loadbalancer.server.port": "22",
}
_OWN: Final = {
    **_LABELS,
    "traefik.http.middlewares.again.retry.attempts": "2",
    "traefik.http.routers.web.middlewares": "again",
    "traefik.http.services.web.loadbalancer.healthcheck.path": "/",
    "traefik.http.services.web.loadbalancer.server.preservepath": "true",
    "traefik.http.services.web.loadbalancer.server.scheme": "h2c",
}


def service(labels: dict[str, str], name: str = "shop_web", **spec: Any) -> Service:
    stack = {"com.docker.stack.namespace": "shop", **labels}
    mode = {"Mode": {"Replicated": {"Replicas": spec.pop("replicas", 2)}}}
    wanted = {"TaskTemplate": {"Networks": [{"Target": EDGE}]}, "Labels": stack, **mode, **spec}
    return Service("s" if name == "shop_web" else f"id-{name}", 1, name, wanted)


def around(services: list[Service], *tasks: Task) -> Surroundings:
    swarm = Swarm("c", nodes=FIVE, services=tuple(services), tasks=tasks, networks=NETWORKS)
    return Surroundings(swarm)


def compiled(
    published: Published, surroundings: Surroundings, previous: Previous | None = None
) -> Compiled:
    return compile_routes(
        [published],
        settings=RouteSettings(),
        servers_of=surroundings.servers_of,
        version=(3, 7, 0),
        previous=previous,
    )


def refused(published: Published) -> Published:
    """The same owner, with nothing that can be published."""
    refusal = Refusal(published.origin, None, "BadRule", "it is bad")
    return replace(published, tree=RouteTree(), targets=(), refusals=(refusal,))


def after_restart(
    published: Published, lying: RouteTree, then: Surroundings, now: Surroundings
) -> Compiled:
    """What becomes of a refused owner of which the keys alone are known; `then`, its tasks are seen."""
    items = decode(encode(lying)).tree
    origin = Origin(published.origin.stack, published.owner, published.owner)
    good = read_back(origin, items, then, 7.0)
    return compiled(refused(published), now, Previous(last_good={published.owner: good}))


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(_LABELS, id="labels"),
        pytest.param(_OWN, id="its own retry and check"),
        pytest.param(_TCP, id="tcp"),
        pytest.param({_TERSE: json.dumps([_CANARY])}, id="canary"),
        pytest.param({**_LABELS, "traefik.swarm.network": "edge"}, id="network"),
    ],
)
def test_with_the_same_tasks_it_is_the_same(labels: dict[str, str]) -> None:
    services = [service(labels), service({}, "shop_trial")]
    others = task(4, of="id-shop_trial")
    then = around(services, task(1), task(2), others)
    published = read_service(services[0], RouteSettings())
    assert published is not None
    before = compiled(published, then)
    assert not before.refused
    again = after_restart(published, before.tree, then, then)
    assert again.tree == before.tree
    targets = {each.id: each for each in again.in_tree[published.owner].targets}
    assert targets.keys() == {each.id for each in published.targets}
    assert {each.drain_s for each in targets.values()} == {7.0}


def test_its_tasks_of_today_are_its_servers() -> None:
    of = service(_LABELS)
    then = around([of], task(1), task(2))
    published = read_service(of, RouteSettings())
    assert published is not None
    before = compiled(published, then)
    gone = [task(1, "shutdown", "shutdown"), task(2, "shutdown", "shutdown")]
    now = around([of], *gone, task(3))
    balancer = ObjectId("http", "services", "web")
    body = after_restart(published, before.tree, then, now).tree.body(balancer) or {}
    assert at(body, "loadbalancer", "servers") == {"t3": {"url": "http://10.1.0.3:80"}}
    tree = after_restart(published, before.tree, then, around([of], *gone)).tree
    body = tree.body(balancer) or {}
    assert at(body, "loadbalancer", "servers") == {TASKS: {"url": "http://tasks.shop_web:80"}}
    assert "passivehealthcheck" not in nested(body["loadbalancer"])
    chain = (tree.body(ObjectId("http", "routers", "web")) or {})["middlewares"]
    assert chain == ("auth", "swarm-operator-park")


def test_it_may_have_gone_to_another_network_and_one_that_was_named_stays() -> None:
    for named, servers in ((False, "10.2.0.3"), (True, None)):
        network = {"traefik.swarm.network": "edge"} if named else {}
        labels = {**_LABELS, **network}
        both = {EDGE: "10.1.0.1", "net-apps": "10.2.0.1"}
        one = replace(task(1), addresses=both)
        targets = [{"Target": "net-apps"}, {"Target": EDGE}]
        of = service(labels, TaskTemplate={"Networks": targets})
        then = around([of], one, replace(task(2), addresses={**both, EDGE: "10.1.0.2"}))
        published = read_service(of, RouteSettings())
        assert published is not None
        before = compiled(published, then)
        moved = service(labels, TaskTemplate={"Networks": targets[:1]})
        gone = replace(one, desired_state="shutdown")
        now = around([moved], gone, replace(task(3), addresses={"net-apps": "10.2.0.3"}))
        body = after_restart(published, before.tree, then, now).tree.body(
            ObjectId("http", "services", "web")
        )
        found = nested(at(body or {}, "loadbalancer", "servers"))
        urls = {str(nested(each)["url"]) for each in found.values()}
        assert urls == ({f"http://{servers}:80"} if servers else {"http://tasks.shop_web:80"}), (
            named
        )


def test_its_tasks_with_host_ports_too() -> None:
    port = {"PublishMode": "host", "TargetPort": 80, "PublishedPort": 8085, "Protocol": "tcp"}
    of = service(_LABELS, TaskTemplate={}, EndpointSpec={"Ports": [port]})
    published_port = (HostPort("tcp", 80, 8085),)
    one, two = (task(n, addresses={}, host_ports=published_port) for n in (1, 2))
    then = around([of], one)
    published = read_service(of, RouteSettings())
    assert published is not None
    before = compiled(published, then)
    now = around([of], replace(one, desired_state="shutdown"), two)
    body = after_restart(published, before.tree, then, now).tree.body(
        ObjectId("http", "services", "web")
    )
    assert at(body or {}, "loadbalancer", "servers") == {"t2": {"url": "http://10.0.0.2:8085"}}


def test_what_nobody_knows_any_more_stays_as_it_lies_there() -> None:
    of = service(_LABELS)
    then = around([of], task(1), task(2))
    published = read_service(of, RouteSettings())
    assert published is not None
    before = compiled(published, then)
    forgotten = around([of], task(5))
    body = after_restart(published, before.tree, forgotten, forgotten).tree.body(
        ObjectId("http", "services", "web")
    )
    assert set(nested(at(body or {}, "loadbalancer", "servers"))) == {"t1", "t2"}


def test_a_document_has_no_tasks() -> None:
    text = b"routes:\n- {host: old, servers: [http://192.0.2.1:80, http://192.0.2.2:80]}\n"
    published = read_document("legacy", text, RouteSettings())
    then = around([], task(1))
    before = compiled(published, then)
    again = after_restart(published, before.tree, then, then)
    assert again.tree == before.tree
    assert again.in_tree[published.owner].targets == ()
