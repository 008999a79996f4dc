"""What the DNS controller needs of the world: providers of zones, and the name servers' own word.

Every call may raise Unavailable (Throttled), Conflict, Denied (NotAuthorised) or ZoneRefused of
`swarm_operator.observed`; nothing else is expected. Nothing is tried again inside of a call: what a
failure means for the next attempt is decided where the whole is seen.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from swarm_operator.observed.dns import Answer, Capabilities, Question, Record, RrsetChange


class DnsProvider(Protocol):
    """One account at a provider, for the zones that it has."""

    @property
    def capabilities(self) -> Capabilities: ...

    def read(self, zone: str, name: str, types: Collection[str]) -> tuple[Record, ...]:
        """The records of exactly this name ("@": the zone's own) and these types, values canonical;
        `ANY`: of every type. What a wildcard of the zone answers is none of them.

        An empty answer is an answer. Conflict where records went away while they were read.
        """
        ...

    def apply(self, change: RrsetChange, may_go_on: Callable[[], bool]) -> None:
        """Sends the operations in their order; `may_go_on` is asked before each.

        LeaseLost where it said no. After any other error some may be done, the failed one too: the
        record set has to be read again before anything else is sent.
        """
        ...

    def publish(self, zone: str) -> None:
        """Makes what was applied to the zone served. Nothing to do where that is so at once."""
        ...

    def sent(self) -> int:
        """How many requests were sent since the last question, for the budget."""
        ...


class NameServers(Protocol):
    """The authoritative name servers of a zone, asked directly and without a cache."""

    def ask_all(
        self,
        questions: Sequence[Question],
        tell: Callable[[Question, tuple[Answer, ...]], None],
    ) -> None:
        """Ask side by side; returns when all are answered, or given up after some seconds.

        `tell` is called in this thread for each question as soon as all servers of its zone said
        something or were given up: one answer for each of them, none where nobody knows who they are.
        """
        ...
