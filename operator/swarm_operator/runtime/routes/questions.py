"""What is asked of Traefik's instances, and what the controller goes by of what they say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.routes.fields import OLDEST, Version, version_of
from swarm_operator.plan.routes.instances import instance_urls
from swarm_operator.plan.routes.stamp import stamp_object
from swarm_operator.plan.routes.states import Instances
from swarm_operator.plan.routes.tree import ObjectId, RouteTree, Value
from swarm_operator.runtime.routes.root import Root
from swarm_operator.runtime.routes.server_states import servers_by_service
from swarm_operator.runtime.routes.surroundings import RouteSurroundings
from swarm_operator.runtime.routes.traefik_instances import Wanted

ASK_FIRST_S: Final = 3.0
"""So long after a take-over nothing is decided before the instances told their version."""


@dataclass(slots=True)
class Questions:
    """Of one controller to all instances. It waits for no answer: what came is there at the next step."""

    around: RouteSurroundings
    root: Root
    _version: Version | None = None
    """The oldest that was told last."""
    _began: float = 0.0
    _servers: tuple[RouteTree | None, Mapping[ObjectId, Value]] = (None, {})
    """What is written, and its servers by service."""

    def begin(self, version: str, now: float) -> None:
        """At a take-over; `version` is the oldest as an earlier holder noted it, or ""."""
        self._version, self._began = version_of(version), now

    def end(self) -> None:
        """Nothing is asked any more."""
        self.around.instances.want(Wanted())

    def written(self, tree: RouteTree) -> None:
        """Take in what the instances are to serve, for the question which servers are up."""
        if self._servers[0] is not tree:
            self._servers = tree, servers_by_service(tree)

    def ask(self, swarm: Swarm) -> None:
        """Whoever runs now, for what lies there now."""
        plan = self.around.plan
        urls = instance_urls(swarm, plan.service, plan.api)
        stamp = stamp_object(self.root.installation).name
        self.around.instances.want(Wanted(urls, stamp, self.root.generation, self._servers[1]))

    def answers(self) -> Instances:
        """As far as they came."""
        changes = self.root.changes
        return Instances(self.around.instances.seen, changes is None or changes.is_stamped)

    def must_be_asked_first(self, now: float) -> bool:
        """What is written depends on the oldest version: it must not change at each start."""
        seen = self.around.instances.seen.values()
        is_new = any(each.answered_at is None and not each.error for each in seen)
        return is_new and now < self._began + ASK_FIRST_S

    def version(self) -> Version:
        """The oldest that runs; of nobody to ask, what was known last. That counts too while somebody has
        not told: a field that it does not know would freeze it."""
        told = [version_of(seen.version) for seen in self.around.instances.seen.values()]
        known = [version for version in told if version is not None]
        if known and len(known) < len(told) and self._version is not None:
            known.append(self._version)
        if known:
            self._version = min(known)
        return self._version or OLDEST
