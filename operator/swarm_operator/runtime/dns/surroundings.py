"""What the controller of names works with; a simulation gives its own."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from swarm_operator.plan.dns.budget import CHANGES_PER_HOUR
from swarm_operator.runtime.dns.account_desk import AccountDesk
from swarm_operator.runtime.dns.server_desk import ServerDesk
from swarm_operator.runtime.dns.wish_box import WishBox
from swarm_operator.runtime.ports import Clock, KvPort, LeaseView, Metrics, SwarmPort
from swarm_operator.runtime.toolbox import Identity, NameNews


@dataclass(frozen=True, slots=True)
class DnsSurroundings:
    """The thread of names has connections of its own: another controller's trouble is not its."""

    swarm: SwarmPort
    kv: KvPort
    """Below the operator's root: `status/dns/`."""
    lease: LeaseView
    clock: Clock
    rng: random.Random
    identity: Identity
    log: Any
    metrics: Metrics
    wishes: WishBox
    accounts: Mapping[str, AccountDesk]
    """By the provider's name."""
    servers: ServerDesk
    changes_per_hour: int = CHANGES_PER_HOUR
    tell: Callable[[NameNews], None] = lambda _news: None
    """Told of each change that was made, for the ring of events."""

    def account_for(self, zone: str, name: str | None) -> AccountDesk | None:
        """The account that has a zone; of several the one with this name."""
        for account in self.accounts.values():
            if zone in account.zones and name in {None, account.name}:
                return account
        return None
