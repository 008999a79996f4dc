"""All cases, in the order in which they are run: what it takes longest to recover from comes last."""

from collections.abc import Callable, Mapping
from typing import Final

from tests.bench.routes import changes, faults, moves, updates
from tests.bench.routes.floor import Floor
from tests.bench.routes.row import Row

Case = Callable[[Floor, str], list[Row]]

ALL: Final[Mapping[str, Case]] = {
    "blue/green, GET": changes.blue_green,
    "rolling update stop-first, POST 300 ms": updates.rolling("stop-first"),
    "rolling update start-first, POST 300 ms": updates.rolling("start-first"),
    "rolling update of host ports, POST 300 ms": updates.host_ports,
    "one replica stop-first, GET": updates.one_replica,
    "scale 4 → 2, POST 300 ms": changes.scale_down,
    "scale to 0, GET": changes.scale_to_zero,
    "one router name in two stacks, GET": changes.one_name_twice,
    "last route goes, GET": changes.last_route,
    "KV wiped, GET": faults.kv_wiped,
    "node powered off, GET 20 ms": faults.node_off,
    "tasks moved home, POST 300 ms": moves.moves(300, 40, control=False),
    "tasks moved home, POST 3 s": moves.moves(3000, 40, control=True),
}
