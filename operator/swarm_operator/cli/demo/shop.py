"""The stack of the guided tour, and a stranger's service beside it."""

from typing import Final

from swarm_operator.cli.demo.stage import Stage
from swarm_operator.observed.json import dig

STACK: Final = "shop"
WEB, API, DB = f"{STACK}_web", f"{STACK}_api", f"{STACK}_db"
FOREIGN: Final = "legacy"
"""A service that somebody made by hand: no document knows it, and no label of ours is on it."""
WISHED: Final = {WEB: 3, API: 4, DB: 1}
"""Tasks by service."""
ROUTED: Final = {WEB: "shop", API: "shop-api"}
"""Services that Traefik leads to, and the names of its routers and services for them."""
ROUTES: Final = {name: WISHED[service] for service, name in ROUTED.items()}
"""How many servers Traefik has for each."""


def document(web: str = "shop/web:1", api: str = "shop/api:1", db: str = "shop/db:1") -> str:
    """The stack of the story."""
    return f"""\
services:
  web:
    image: {web}
    healthcheck: {{test: [CMD, wget, -q, -O, /dev/null, "http://localhost/"], interval: 1s, retries: 2}}
    deploy:
      replicas: {WISHED[WEB]}
      labels:
        traefik.http.routers.{ROUTED[WEB]}.rule: Host(`shop.example.org`)
        traefik.http.services.{ROUTED[WEB]}.loadbalancer.server.port: "80"
      update_config: {{order: start-first, monitor: 1s, failure_action: rollback}}
  api:
    image: {api}
    deploy:
      replicas: {WISHED[API]}
      labels:
        traefik.http.routers.{ROUTED[API]}.rule: Host(`shop.example.org`) && PathPrefix(`/api`)
        traefik.http.services.{ROUTED[API]}.loadbalancer.server.port: "80"
      update_config: {{parallelism: 2, order: start-first, monitor: 1s, failure_action: rollback}}
  db:
    image: {db}
    deploy:
      replicas: {WISHED[DB]}
      update_config: {{order: stop-first, monitor: 1s}}
"""


def prologue(stage: Stage) -> None:
    """What every act but the first finds: the stack runs, and a stranger's service beside it."""
    make_foreign_service(stage)
    stage.push(STACK, document())
    ready(stage)


def ready(stage: Stage, **images: str) -> float:
    """Seconds until all runs, with these images where given, and the status says so."""

    def all_runs() -> bool:
        return all(
            stage.running(name, images.get(name)) == wished for name, wished in WISHED.items()
        ) and (stage.state(STACK) == "Ready")

    return stage.until(
        "all tasks run and the status says Ready",
        all_runs,
        20 + stage.engine_s(60),
        lambda: f"{tasks(stage)}, {stage.state(STACK)}",
    )


def tasks(stage: Stage) -> str:
    """`shop_web 3/3, …`."""
    return ", ".join(f"{name} {stage.running(name)}/{n}" for name, n in WISHED.items())


def make_foreign_service(stage: Stage) -> None:
    """As `docker service create` does."""
    if stage.service(FOREIGN) is None:
        stage.clients.swarm.create_service(
            {
                "Name": FOREIGN,
                "TaskTemplate": {"ContainerSpec": {"Image": "legacy:1"}, "Placement": {}},
                "Mode": {"Replicated": {"Replicas": 1}},
            }
        )
        stage.until("the stranger's service runs", lambda: stage.running(FOREIGN) == 1, 20)


def replicas(stage: Stage, name: str) -> int:
    """As the service's spec says."""
    record = stage.service(name)
    return int(dig(record.spec, "Mode", "Replicated", "Replicas") or 0) if record else -1


def image(stage: Stage, name: str) -> str:
    """As the service's spec says."""
    record = stage.service(name)
    return str(dig(record.spec, "TaskTemplate", "ContainerSpec", "Image")) if record else "(gone)"
