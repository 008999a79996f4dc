"""What a manager does with the requests that change a swarm: one face for the API to call.

Errors are `ApiError` with the engine's status and text. Every method that writes ends with
`kit.settle()`: what follows at once from it has happened when it returns.
"""

from collections.abc import Callable
from typing import Any

from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.control_networks import NetworkControl
from swarm_operator.simulation.engine.control_nodes import NodeControl
from swarm_operator.simulation.engine.control_objects import ObjectControl
from swarm_operator.simulation.engine.control_services import ServiceControl
from swarm_operator.simulation.engine.errors import ManagerPanic
from swarm_operator.simulation.engine.normalise import ApiVersion
from swarm_operator.simulation.engine.records import (
    ConfigRecord,
    NetworkRecord,
    NodeRecord,
    SecretRecord,
    ServiceRecord,
)
from swarm_operator.simulation.engine.references import References
from swarm_operator.simulation.engine.resolve import Resolver


def panic(reason: str) -> None:
    """The default of `Control`'s hook. Raises ManagerPanic."""
    raise ManagerPanic(reason)


class Control:
    """`ref` is an id, a name, or the beginning of an id that fits one record only.

    `on_panic` is called, with the reason, where a write kills a real manager's process: the write
    is in the store and nobody was told of it. It may raise; where it returns, the world goes on.
    """

    def __init__(self, kit: Kit, *, on_panic: Callable[[str], None] = panic) -> None:
        references = References(kit.store)
        self._kit = kit
        self._resolver = Resolver(kit.store, references)
        self._services = ServiceControl(kit, references, self._resolver, on_panic)
        self._networks = NetworkControl(kit, references)
        self._objects = ObjectControl(kit, references, self._resolver)
        self._nodes = NodeControl(kit, self._resolver)

    # --- look-ups: what reads of one object need ------------------------------------------------------

    def service(self, ref: str) -> ServiceRecord:
        """Raises ApiError 404, or 400 where several fit; so do the other look-ups."""
        return self._resolver.service(ref)

    def node(self, ref: str) -> NodeRecord:
        return self._resolver.node(ref)

    def config(self, ref: str) -> ConfigRecord:
        return self._resolver.config(ref)

    def secret(self, ref: str) -> SecretRecord:
        return self._resolver.secret(ref)

    def network(self, ref: str) -> NetworkRecord:
        """Node-local ones too, but not the swarm's hidden twins of `bridge` and `host`."""
        return self._networks.find(ref)

    # --- services -------------------------------------------------------------------------------------

    def create_service(
        self, spec: Any, *, api_version: ApiVersion, registry_auth: str | None = None
    ) -> str:
        """The new service's id. `registry_auth` is the header X-Registry-Auth as it came."""
        made = self._services.create(spec, api_version=api_version, registry_auth=registry_auth)
        self._kit.settle()
        return made

    def update_service(
        self,
        ref: str,
        version: int,
        spec: Any | None,
        *,
        rollback: bool = False,
        api_version: ApiVersion,
        registry_auth: str | None = None,
        registry_auth_from: str = "spec",
    ) -> None:
        """`rollback` makes the previous spec the spec, whatever `spec` says; None stands for the
        live one. `registry_auth_from` is `spec` or `previous-spec`."""
        self._services.update(
            ref,
            version,
            spec,
            rollback=rollback,
            api_version=api_version,
            registry_auth=registry_auth,
            registry_auth_from=registry_auth_from,
        )
        self._kit.settle()

    def remove_service(self, ref: str) -> None:
        self._services.remove(ref)
        self._kit.settle()

    # --- networks -------------------------------------------------------------------------------------

    def create_network(self, body: Any, *, api_version: ApiVersion = (1, 47)) -> str:
        made = self._networks.create(body, api_version=api_version)
        self._kit.settle()
        return made

    def remove_network(self, ref: str) -> None:
        self._networks.remove(ref)
        self._kit.settle()

    # --- configs and secrets --------------------------------------------------------------------------

    def create_config(self, spec: Any) -> str:
        made = self._objects.create_config(spec)
        self._kit.settle()
        return made

    def update_config(self, ref: str, version: int, spec: Any) -> None:
        self._objects.update_config(ref, version, spec)
        self._kit.settle()

    def remove_config(self, ref: str) -> None:
        self._objects.remove_config(ref)
        self._kit.settle()

    def create_secret(self, spec: Any) -> str:
        made = self._objects.create_secret(spec)
        self._kit.settle()
        return made

    def update_secret(self, ref: str, version: int, spec: Any) -> None:
        self._objects.update_secret(ref, version, spec)
        self._kit.settle()

    def remove_secret(self, ref: str) -> None:
        self._objects.remove_secret(ref)
        self._kit.settle()

    # --- nodes ----------------------------------------------------------------------------------------

    def update_node(self, ref: str, version: int, spec: Any) -> None:
        self._nodes.update(ref, version, spec)
        self._kit.settle()

    def remove_node(self, ref: str, force: bool) -> None:
        self._nodes.remove(ref, force=force)
        self._kit.settle()
