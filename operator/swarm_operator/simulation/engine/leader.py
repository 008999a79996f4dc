"""What a manager runs while it leads: SwarmKit's manager/manager.go, becomeLeader."""

from swarm_operator.simulation.engine.agents import Agents
from swarm_operator.simulation.engine.allocator import Allocator
from swarm_operator.simulation.engine.component import Component, Kit
from swarm_operator.simulation.engine.dispatcher import Dispatcher
from swarm_operator.simulation.engine.enforcer import ConstraintEnforcer
from swarm_operator.simulation.engine.global_services import GlobalOrchestrator
from swarm_operator.simulation.engine.jobs import JobsOrchestrator
from swarm_operator.simulation.engine.reaper import TaskReaper
from swarm_operator.simulation.engine.replicated import ReplicatedOrchestrator
from swarm_operator.simulation.engine.scheduler import Scheduler


def components(kit: Kit, agents: Agents) -> list[Component]:
    """New ones: what the former leader's held in memory is lost. They begin in this order."""
    return [
        Dispatcher(kit, agents),
        Allocator(kit),
        ReplicatedOrchestrator(kit),
        GlobalOrchestrator(kit),
        JobsOrchestrator(kit),
        TaskReaper(kit),
        ConstraintEnforcer(kit),
        Scheduler(kit),
    ]
