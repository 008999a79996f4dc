"""Which moves mend what is out of balance: one at a time, each the best that is possible now, and of
equals one from which the fewest remain."""

from datetime import datetime
from typing import Final

from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.rebalance.lookahead import shortest
from swarm_operator.plan.rebalance.moves import Move, Question, moves
from swarm_operator.plan.rebalance.placement import Placement

MOVES_SHOWN: Final = 200
"""A plan for people ends here; the operator plans one move after another anyway."""


def next_move(swarm: Swarm, utc: datetime, question: Question) -> Move | None:
    """The best move that is possible now, by itself; None where there is none."""
    return next(moves(Placement(swarm, utc, returned_at=question.returned_at), question), None)


def plan_moves(
    swarm: Swarm, utc: datetime, question: Question, limit: int = MOVES_SHOWN
) -> tuple[Move, ...]:
    """The moves in order, each planned as if those before had been made."""
    return plan_from(Placement(swarm, utc, returned_at=question.returned_at), question, limit)[0]


def plan_from(
    placement: Placement, question: Question, limit: int
) -> tuple[tuple[Move, ...], Placement]:
    """The same from a placement on, with the one that follows from the moves."""
    plan = shortest(placement, question, limit)
    return plan.moves, plan.end
