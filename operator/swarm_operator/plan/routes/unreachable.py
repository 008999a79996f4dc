"""Load balancers that have nobody to send requests to, though tasks are to run."""

from collections.abc import Iterator

from swarm_operator.plan.routes.compile import Compiled
from swarm_operator.plan.routes.servers import Surroundings
from swarm_operator.plan.routes.tree import ObjectId, Refusal, Severity, at


def unreachable(compiled: Compiled, surroundings: Surroundings) -> Iterator[Refusal]:
    """A warning for each; its subject is the load balancer."""
    for published in compiled.in_tree.values():
        for target in published.targets:
            service = ObjectId(target.protocol, "services", target.service)
            body = compiled.tree.body(service)
            if body is None or at(body, "loadbalancer", "servers"):
                continue
            if why := surroundings.why_unreachable(published, target):
                message = f"Traefik cannot reach the tasks: {why}"
                yield Refusal(published.origin, service, "Unreachable", message, Severity.WARNING)
