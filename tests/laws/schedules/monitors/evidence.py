"""Invariants 2 and 3: nothing goes without evidence, and nothing that is somebody else's is touched."""

from typing import TYPE_CHECKING

from desired_state import keys
from desired_state.operator_block import Prune
from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.kv import KvEntry, KvTree
from swarm_operator.observed.swarm import STACK_LABEL
from swarm_operator.plan.compose.specs import StackSpecs
from swarm_operator.plan.desired import DesiredTree, FolderVersion, read_stack, read_tree
from swarm_operator.plan.ownership import INSTALLATION_LABEL, PROTECT_LABEL, SELF_LABEL
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.engine.records import ServiceRecord
from swarm_operator.simulation.kv.http import Request, Response
from swarm_operator.simulation.kv.store import Entry
from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.monitors.journeys import is_marked

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab
    from tests.laws.schedules.process import Process

NO_EVIDENCE = "invariant 2 (nothing is removed because of what could not be read)"
NOT_OURS = "invariant 3 (only what is ours)"


class Evidence(Monitor):
    """Holds each removal against the KV's last answer to the process that removes."""

    def __init__(self, lab: "Lab") -> None:
        super().__init__(lab)
        self._answers: dict[str, tuple[Entry, ...]] = {}
        self._gone_since: dict[str, float] = {}
        """By stack: since when its folder is not in the KV."""
        self._trees: dict[str, tuple[tuple[Entry, ...], DesiredTree]] = {}
        """By process, what its last answer says; and what the folders of such trees say, by identity:
        both are asked for at every write."""
        self._read: dict[int, tuple[FolderVersion, StackSpecs | None]] = {}
        self._saw_majority: set[tuple[int, int]] = set()
        """Passes, by process and number, that were shown most of the managers as reachable."""
        self._planned: dict[int, tuple[int, DesiredTree]] = {}
        """By process: its pass, and what it had been shown when that began."""
        self._pass: tuple[str, int] = ("", 0)
        self._going: dict[str, int] = {}
        """Of this pass: services removed for their absence from the document, by stack."""
        self._had: dict[str, int] = {}

    def before_kv(self, process: "Process", request: Request) -> None:
        del request
        self._note_pass(process)

    def _note_pass(self, process: "Process") -> None:
        """At the first request of a pass: while it waits for the answer the document may change."""
        if self._planned.get(process.number, (-1,))[0] != process.steps:
            self._planned[process.number] = (process.steps, self.tree(process))

    def after_kv(self, process: "Process", request: Request, response: Response) -> None:
        if request.path == f"/v1/kv/{self.lab.ROOT}{keys.DESIRED}" and response.status in {
            200,
            404,
        }:
            answer = tuple(self.lab.kv.store.tree(self.lab.ROOT + keys.DESIRED))
            if answer != self._answers.get(process.name):
                self._answers[process.name] = answer
        made = self.lab.kv.store.get(self.lab.ROOT + keys.DESIRED + keys.INSTALLATION)
        if request.path == "/v1/txn" and made is not None and made.key.encode() in request.body:
            # On a virgin swarm the process makes the sentinel itself: it knows that it is there.
            self._answers[process.name] = (*self._answers.get(process.name, ()), made)
            if any(
                item.get(INSTALLATION_LABEL) == self.lab.INSTALLATION for item in self._all_labels()
            ):
                self.lab.broke(NO_EVIDENCE, f"{process.name} makes a sentinel: this swarm had one")
        self._note_folders()

    def before_write(self, process: "Process", request: ApiRequest) -> None:
        self._note_folders()
        self._note_pass(process)
        if self.tree(process).installation is None:
            self.lab.broke(NO_EVIDENCE, f"{process.name} writes without the sentinel")
        kind, _, rest = request.path.removeprefix("/").partition("/")
        if request.method == "DELETE":
            self._check_owner(process, kind, rest)
        if kind != "services":
            return
        if request.method == "DELETE":
            service = self.lab.engine.store.services.get(rest)
            if service is not None:
                self._check_removal(process, service)
        elif rest == "create":
            self._check_wanted(process, request.body)
        else:
            self._check_update(process, rest.removesuffix("/update"), request.body)

    # --- whose it is ------------------------------------------------------------------------------

    def _check_owner(self, process: "Process", kind: str, object_id: str) -> None:
        labels = self._labels(kind, object_id)
        if labels is not None and labels.get(INSTALLATION_LABEL) != self.lab.INSTALLATION:
            self.lab.broke(NOT_OURS, f"{process.name} removes {kind} {object_id} of {labels}")

    def _labels(self, kind: str, object_id: str) -> JsonObject | None:
        store = self.lab.engine.store
        match kind:
            case "services":
                service = store.services.get(object_id)
                return (service.spec.get("Labels") or {}) if service else None
            case "networks":
                network = store.networks.get(object_id)
                return (network.body.get("Labels") or {}) if network else None
            case "configs":
                config = store.configs.get(object_id)
                return (config.spec.get("Labels") or {}) if config else None
            case _:
                secret = store.secrets.get(object_id)
                return (secret.spec.get("Labels") or {}) if secret else None

    def _check_update(self, process: "Process", service_id: str, body: JsonObject) -> None:
        service = self.lab.engine.store.services.get(service_id)
        if service is None:
            return
        labels = service.spec.get("Labels") or {}
        sent = body.get("Labels") or {}
        owner, stack = labels.get(INSTALLATION_LABEL), labels.get(STACK_LABEL)
        if owner not in {None, self.lab.INSTALLATION} or stack != sent.get(STACK_LABEL):
            self.lab.broke(NOT_OURS, f"{process.name} writes to {service.name} of {labels}")
        if not is_marked(service):  # a move is ended, whatever became of the document
            self._check_wanted(process, body)

    def _check_wanted(self, process: "Process", body: JsonObject) -> None:
        """What is written is in a document that the process was shown, now or when its pass began."""
        stack = (body.get("Labels") or {}).get(STACK_LABEL, "")
        shown = (self.tree(process), self._planned[process.number][1])
        found = [specs for tree in shown if (specs := self._specs(tree, stack)) is not None]
        if not any(body["Name"] in specs.services for specs in found):
            self.lab.broke(NOT_OURS, f"{process.name} writes {body['Name']}: in no document of its")

    # --- whether it may go ------------------------------------------------------------------------

    def _check_removal(self, process: "Process", service: ServiceRecord) -> None:
        labels = service.spec.get("Labels") or {}
        stack = labels.get(STACK_LABEL, "")
        if "true" in (labels.get(PROTECT_LABEL), labels.get(SELF_LABEL)):
            self.lab.broke(NO_EVIDENCE, f"{service.name} is protected, and removed")
        if not self._has_majority(process):
            self.lab.broke(NO_EVIDENCE, f"{service.name} is removed while no manager leads")
        tree = self.tree(process)
        if not tree.is_removed(stack) and not self._grace_is_over(tree, stack):
            self._check_pruning(process, service, stack, tree)

    def _has_majority(self, process: "Process") -> bool:
        """A manager that was cut off a moment ago does not know that yet; nor does it get anything
        done, so that a removal comes to nothing there. But who removes must have asked it in this very
        pass: what an earlier one was shown is no evidence."""
        this_pass = (process.number, process.steps)
        return self.lab.engine.leadership == "led" or this_pass in self._saw_majority

    def read(self, process: "Process", request: ApiRequest, response: ApiResponse) -> None:
        self._note_pass(process)
        if request.path == "/nodes":
            managers = [node["ManagerStatus"] for node in response.body if "ManagerStatus" in node]
            reachable = sum(status["Reachability"] == "reachable" for status in managers)
            if 2 * reachable > len(managers):
                self._saw_majority.add((process.number, process.steps))

    def _grace_is_over(self, tree: DesiredTree, stack: str) -> bool:
        if stack in tree.folders or tree.policy.prune_stacks != "auto":
            return False
        gone_since = self._gone_since.get(stack)
        # A hair of tolerance: the process counts from when it saw the folder gone.
        return gone_since is not None and self.lab.now - gone_since >= tree.policy.grace_s - 0.1

    def _check_pruning(
        self, process: "Process", service: ServiceRecord, stack: str, tree: DesiredTree
    ) -> None:
        specs = self._specs(tree, stack)
        if specs is None:
            self.lab.broke(NO_EVIDENCE, f"{service.name} is removed: its document cannot be used")
        elif service.name in specs.services:
            self.lab.broke(NO_EVIDENCE, f"{service.name} is removed: it is in the document")
        elif specs.options.prune is Prune.OFF:
            self.lab.broke(NO_EVIDENCE, f"{service.name} is removed: prune is off")
        elif not self._may_go(process, stack, specs, tree):
            self.lab.broke(NO_EVIDENCE, f"{service.name} is removed without approval")

    def _may_go(self, process: "Process", stack: str, specs: StackSpecs, tree: DesiredTree) -> bool:
        """Counts what goes in this pass, against what the stack had when it began."""
        if self._pass != (process.name, process.steps):
            self._pass = (process.name, process.steps)
            self._going.clear()
            self._had.clear()
        self._had.setdefault(stack, self._owned(stack))
        self._going[stack] = self._going.get(stack, 0) + 1
        asked = keys.RequestKey("approve", stack) in tree.requests
        if specs.options.prune is Prune.CONFIRM:
            return asked
        return asked or self._going[stack] == 1 or 2 * self._going[stack] <= self._had[stack]

    def _all_labels(self) -> list[JsonObject]:
        services = self.lab.engine.store.services.all()
        return [service.spec.get("Labels") or {} for service in services]

    def _owned(self, stack: str) -> int:
        mine = (self.lab.INSTALLATION, stack)
        return sum(
            (x.get(INSTALLATION_LABEL), x.get(STACK_LABEL)) == mine for x in self._all_labels()
        )

    # --- what the process was shown ---------------------------------------------------------------

    def tree(self, process: "Process") -> DesiredTree:
        answer = self._answers.get(process.name, ())
        known = self._trees.get(process.name)
        if known is not None and known[0] is answer:
            return known[1]
        prefix = self.lab.ROOT + keys.DESIRED
        entries = {
            entry.key.removeprefix(prefix): KvEntry(entry.value, entry.modify_index)
            for entry in answer
        }
        tree = read_tree(KvTree(1, entries))
        self._trees[process.name] = answer, tree
        return tree

    def _specs(self, tree: DesiredTree, stack: str) -> StackSpecs | None:
        folder = tree.folders.get(stack)
        if folder is None or folder.pushing is not None:
            return None
        if id(folder) not in self._read:
            self._read[id(folder)] = folder, read_stack(folder).specs
        return self._read[id(folder)][1]

    def _note_folders(self) -> None:
        prefix = self.lab.ROOT + keys.DESIRED + keys.STACKS
        there = {
            key.removeprefix(prefix).partition("/")[0] for key in self.lab.kv.store.keys(prefix)
        }
        for stack in self.lab.stacks - there:
            self._gone_since.setdefault(stack, self.lab.now)
        for stack in there:
            self._gone_since.pop(stack, None)
