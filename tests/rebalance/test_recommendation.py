"""Which of the wished moves may begin now."""

from dataclasses import replace

from desired_state.rebalance_records import RebalanceService
from swarm_operator.observed.swarm import Service
from swarm_operator.plan.rebalance.recommendation import recommend, wish
from tests.rebalance.test_gates import LONG_AGO, MANAGER, at, gates, known_node, memory, stamp
from tests.rebalance.worlds import UTC_NOW, all_movable, node, service, swarm

DRAINED = replace(MANAGER, availability="drain")
NODES = ("n1", "n2", "n3")


def test_another_wished_move_is_made_while_the_best_has_to_wait() -> None:
    """Were nothing wished of `many`, one of those on n1 would be the next; but it is to leave n1 itself,
    and then n2 is the fullest."""

    def old(name: str, replicas: int) -> Service:
        return replace(service(name, replicas), updated_at=stamp(-3600))

    services = [old("many", 4), *(old(name, 1) for name in ("a", "b", "y", "z"))]
    places = {"many": ["n2", "n2", "n1", "n1"], "a": ["n1"], "b": ["n1"], "y": ["n2"], "z": ["n2"]}
    world = swarm([DRAINED, *map(node, NODES)], services, places)
    left = {"many": RebalanceService(left_until=at(600))}
    known = {name: known_node(name) for name in ("m1", *NODES)}
    found = gates(world, memory=memory(nodes=known, services=left), watching_since=LONG_AGO)
    question = all_movable(world)
    wished = wish(world, UTC_NOW, question, found)
    assert [(move.service, move.source) for move in wished.moves] == [("many", "n1"), ("y", "n2")]
    told = recommend(world, UTC_NOW, question, wished, found)
    assert told.closed is None
    assert [move.service for move in told.why_not] == ["many"]
    assert told.next is not None
    assert (told.next.service, told.next.source, told.next.target) == ("y", "n2", "n3")
