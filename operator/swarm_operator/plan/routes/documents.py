"""What a document of `desired/routes/` publishes."""

from dataclasses import replace

from desired_state.keys import DESIRED, ROUTES
from desired_state.problems import DocumentRefused, Problem
from desired_state.problems import Severity as ProblemSeverity
from desired_state.route_documents import SECTIONS, RouteDocument
from desired_state.yaml_tree import YamlDocument
from swarm_operator.plan.routes.check import without_empty
from swarm_operator.plan.routes.dynamic_configuration import (
    DynamicConfiguration,
    Fault,
    YamlPath,
)
from swarm_operator.plan.routes.published import Published
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.template_functions import normalize
from swarm_operator.plan.routes.terse import Terse, twice
from swarm_operator.plan.routes.tree import (
    PROTOCOLS,
    Origin,
    Refusal,
    RouteObject,
    RouteTree,
    Severity,
)


def owner_of_document(name: str) -> str:
    """The owner that a document is: its key."""
    return f"{DESIRED}{ROUTES}{name}"


def read_document(name: str, value: bytes, settings: RouteSettings) -> Published:
    """What the document of the key `desired/routes/<name>` publishes."""
    owner = owner_of_document(name)
    origin = Origin(None, owner, owner)
    result = Published(owner=owner, origin=origin)
    try:
        document = RouteDocument.parse(name, value)
    except DocumentRefused as refused:
        return replace(result, refusals=tuple(_refusal(origin, each) for each in refused.problems))
    return _Reading(document, name, origin, settings).published(result)


def _refusal(origin: Origin, problem: Problem) -> Refusal:
    place = origin.at(f"line {problem.line}") if problem.line is not None else origin
    hint = f"; {problem.hint}" if problem.hint else ""
    message = f"{problem.path}: {problem.message}{hint}" if problem.path else problem.message + hint
    is_error = problem.severity is ProblemSeverity.ERROR
    severity = Severity.ERROR if is_error else Severity.WARNING
    return Refusal(place, None, "BadDocument", message, severity)


class _Reading:
    """One document that has the right form."""

    def __init__(
        self, document: RouteDocument, name: str, origin: Origin, settings: RouteSettings
    ) -> None:
        self.document = document
        self.name = normalize(name)
        self.origin = origin
        self.settings = settings

    def published(self, result: Published) -> Published:
        terse = Terse(self.settings, self.name)
        entries = self.document.routes
        terse.add(entries, [self._entry(index) for index in range(len(entries))])
        dynamic = DynamicConfiguration(self.name)
        for protocol in PROTOCOLS:
            if protocol in SECTIONS and protocol in self.document.dynamic:
                dynamic.read(protocol, self.document.dynamic[protocol])
        places = {where: self._at(path) for where, path in dynamic.places.items()}
        objects = list(terse.objects)
        objects += (RouteObject(key, body, places[key, ()]) for key, body in dynamic.bodies.items())
        refusals = (*map(self._fault, dynamic.faults), *twice(objects))
        if not refusals:
            return replace(result, tree=RouteTree.of(objects), places=places)
        once = {item.id: item for item in objects}
        draft = RouteTree.of(without_empty(once.values()))
        return replace(result, refusals=refusals, draft=replace(result, tree=draft, places=places))

    def _fault(self, fault: Fault) -> Refusal:
        last = fault.path[-1]
        message = f"{last} {fault.message}" if isinstance(last, str) else fault.message
        return Refusal(self._at(fault.path), fault.subject, fault.reason, message)

    def _entry(self, index: int) -> Origin:
        source: YamlDocument = self.document.source
        listed = isinstance(source.root["routes"], list)
        return self._at(("routes", index) if listed else ("routes",))

    def _at(self, path: YamlPath) -> Origin:
        line, _ = self.document.source.place(path)
        return self.origin.at(f"line {line}")
