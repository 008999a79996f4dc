"""What is wrong with routes, told from the documents that hold them alone: nobody is asked.

What may stand elsewhere (a middleware of another stack) is a remark. In forms of ours a fault is an error,
for nobody else reads them. In Traefik's labels it is a warning: we shall not publish the service's routes,
but a Traefik with a Swarm provider of its own may read these labels, or one of version 1, or nobody, and
a stack is not held back for what does not touch its tasks.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from desired_state.loaded import LoadedStack
from desired_state.operator_block import KEY
from desired_state.problems import Path, Problem, Severity, in_reading_order
from swarm_operator.observed.swarm import Service
from swarm_operator.plan.compose.specs import DesiredService, StackSpecs
from swarm_operator.plan.ownership import ROUTES_LABEL
from swarm_operator.plan.routes import terse_label
from swarm_operator.plan.routes.compile import compile_routes
from swarm_operator.plan.routes.documents import owner_of_document, read_document
from swarm_operator.plan.routes.fields import Version
from swarm_operator.plan.routes.keys import merged
from swarm_operator.plan.routes.label_nodes import ROOT
from swarm_operator.plan.routes.provider_names import with_own_names
from swarm_operator.plan.routes.published import Published, Servers
from swarm_operator.plan.routes.references import references
from swarm_operator.plan.routes.services import read_safely
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.tree import PROTOCOLS, ObjectId, Origin, Refusal, RouteObject
from swarm_operator.plan.routes.tree import Severity as HowMuch

NEWEST: Final[Version] = (3, 999, 0)
"""Knows every field that some Traefik 3 knows."""

_LABEL: Final = "label "
_TERSE: Final = f"{KEY}.routes"
_LINE: Final = "line "
_CHECKED_BEFORE: Final = frozenset({"BadRule", "DoubtfulRule"})
"""Of terse routes, when the document was read (`plan/compose/routes.py`)."""


@dataclass(frozen=True, slots=True)
class Readings:
    """How routes are read where nothing runs that could be asked."""

    settings: RouteSettings
    version: Version = NEWEST
    """Of the Traefik that is to read them."""
    elsewhere: Callable[[], Collection[ObjectId]] = frozenset
    """What others define, as far as that is known; asked where it makes a difference."""


def stack_problems(
    loaded: LoadedStack, specs: StackSpecs, readings: Readings
) -> tuple[Problem, ...]:
    """What is wrong with the labels and terse routes of a stack, in reading order."""
    published = [
        each
        for item in specs.services.values()
        if (each := read_safely(_service(item), readings.settings)) is not None
    ]
    keys = {f"service {item.name}": item.key for item in specs.services.values()}
    found = [*_misplaced(loaded)]
    for refusal in refusals(published, readings):
        path = _path(refusal.origin, keys, loaded)
        is_ours = KEY in path
        if is_ours and refusal.reason in _CHECKED_BEFORE:
            continue
        found.append(
            loaded.problem(path, refusal.message, None, _severity(refusal, is_ours=is_ours))
        )
    return in_reading_order(found)


def document_problems(name: str, value: bytes, readings: Readings) -> tuple[Problem, ...]:
    """What is wrong with the document of the key `desired/routes/<name>`, in reading order."""
    published = read_document(name, value, readings.settings)
    found = []
    for refusal in refusals([published], readings):
        line = refusal.origin.detail.removeprefix(_LINE)
        place = int(line) if line.isdigit() else None
        found.append(
            Problem(
                owner_of_document(name), place, None, "", refusal.message, None,
                _severity(refusal, is_ours=True),
            )
        )  # fmt: skip
    return in_reading_order(found)


def defined_in(documents: Iterable[tuple[str, bytes]], settings: RouteSettings) -> set[ObjectId]:
    """The objects that documents define; what cannot be read defines nothing."""
    return {
        item.id for name, value in documents for item in read_document(name, value, settings).tree
    }


def _service(desired: DesiredService) -> Service:
    """As it would run: terse routes are a label of it."""
    labels = dict(desired.spec.get("Labels") or {})
    if desired.options.routes:
        labels[ROUTES_LABEL] = terse_label.written(desired.options.routes)
    return Service("", 0, desired.name, {**desired.spec, "Labels": labels})


def refusals(published: Sequence[Published], readings: Readings) -> Iterator[Refusal]:
    """All that is wrong with what services or documents publish, together and each by itself; what
    others may define is a warning."""
    named = [*_named(published)]
    defined = _ids(published)
    missing = [(origin, wanted) for origin, wanted in named if wanted not in defined]
    compiled = compile_routes(
        published,
        settings=readings.settings,
        servers_of=lambda _published, _target: Servers(),
        version=readings.version,
        foreign={wanted for _, wanted in named},
    )
    yield from compiled.refused
    known = readings.elsewhere() if missing else ()
    for origin, wanted in missing:
        if wanted not in known:
            message = (
                f"names the {wanted.kind[:-1]} {wanted.name}, which is not defined here: another "
                "service must, or a document desired/routes/<name>"
            )
            yield Refusal(origin, wanted, "ReferenceMissing", message, HowMuch.WARNING)


def _named(published: Sequence[Published]) -> Iterator[tuple[Origin, ObjectId]]:
    """What they name, and where; but what is defined here in another spelling."""
    here = _ids(published)
    spelled = {merged(each) for each in here}
    for each in published:
        read = each.draft or each
        for item in read.tree:
            for wanted in references(with_own_names(item, here)):
                if wanted in here or merged(wanted) not in spelled:
                    yield read.where(item, _naming(item, wanted)), wanted


def _ids(published: Sequence[Published]) -> frozenset[ObjectId]:
    """What is defined, be it refused, or not even readable."""
    found = {item.id for each in published for item in (each.draft or each).tree}
    for each in published:
        found |= {named for refusal in each.refusals if (named := _labelled(refusal.origin.detail))}
    return frozenset(found)


def _labelled(detail: str) -> ObjectId | None:
    """The object that a label is about."""
    first, *names = detail.removeprefix(_LABEL).split(".", 4)
    protocol = next((each for each in PROTOCOLS if [each] == names[:1]), None)
    if first != ROOT or len(names) < 4 or protocol is None:
        return None
    return ObjectId(protocol, names[1].lower(), names[2])


def _naming(item: RouteObject, wanted: ObjectId) -> tuple[str, ...]:
    """The field that names it, where it is plain which."""
    if item.id.kind != "routers":
        return ()
    return ("service",) if wanted.kind == "services" else (wanted.kind,)


def _severity(refusal: Refusal, *, is_ours: bool) -> Severity:
    is_error = refusal.severity is HowMuch.ERROR and refusal.reason != "ReferenceMissing"
    return Severity.ERROR if is_error and is_ours else Severity.WARNING


def _path(origin: Origin, keys: dict[str, str], loaded: LoadedStack) -> Path:
    """Where in the Compose document it stands."""
    service = ("services", keys[origin.owner])
    if origin.detail.startswith(_LABEL):
        return (*service, "deploy", "labels", origin.detail.removeprefix(_LABEL))
    if origin.detail.startswith(_TERSE):
        index = origin.detail.removeprefix(_TERSE).strip("[]")
        routes = (*service, KEY, "routes")
        listed = (*routes, int(index)) if index.isdigit() else routes
        # A single one may be written without a list.
        is_list = any(source.depth(listed) == len(listed) for source in loaded.sources)
        return listed if is_list else routes
    return service


def _misplaced(loaded: LoadedStack) -> Iterator[Problem]:
    """Labels of containers, which nobody reads in a swarm."""
    for key, service in loaded.document.services.items():
        for label in service.labels or {}:
            if label.lower().startswith("traefik."):
                message = "is a label of the containers, which Traefik does not look at in a swarm"
                hint = "write it under deploy.labels"
                path = ("services", key, "labels", label)
                yield loaded.problem(path, message, hint, Severity.WARNING)
