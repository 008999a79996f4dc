"""Traefik loses its right to read: what it serves then, and that the operator says so."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.cluster.harness import Lab, paths
from tests.cluster.scenarios import route_stage
from tests.cluster.scenarios.route_stage import RouteStage, on_the_edge, routed_service
from tests.cluster.traefik_lab import Traefik

POLICY = (paths.CHECKOUT / "deploy/consul/traefik.hcl").read_text(encoding="utf-8")
NARROWED = 'key_prefix "elsewhere/" { policy = "list" }'


class Rights:
    """Consul's ACLs, with the management token."""

    def __init__(self, lab: Lab) -> None:
        self._url = f"{lab.consul.url}/v1/acl"
        self._headers = {"X-Consul-Token": lab.consul.token or ""}
        self.policy = self._put("policy", {"Name": "traefik", "Rules": POLICY})["ID"]

    def token(self) -> tuple[str, str]:
        """A new token with the policy: accessor and secret."""
        made = self._put("token", {"Policies": [{"ID": self.policy}]})
        return made["AccessorID"], made["SecretID"]

    def set_policy(self, rules: str) -> None:
        self._put(f"policy/{self.policy}", {"Name": "traefik", "Rules": rules})

    def delete_token(self, accessor: str) -> None:
        requests.delete(
            f"{self._url}/token/{accessor}", headers=self._headers, timeout=10
        ).raise_for_status()

    def _put(self, path: str, body: object) -> dict[str, Any]:
        answer = requests.put(
            f"{self._url}/{path}", data=json.dumps(body), headers=self._headers, timeout=10
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture(scope="module")
def lab(engine: str) -> Iterator[Lab]:
    with Lab.start(2, 1, engine) as made:
        route_stage.prepare(made, acl=True)
        yield made


@pytest.fixture(scope="module")
def rights(lab: Lab) -> Rights:
    return Rights(lab)


@pytest.fixture(scope="module")
def stage(lab: Lab, rights: Rights) -> Iterator[RouteStage]:
    _, secret = rights.token()
    environment = {"CONSUL_HTTP_TOKEN": lab.consul.token or ""}
    traefik = Traefik(lab, token=secret).start()
    with RouteStage.of(lab, traefik, environment=environment) as made:
        made.deploy("app", on_the_edge({"web": routed_service("app")}))
        made.wait_for_route("app", "http/app")
        yield made


def test_a_narrowed_policy_is_told_and_its_end_heals(stage: RouteStage, rights: Rights) -> None:
    assert stage.traefik.get("app.lab")[0] == 200
    rights.set_policy(NARROWED)
    stage.deploy("app", on_the_edge({"web": routed_service("app", replicas=3)}))
    begun = time.monotonic()
    stage.wait_for_traefik("Frozen", says="token", within=40)
    print(f"narrowed policy: told {time.monotonic() - begun:.1f} s after a change")
    rights.set_policy(POLICY)
    begun = time.monotonic()
    # Traefik waits for a change: that it may read again is none.
    stage.put_traefik({"http/middlewares/any/addprefix/prefix": "/any"})
    stage.traefik.wait_for("app.lab", within=60)
    print(f"policy mended: routes {time.monotonic() - begun:.1f} s after the next change")
    stage.wait_for_route("app", "http/app", within=60)


def test_a_deleted_token_is_told_and_routes_stay(stage: RouteStage, rights: Rights) -> None:
    accessor, secret = rights.token()
    stage.traefik.remove()
    stage.traefik = Traefik(stage.lab, token=secret).start()
    stage.traefik.wait_for("app.lab")
    rights.delete_token(accessor)
    stage.deploy("app", on_the_edge({"web": routed_service("app", replicas=2)}))
    stage.wait_for_traefik("Frozen", says="token", within=40)
    assert stage.traefik.get("app.lab")[0] == 200
