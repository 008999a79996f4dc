"""A routed service's task is moved: nobody is sent to the old one when it is told to stop."""

from collections.abc import Callable

from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.plan.rebalance.moves import Move
from swarm_operator.plan.rebalance.objective import Change as Gain
from swarm_operator.plan.rebalance.start import Limits
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.runtime.mover import Mover
from swarm_operator.runtime.withdrawal import NothingPublished, Withdrawal
from swarm_operator.simulation.engine.records import TaskRecord, TaskState
from swarm_operator.simulation.engine.store import Change
from tests.runtime.fakes import TimelineClock
from tests.runtime.routes_lab import Process, RoutesLab

DRAIN_S = 4.0
NODES = ("m1", "w1", "w2", "w3")


class Watch:
    """Counts tasks that are told to stop while an instance sends requests to them, or did so within
    the time that a request may take."""

    def __init__(self, lab: RoutesLab) -> None:
        self._lab = lab
        self._seen_at: dict[str, float] = {}
        self.stopped = 0
        self.too_early: list[str] = []
        lab.world.engine.store.observe(self._note)

    def look(self) -> None:
        text = "".join(str(each.applied.tree) for each in self._lab.instances)
        for task in self._lab.hands.read().tasks:
            if task.id in text:
                self._seen_at[task.id] = self._lab.timeline.now

    def _note(self, change: Change) -> None:
        new, old = change.new, change.old
        if not isinstance(new, TaskRecord) or not isinstance(old, TaskRecord):
            return
        if old.desired_state is TaskState.RUNNING < new.desired_state:
            self.stopped += 1
            last = self._seen_at.get(new.id, -1000.0)
            if self._lab.timeline.now < last + DRAIN_S - 0.1:
                self.too_early.append(new.id)


def moved(withdrawal: Callable[[Process], Withdrawal], replicas: int) -> tuple[RoutesLab, Watch]:
    """A world in which one task went to the node that had none."""
    settings = RouteSettings(drain_s=DRAIN_S)
    lab = RoutesLab(versions=("3.7.15", "3.7.15"), settings=settings)
    process = lab.start()
    lab.service("shop_web", replicas=replicas)
    lab.until(lambda: lab.states("shop") == {"http/web": "live"}, 60)
    lab.run(10)
    swarm = lab.hands.read()
    service = swarm.services_by_name["shop_web"]
    hosts = {node.id: node.hostname for node in swarm.nodes}
    busy = [task.node_id for task in swarm.tasks_by_service[service.id]]
    free = next(node for node in hosts if node not in busy)
    mover = Mover(
        lab.hands,
        TimelineClock(lab.timeline),
        withdrawal(process),
        who="test",
        new_id=lambda: "move-1",
    )
    landings = frozenset(node for node in hosts if node not in busy)
    move = Move(service.id, "shop_web", str(busy[0]), free, How.DIRECTED, Gain(), landings)
    watch = Watch(lab)
    assert mover.begin(move, swarm, Limits(settle_s=3, start_s=60)) is None
    for _ in range(6000):
        lab.run(0.02)
        watch.look()
        if round(lab.timeline.now * 50) % 20 == 0:
            progress = mover.step(lab.hands.read(), lambda _labels: True)
            if progress.is_idle and not progress.wrote and mover.in_flight is None:
                break
    lab.run(20)
    now = {task.node_id for task in lab.hands.read().tasks if task.state == "running"}
    assert free in now
    assert busy[0] not in now
    return lab, watch


def test_a_task_stops_when_nobody_is_sent_to_it_any_more() -> None:
    lab, watch = moved(lambda process: process.withdrawing, 3)
    assert watch.stopped
    assert watch.too_early == []
    assert sorted(lab.servers("web")) == lab.running("shop_web")


def test_the_only_task_of_a_service_too() -> None:
    lab, watch = moved(lambda process: process.withdrawing, 1)
    assert watch.stopped
    assert watch.too_early == []
    assert lab.routes("shop")["http/web"].parked


def test_without_withdrawing_it_would_stop_too_early() -> None:
    """The control."""
    _, watch = moved(lambda _process: NothingPublished(), 3)
    assert watch.too_early
