"""The operator's view of simulated Traefiks: what `clients.traefik.TraefikApi` is for real ones."""

from collections.abc import Mapping
from typing import Any

from swarm_operator.observed.errors import Unavailable
from swarm_operator.simulation.traefik.instance import Silent, Traefik


class SimulatedTraefiks:
    """Answers for instances by their addresses (implements `TraefikPort`)."""

    def __init__(self, instances: Mapping[str, Traefik]) -> None:
        """By what their addresses begin with: "http://10.0.1.5:8080". May change later."""
        self.instances = instances

    def get(self, base: str, path: str) -> Any:
        """Raises Unavailable where there is no instance, or it is silent."""
        instance = self.instances.get(base)
        if instance is None:
            raise Unavailable(f"Traefik at {base} cannot be reached")
        try:
            return instance.get(path)
        except Silent:
            raise Unavailable(f"Traefik at {base} does not answer in time") from None

    def close(self) -> None:
        """Nothing to close."""
