"""What is to be published: every service's own wish, read once for each spec, and all of them together."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.plan.routes.compile import Compiled, compile_routes
from swarm_operator.plan.routes.documents import read_document
from swarm_operator.plan.routes.fields import Version
from swarm_operator.plan.routes.published import Previous, Published
from swarm_operator.plan.routes.servers import Surroundings
from swarm_operator.plan.routes.services import defect, guarded, read_safely
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.tree import ObjectId, Origin, RouteTree


@dataclass(slots=True)
class Publications:
    """Remembers what was read of each service and document, and who published what last."""

    settings: RouteSettings
    previous: Previous = field(default_factory=Previous)
    _services: dict[str, tuple[Service, Published | None]] = field(default_factory=dict)
    _documents: dict[str, tuple[bytes, Published]] = field(default_factory=dict)
    _last: tuple[tuple[object, ...], Compiled] | None = None

    def forget(self, previous: Previous) -> None:
        """Another hand published meanwhile; `previous` is what is known of it."""
        self.previous = previous
        self._last = None

    def remember(self, last_good: Mapping[str, Published]) -> None:
        """By owner: what is known of the past from elsewhere; what is remembered goes first."""
        known = {**last_good, **self.previous.last_good}
        self.previous = replace(self.previous, last_good=known)
        self._last = None

    def of_services(self, services: Iterable[Service]) -> tuple[Published, ...]:
        """What all the services of a swarm publish, in the order of their names."""
        known = self._services
        self._services = {
            service.id: self._read(service, known.get(service.id)) for service in services
        }
        found = [published for _, published in self._services.values() if published is not None]
        return tuple(sorted(found, key=lambda each: each.owner))

    def routed_before(self, services: Iterable[Service]) -> frozenset[str]:
        """Ids of the services that were published by the spec that each had before its own."""
        found = set()
        for service in services:
            if service.previous_spec is not None:
                before = replace(service, spec=service.previous_spec)
                if read_safely(before, self.settings) is not None:
                    found.add(service.id)
        return frozenset(found)

    def of_documents(self, documents: Mapping[str, bytes]) -> tuple[Published, ...]:
        """What the documents publish."""
        known = self._documents
        self._documents = {}
        for name, value in sorted(documents.items()):
            before = known.get(name)
            same = before is not None and before[0] == value
            if same and before is not None:
                self._documents[name] = before
                continue
            owner = f"desired/routes/{name}"
            origin = Origin(None, owner, owner)
            read = guarded(lambda v=value, n=name: read_document(n, v, self.settings), origin)  # type: ignore[misc]
            if read is not None:
                self._documents[name] = value, read
        return tuple(published for _, published in self._documents.values())

    def compiled(
        self,
        published: tuple[Published, ...],
        around: Surroundings,
        version: Version,
        foreign: Collection[ObjectId],
    ) -> Compiled:
        """All of them together; the very same answer where nothing changed."""
        swarm = around.swarm
        ids = {item.service_id for item in published} | {
            service.id
            for item in published
            for target in item.targets
            if (service := around.service_of(item, target)) is not None
        }
        asked = (
            published,
            tuple(swarm.services_by_id.get(each) for each in sorted(ids)),
            tuple(swarm.tasks_by_service.get(each, ()) for each in sorted(ids)),
            swarm.nodes,
            swarm.networks,
            around.withdrawn,
            around.shared,
            version,
            foreign,
        )
        if self._last is not None and _same(self._last[0], asked):
            return self._last[1]
        compiled = self._compile(published, around, version, foreign)
        if self._learn_earlier_specs(published, compiled, swarm):
            compiled = self._compile(published, around, version, foreign)
        self.previous = compiled.previous
        self._last = asked, compiled
        return compiled

    def _compile(
        self,
        published: tuple[Published, ...],
        around: Surroundings,
        version: Version,
        foreign: Collection[ObjectId],
    ) -> Compiled:
        def compile_these(those: Sequence[Published]) -> Compiled:
            return compile_routes(
                those,
                settings=self.settings,
                servers_of=around.servers_of,
                version=version,
                previous=self.previous,
                foreign=foreign,
            )

        try:
            return compile_these(published)
        except Exception:  # noqa: BLE001 - one's trouble stays its own
            return compile_these([_harmless(each, compile_these) for each in published])

    def _read(
        self, service: Service, before: tuple[Service, Published | None] | None
    ) -> tuple[Service, Published | None]:
        if before is not None and before[0].spec is service.spec:
            return before
        if before is not None and before[0].spec == service.spec:
            return service, before[1]
        return service, read_safely(service, self.settings)

    def _learn_earlier_specs(
        self, published: Collection[Published], compiled: Compiled, swarm: Swarm
    ) -> bool:
        """After a start nobody remembers what a refused service said before; Docker does, once.

        Returns whether anything was learned.
        """
        good = dict(self.previous.last_good)
        for item in published:
            service = swarm.services_by_id.get(item.service_id)
            known = item.owner in compiled.in_tree or item.owner in good
            if known or service is None or service.previous_spec is None:
                continue
            before = read_safely(replace(service, spec=service.previous_spec), self.settings)
            if before is not None and not before.is_refused:
                good[item.owner] = before
        learned = len(good) > len(self.previous.last_good)
        self.previous = replace(self.previous, last_good=good)
        return learned


def _harmless(
    published: Published, compile_these: Callable[[Sequence[Published]], Compiled]
) -> Published:
    """As it is where it can be compiled alone; else refused."""
    try:
        compile_these([published])
    except Exception as error:  # noqa: BLE001
        refusal = defect(published.origin, error)
        return replace(published, tree=RouteTree(), targets=(), refusals=(refusal,))
    return published


def _same(before: tuple[object, ...], now: tuple[object, ...]) -> bool:
    return all(a is b or a == b for a, b in zip(before, now, strict=True))
