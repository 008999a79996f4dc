"""A policy for those who cannot wait: the gates of rebalancing, as small as a demonstration wants them.

`desired_state/README.md` documents the same values.
"""

from typing import Final

from desired_state import keys
from swarm_operator.observed.kv import Put
from swarm_operator.runtime.ports import KvPort

_TEXT: Final = """\
# For a demonstration: in production the defaults are right, which wait for minutes.
rebalance:
  default: auto
  hold_off: {hold_off}
  settle: {settle}
  canary: {between}
  min_age: {min_age}
  between_moves: {between}
  moves_per_hour: 600
"""


def text(
    *, hold_off: str = "30s", between: str = "5s", settle: str = "3s", min_age: str = "10s"
) -> str:
    """The document. A shorter hold-off helps nobody: a dead worker may seem alive for 30 s. `between`
    is the pause after a move."""
    return _TEXT.format(hold_off=hold_off, between=between, settle=settle, min_age=min_age)


def push(kv: KvPort, document: str) -> None:
    """As by hand, into `desired/policy`. Raises what a KV raises."""
    kv.commit([Put(keys.DESIRED + keys.POLICY, document.encode())])
