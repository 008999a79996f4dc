"""The Docker Engine of a swarm manager, by its API's own JSON (implements `SwarmPort`)."""

import dataclasses
import json
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import tenacity

from swarm_operator.clients.docker_lists import SwarmLists, by_id, with_some_anew
from swarm_operator.clients.docker_transport import (
    ApiVersion,
    DockerTls,
    DockerTransport,
    Transport,
)
from swarm_operator.clients.json_list import ListReader
from swarm_operator.clients.timing import CallTimer, DurationMetric, NoMetrics
from swarm_operator.observed import engine_info
from swarm_operator.observed.errors import Gone, NotManager, SpecRefused, Unavailable
from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.swarm import Service, Swarm

Made = TypeVar("Made")
Answer = TypeVar("Answer")

READ_ATTEMPTS: Final = 3
READ_PATIENCE_S: Final = 3.0
"""A read that failed is repeated only while this has not passed: the next pass comes anyway."""


class DockerSwarm:
    """Reads and writes a swarm through one manager. Safe to share between threads.

    Reads that got no answer are repeated shortly; writes never are: whoever wrote reads again.
    """

    def __init__(
        self,
        base_url: str,
        *,
        tls: DockerTls | None = None,
        timeout_s: float = 25,
        read_timeout_s: float = 10,
        metrics: DurationMetric | None = None,
        api_version: ApiVersion | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rng: Callable[[], float] | None = None,
    ) -> None:
        """`base_url` as in DOCKER_HOST: unix:///path or tcp://host:port.

        `timeout_s`, for a write, is best a little above 20 s, where the engine itself gives up on
        the swarm: then it says what became of the write. `read_timeout_s` is shorter, for a read
        that hangs because the leader went away is best begun anew. Nothing is sent before the
        first call.
        """
        timer = CallTimer("docker", metrics or NoMetrics(), clock)
        transport = DockerTransport(
            base_url,
            timer=timer,
            tls=tls,
            timeout_s=timeout_s,
            read_timeout_s=read_timeout_s,
            api_version=api_version,
        )
        self._begin(transport, clock, sleep, rng)

    @classmethod
    def over(
        cls,
        transport: Transport,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rng: Callable[[], float] | None = None,
    ) -> Self:
        """The same client on another transport: a simulation's, without an address."""
        made = cls.__new__(cls)
        made._begin(transport, clock, sleep, rng)  # noqa: SLF001 - our own
        return made

    def _begin(
        self,
        transport: Transport,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        rng: Callable[[], float] | None,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._sleep = sleep
        self._rng = rng or random.Random().random  # noqa: S311 - jitter
        self._local = threading.local()

    @property
    def _lists(self) -> SwarmLists:
        """What this thread read before: one thread's older answer must not take away what another
        has just learned of a network."""
        lists: SwarmLists | None = getattr(self._local, "lists", None)
        if lists is None:
            lists = self._local.lists = SwarmLists()
        return lists

    def read(self) -> Swarm:
        """One full pass of seven reads. Raises Unavailable, NotManager or Denied.

        The order matters: what a service refers to is listed after it, so that it is there; and
        the managers are counted last, so that the count covers all the lists before.
        """
        taken_at = self._clock()
        info = self._object("/info")
        services = self._list("/services", self._lists.services)
        tasks = self._list("/tasks", self._lists.tasks)
        networks = self._list("/networks", self._lists.networks)
        configs = self._list("/configs", self._lists.configs)
        secrets = self._list("/secrets", self._lists.secrets)
        nodes = self._list("/nodes", self._lists.nodes)
        return Swarm(
            cluster_id=engine_info.cluster_id(info),
            nodes=nodes,
            services=services,
            tasks=by_id(tasks),
            networks=self._lists.networks_of_swarm(networks, tasks, info),
            configs=configs,
            secrets=secrets,
            incomplete=engine_info.incomplete_reasons(info, nodes),
            api_version=self._transport.api_version(),
            node_id=engine_info.own_node_id(info),
            taken_at=taken_at,
            heartbeat_s=engine_info.heartbeat_s(info),
        )

    def read_progress(self, last: Swarm, services: frozenset[str] = frozenset()) -> Swarm:
        """`last` with its services, tasks and nodes read anew (3 reads).

        With the ids of `services` only these, their tasks and the managers, unless one of them is
        gone. Its reasons to be incomplete stay, and may grow: only a full pass clears them.
        """
        taken_at = self._clock()
        now = self._some_progress(last, services) if services else None
        if now is None:
            now = dataclasses.replace(
                last,
                services=self._list("/services", self._lists.services),
                tasks=by_id(self._list("/tasks", self._lists.tasks)),
                nodes=self._list("/nodes", self._lists.nodes),
            )
        reasons = (*last.incomplete, *engine_info.manager_reasons(last.node_id, now.nodes))
        return dataclasses.replace(now, incomplete=tuple(dict.fromkeys(reasons)), taken_at=taken_at)

    def services(self) -> tuple[Service, ...]:
        """The services alone (1 read). Raises what `read` raises."""
        return self._list("/services", self._lists.services)

    def _some_progress(self, last: Swarm, ids: frozenset[str]) -> Swarm | None:
        """None where the answers do not fit `last`: something came or went."""
        try:
            services = self._list("/services", self._lists.services, {"id": sorted(ids)})
            tasks = self._list("/tasks", self._lists.tasks, {"service": sorted(ids)})
        except Gone:
            return None
        managers = self._list("/nodes", self._lists.nodes, {"role": ["manager"]})
        return with_some_anew(last, ids, services, tasks, managers)

    def image_volumes(self, image: str) -> bool | None:
        """Whether the image declares volumes; None where this engine does not have it. Raises
        Unavailable or Denied."""
        try:
            answer = self._object(f"/images/{quote(image, safe='/:@')}/json")
        except Gone:
            return None
        return bool(dig(answer, "Config", "Volumes"))

    def ping(self) -> None:
        """Raises unless the engine answers at all."""
        self._transport.ping()

    def create_service(self, spec: JsonObject, *, registry_auth: str | None = None) -> str:
        """Returns the new service's id. Raises SpecRefused, Conflict (the name is taken, or what
        the spec refers to is gone), Unavailable."""
        _require_placement(spec)
        return self._create(
            "/services/create", spec, f"creating service {_name(spec)}", auth=registry_auth
        )

    def update_service(
        self, service_id: str, version: int, spec: JsonObject, *, registry_auth: str | None = None
    ) -> None:
        """Write the whole spec where the service is still at `version`; Conflict where it moved,
        Gone where it was removed."""
        _require_placement(spec)
        self._transport.request(
            "POST",
            f"/services/{service_id}/update",
            f"updating service {_name(spec)}",
            params={"version": str(version), "registryAuthFrom": "spec"},
            body=spec,
            headers=_auth_headers(registry_auth),
        )

    def remove_service(self, service_id: str) -> None:
        """Raises Gone where there is none."""
        self._transport.request("DELETE", f"/services/{service_id}", "removing a service")

    def create_network(self, body: JsonObject) -> str:
        """Returns the new network's id. Raises Conflict where the name is taken."""
        return self._create("/networks/create", body, f"creating network {_name(body)}")

    def remove_network(self, network_id: str) -> None:
        """Raises InUse while services or tasks are on it, Gone where there is none."""
        self._transport.request("DELETE", f"/networks/{network_id}", "removing a network")

    def create_config(self, spec: JsonObject) -> str:
        """Returns the new config's id. Raises Conflict where the name is taken."""
        return self._create("/configs/create", spec, f"creating config {_name(spec)}")

    def remove_config(self, config_id: str) -> None:
        """Raises InUse while services use it, Gone where there is none."""
        self._transport.request("DELETE", f"/configs/{config_id}", "removing a config")

    def create_secret(self, spec: JsonObject) -> str:
        """Returns the new secret's id. Raises Conflict where the name is taken."""
        return self._create("/secrets/create", spec, f"creating secret {_name(spec)}")

    def remove_secret(self, secret_id: str) -> None:
        """Raises InUse while services use it, Gone where there is none."""
        self._transport.request("DELETE", f"/secrets/{secret_id}", "removing a secret")

    def close(self) -> None:
        """Close all connections; the next call opens new ones."""
        self._transport.close()

    def _create(
        self, path: str, body: JsonObject, operation: str, *, auth: str | None = None
    ) -> str:
        response = self._transport.request(
            "POST", path, operation, body=body, headers=_auth_headers(auth)
        )
        answer = _json(response)
        identity = dig(answer, "ID") or dig(answer, "Id")
        if not isinstance(identity, str):
            raise Unavailable(f"{operation}: the engine answered without an id")
        return identity

    def _object(self, path: str) -> JsonObject:
        answer = self._read(path, _json)
        if not isinstance(answer, dict):
            raise Unavailable(f"reading {path}: the engine's answer is not an object")
        return answer

    def _list(
        self,
        path: str,
        reader: ListReader[Made],
        filters: Mapping[str, Sequence[str]] | None = None,
    ) -> tuple[Made, ...]:
        params = {"filters": json.dumps(filters)} if filters else None
        return self._read(path, lambda response: reader.read(response, whole=not filters), params)

    def _read(
        self,
        path: str,
        understand: Callable[[Any], Answer],
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_worth_repeating),
            stop=tenacity.stop_after_attempt(READ_ATTEMPTS)
            | tenacity.stop_after_delay(READ_PATIENCE_S),
            wait=lambda state: self._rng() * 0.1 * 2**state.attempt_number,
            sleep=self._sleep,
            reraise=True,
        )
        operation = f"reading {path}"
        return retrying(
            lambda: understand(self._transport.request("GET", path, operation, params=params))
        )


def _is_worth_repeating(error: BaseException) -> bool:
    return isinstance(error, Unavailable) and not isinstance(error, NotManager)


def _require_placement(spec: JsonObject) -> None:
    """SwarmKit panics the manager, at every start again, over a service that is written without
    `Placement` while its tasks have one (seen on 20.10, 26.1 and 28.5)."""
    if not isinstance(dig(spec, "TaskTemplate", "Placement"), dict):
        raise SpecRefused(
            f"service {_name(spec)} has no TaskTemplate.Placement: such a spec would crash the "
            "manager's engine, and is never sent"
        )


def _name(spec: JsonObject) -> str:
    return str(spec.get("Name", ""))


def _auth_headers(registry_auth: str | None) -> dict[str, str]:
    return {"X-Registry-Auth": registry_auth} if registry_auth else {}


def _json(response: Any) -> Any:
    try:
        return response.json()
    except ValueError:
        raise Unavailable("the engine's answer is not JSON: it was cut off") from None
