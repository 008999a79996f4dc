"""The act of the guided tour in which a name of the DNS follows its service's task."""

from datetime import UTC, datetime
from typing import Final

from desired_state import keys
from desired_state.dns_records import DnsStatus
from desired_state.records import Tombstone
from swarm_operator.cli.demo.stage import Stage
from swarm_operator.cli.demo.workers import workers
from swarm_operator.cli.invocation import who
from swarm_operator.clients.name_servers import Server, ZoneServers
from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.kv import Delete, DeleteTree, Put
from swarm_operator.simulation.engine.records import TaskState

STACK: Final = "code"
SSH: Final = f"{STACK}_ssh"
ZONE: Final = "example.org"
NAME: Final = "git"
_FIRST: Final = "51.75.10.1"
_SECOND: Final = "51.75.10.2"
_CALLS: Final = 4


def document(first: str, second: str, where: str) -> str:
    """A service that cannot be proxied; `where`: the node that it is to run on."""
    return f"""\
services:
  ssh:
    image: code/ssh:1
    x-operator:
      dns:
        zone: {ZONE}
        name: {NAME}
        addresses: {{{first}: {_FIRST}, {second}: {_SECOND}}}
    deploy:
      placement: {{constraints: [node.hostname == {where}]}}
      restart_policy: {{delay: 1s}}
      update_config: {{order: stop-first, monitor: 1s}}
"""


def follows(stage: Stage) -> None:
    """A DNS provider with an API like OVH's and a name server are part of the world."""
    first, second = workers(stage)[:2]
    stage.does(
        f"pushes a service of one task with the name {NAME}.{ZONE}, for {first}; then for {second}; "
        "then asks for none; then removes it. A name server answers for the zone"
    )
    stage.expects(
        "the name points at the node that runs the task; it follows at once, with four requests to the "
        "provider at most; while no task runs it stays; so it does when the stack is removed"
    )
    stage.push(STACK, document(first, second, first))
    stage.until("the name is there", lambda: asked(stage) == [_FIRST], 30, lambda: _said(stage))
    stage.until("and in step", lambda: _state(stage) == "InSync", 15, lambda: _said(stage))
    before = stage.in_world(stage.faces.dns_requests.copy)
    stage.push(STACK, document(first, second, second))
    stage.until("the task runs there", lambda: _runs_on(stage, second), 40, lambda: _said(stage))
    follows_s = stage.until(
        "the name follows", lambda: asked(stage) == [_SECOND], 15, lambda: _said(stage)
    )
    stage.until("and is in step", lambda: _state(stage) == "InSync", 15, lambda: _said(stage))
    after = stage.in_world(stage.faces.dns_requests.copy).since(before)
    calls = sum(count for (_, path), count in after.seen.items() if not path.endswith("/time"))
    stage.measured(
        f"the name server says {_SECOND} {follows_s:.1f} s after the task is seen to run there; "
        f"requests to the provider: {calls}"
    )
    stage.require("four requests at most", 0 < calls <= _CALLS, calls)
    _nothing_runs(stage, first, second)
    _removed(stage)


def _nothing_runs(stage: Stage, first: str, second: str) -> None:
    before = stage.in_world(stage.faces.dns_requests.copy)
    stage.push(STACK, document(first, second, "nowhere"))
    stage.until("no task runs", lambda: stage.running(SSH) == 0, 30)
    stage.until(
        "the operator says so", lambda: _reason(stage) == "NoEndpoint", 15, lambda: _said(stage)
    )
    stage.holds("the name stays where it was", lambda: asked(stage) == [_SECOND], 1.0)
    writes = stage.in_world(stage.faces.dns_requests.copy).since(before).writes
    stage.measured(f"without a task: {_said(stage)}; writes to the provider: {writes}")
    stage.require("nothing was written", writes == 0, writes)


def _removed(stage: Stage) -> None:
    kv = stage.clients.kv
    tombstone = Tombstone(who=who(), when=datetime.now(UTC), why="the act is over")
    key = keys.DESIRED + keys.removed_key(STACK)
    kv.commit([Put(key, tombstone.encode()), DeleteTree(keys.DESIRED + keys.stack_folder(STACK))])
    stage.until("the tombstone is taken away", lambda: kv.get(key) is None, 20 + stage.engine_s(30))
    stage.require("the name stays", asked(stage) == [_SECOND], asked(stage))
    kv.commit([Delete(keys.dns_status_key(ZONE, NAME))])


def asked(stage: Stage) -> list[str]:
    """What the world's name server says, as `dig` would ask it."""
    host, _, port = stage.faces.name_server.partition(":")
    servers = ZoneServers({ZONE: [Server(host, int(port))]})
    return [value for answer in servers.ask(ZONE, f"{NAME}.{ZONE}", "A") for value in answer.values]


def _runs_on(stage: Stage, hostname: str) -> bool:
    store = stage.faces.world.engine.store

    def runs() -> bool:
        node, service = store.node_of_hostname(hostname), store.service_named(SSH)
        if node is None or service is None:
            return False
        return any(
            task.node_id == node.id
            and task.state is TaskState.RUNNING
            and task.desired_state is TaskState.RUNNING
            for task in store.tasks_of_service(service.id)
        )

    return stage.in_world(runs)


def status(stage: Stage) -> DnsStatus | None:
    """As the operator wrote it."""
    try:
        entry = stage.clients.kv.get(keys.dns_status_key(ZONE, NAME))
    except OutsideError:
        return None
    return DnsStatus.parse(entry.value) if entry is not None else None


def _state(stage: Stage) -> str:
    found = status(stage)
    return found.state if found else "(no status)"


def _reason(stage: Stage) -> str:
    found = status(stage)
    return found.reason if found else ""


def _said(stage: Stage) -> str:
    found = status(stage)
    return f"{found.state} {found.reason}: {found.message}" if found else "(no status)"
