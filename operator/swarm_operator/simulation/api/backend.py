"""What the handlers of one engine's API work on: the model, and which of its nodes this is."""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.api.engine_versions import newest_of
from swarm_operator.simulation.api.event_subscription import EventSubscription
from swarm_operator.simulation.api.message import ApiRequest, ApiVersion
from swarm_operator.simulation.api.renderings import Renderings
from swarm_operator.simulation.engine.control import Control
from swarm_operator.simulation.engine.errors import ApiError, Code, refused
from swarm_operator.simulation.engine.events import EventRing
from swarm_operator.simulation.engine.images import ImageLibrary
from swarm_operator.simulation.engine.records import NodeRecord
from swarm_operator.simulation.engine.store import Store
from swarm_operator.simulation.timeline import Timeline

NOT_MANAGER: Final = (
    "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. "
    "Please run this command on a manager node or promote the current node to a manager."
)
NO_LEADER: Final = (
    "The swarm does not have a leader. It's possible that too few managers are online. Make sure "
    "more than half of the managers are online."
)


class Model(Protocol):
    """The part of the engine model that its API is a face of."""

    @property
    def store(self) -> Store: ...

    @property
    def timeline(self) -> Timeline: ...

    @property
    def control(self) -> Control: ...

    @property
    def events(self) -> EventRing: ...

    @property
    def images(self) -> ImageLibrary: ...

    @property
    def cluster_id(self) -> str: ...

    @property
    def leadership(self) -> str:
        """led, electing or lost."""
        ...

    @property
    def cut_off(self) -> "Mapping[str, Model]":
        """What managers see that were cut off from the others, by their ids."""
        ...


class Backend:
    """One engine of the swarm."""

    def __init__(
        self, model: Model, node_id: str, rendered: Renderings, *, has_majority: bool = True
    ) -> None:
        """Without a majority a leader may answer what it is asked, but nothing can be written."""
        self.model = model
        self._has_majority = has_majority
        self.node_id = node_id
        self.rendered = rendered
        self._streams: dict[EventSubscription, None] = {}

    @property
    def node(self) -> NodeRecord | None:
        """None where the node was removed from the swarm."""
        return self.model.store.nodes.get(self.node_id)

    @property
    def is_manager(self) -> bool:
        node = self.node
        return node is not None and node.is_manager

    @property
    def engine_version(self) -> str:
        node = self.node
        return node.engine_version if node is not None else ""

    @property
    def newest_version(self) -> ApiVersion:
        return newest_of(self.engine_version)

    def version_of(self, request: ApiRequest) -> ApiVersion:
        """The API version that the request is made in."""
        return request.api_version or self.newest_version

    @property
    def swarm_status(self) -> str:
        """The header `Swarm` of a ping (moby's Cluster.Status)."""
        if self.node is None:
            return "inactive"
        return "active/manager" if self.is_manager else "active/worker"

    @property
    def trouble(self) -> str:
        """Why the swarm cannot be asked; "" where it can."""
        refusal = self._refusal()
        return refusal.message if refusal is not None else ""

    def require_swarm(self, *, is_write: bool = False) -> None:
        """Raises ApiError where the engine is no manager, the swarm has no leader, or no majority
        would agree to a write."""
        if not self.is_manager:
            raise ApiError(503, NOT_MANAGER)
        refusal = self._refusal()
        if refusal is not None:
            raise refusal
        if is_write and not self._has_majority:
            raise _gave_up_waiting()

    def _refusal(self) -> ApiError | None:
        match self.model.leadership:
            case "led":
                return None
            case "electing":  # the manager waited for a leader as long as it waits for anything
                return _gave_up_waiting()
            case _:
                return refused(Code.UNKNOWN, NO_LEADER)

    def past_events(self, since_ns: int | None) -> list[JsonObject]:
        """What the ring still has; a worker has no events of the swarm."""
        return self.model.events.past(since_ns) if self.is_manager else []

    def follow(
        self, subscription: EventSubscription, is_chosen: Callable[[JsonObject], bool]
    ) -> None:
        """Put all chosen events from now on into the subscription, until it ends."""

        def note(event: JsonObject) -> None:
            hears = self.is_manager and self.node_id not in self.model.cut_off
            if hears and is_chosen(event):
                subscription.put(event)

        self._streams[subscription] = None
        subscription.at_end(self.model.events.subscribe(note))
        subscription.at_end(lambda: self._streams.pop(subscription, None))

    def end_streams(self) -> None:
        """Every open stream of events of this engine ends now, as when its process dies."""
        for subscription in list(self._streams):
            subscription.finish()


def _gave_up_waiting() -> ApiError:
    return refused(Code.DEADLINE_EXCEEDED, "context deadline exceeded")
