"""The monitors: each watches for one or two of the design's invariants, one for what is reached."""

from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.monitors.coverage import Coverage
from tests.laws.schedules.monitors.evidence import Evidence
from tests.laws.schedules.monitors.moves import Moves
from tests.laws.schedules.monitors.no_idle_write import NoIdleWrite
from tests.laws.schedules.monitors.one_hand import OneHand
from tests.laws.schedules.monitors.permits import Permits
from tests.laws.schedules.monitors.rejections import Rejections
from tests.laws.schedules.monitors.routes import Routes
from tests.laws.schedules.monitors.secrecy import Secrecy
from tests.laws.schedules.monitors.unseen import Unseen

MONITORS: tuple[type[Monitor], ...] = (
    OneHand,
    Evidence,
    NoIdleWrite,
    Rejections,
    Secrecy,
    Unseen,
    Moves,
    Permits,
    Routes,
    Coverage,
)
