"""What the documents, the policy and the swarm say of each service's tasks: may they be moved, how."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from swarm_operator.observed.json import dig
from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.plan.compose.specs import DesiredService, StackSpecs
from swarm_operator.plan.ownership import SELF_LABEL, Owner
from swarm_operator.plan.rebalance.mobility import Default, How, Mobility, Wish, mobility

_OWN_IMAGES: Final = frozenset({"swarm-operator", "consul"})
"""Names of images, without registry and tag, that are taken for the operator and its Consul even
where nobody labelled them."""


@dataclass(frozen=True, slots=True)
class _Known:
    live: Service
    desired: DesiredService
    default: Default
    mobility: Mobility
    is_sure: bool
    """Whether nothing is open: what an image declares may be seen later."""


@dataclass(slots=True)
class Mobilities:
    """How each service's tasks may be moved; what was found of a service holds for as long as it and
    its document are the very same objects.

    `image_volumes` is asked only where the answer decides.
    """

    image_volumes: Callable[[str], bool | None]
    _known: dict[str, _Known] = field(default_factory=dict)

    def of(
        self, swarm: Swarm, owner: Owner, stacks: Iterable[StackSpecs], default: Default
    ) -> Mapping[str, Mobility]:
        """By service id, of every service of ours that a document names; others are never moved."""
        result: dict[str, Mobility] = {}
        known: dict[str, _Known] = {}
        for specs in stacks:
            for name, desired in specs.services.items():
                live = swarm.services_by_name.get(name)
                if live is not None and owner.owns(live.labels):
                    known[live.id] = self._found(live, desired, default)
                    result[live.id] = known[live.id].mobility
        self._known = known
        return result

    def _found(self, live: Service, desired: DesiredService, default: Default) -> _Known:
        before = self._known.get(live.id)
        is_same = (
            before is not None
            and before.live is live
            and before.desired is desired
            and before.default == default
        )
        if before is not None and is_same and self._stands(before):
            return before
        wish = Wish(
            says=desired.options.rebalance,
            stop_first_in_document=dig(desired.spec, "UpdateConfig", "Order") == "stop-first",
            default=default,
            is_self=is_self(live),
        )
        found = mobility(live, wish)
        if found.how is How.FIXED:
            return _Known(live, desired, default, found, is_sure=True)
        volumes = self.image_volumes(image_of(live))
        if volumes is not None:
            found = mobility(live, replace(wish, image_volumes=volumes))
        return _Known(live, desired, default, found, is_sure=volumes is not None)

    def _stands(self, known: _Known) -> bool:
        return known.is_sure or self.image_volumes(image_of(known.live)) is None


def is_self(service: Service) -> bool:
    """Whether it is the operator, or the Consul that the operator lives on."""
    return service.labels.get(SELF_LABEL) == "true" or image_name(service) in _OWN_IMAGES


def image_name(service: Service) -> str:
    """Of the image, without registry, path, tag and digest."""
    return image_of(service).partition("@")[0].rpartition("/")[2].partition(":")[0]


def image_of(service: Service) -> str:
    image = dig(service.spec, "TaskTemplate", "ContainerSpec", "Image")
    return image if isinstance(image, str) else ""
