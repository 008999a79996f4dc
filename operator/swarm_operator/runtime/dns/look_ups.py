"""The addresses that nodes have in a zone, by the records of their own names there."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from desired_state.dns_forms import DnsBinding, Family
from swarm_operator.observed.swarm import Node
from swarm_operator.plan.dns.addresses import (
    Found,
    NotFound,
    Sources,
    address_of,
    names_in_zone,
)
from swarm_operator.runtime.dns.server_desk import Question, ServerDesk

_FRESH_S: Final = 60.0
_AGAIN_S: Final = 2.0
_PATIENCE_S: Final = 10.0
"""So long is waited for name servers that do not answer."""
_NOBODY: Final = "no-such-name"


@dataclass(slots=True)
class LookUps:
    """Asks the zone's name servers for those nodes of which no better source knows an address."""

    servers: ServerDesk
    _known: dict[Question, tuple[str, ...]] = field(default_factory=dict)
    _first_asked: dict[Question, float] = field(default_factory=dict)
    _answered: set[str] = field(default_factory=set)
    """Zones whose name servers said something since this process began."""
    _given_up: set[Question] = field(default_factory=set)
    """Patience with these ended: what Swarm reports goes until there is an answer."""

    def sources(
        self,
        binding: DnsBinding,
        nodes: Iterable[Node],
        known: Sources,
        now: float,
        *,
        was_written: bool,
        points_at: Collection[str] = (),
    ) -> Sources | None:
        """Everything known about these nodes; None while an answer is still to come.

        Where something was written, it is waited for as long as it takes: a slow answer must not
        change an address. Not so where the zone's name servers never said anything (a closed port),
        and the node is none of those at which the name points (`points_at`, host names): it would
        never leave a node that is gone.
        """
        found: dict[tuple[str, Family], tuple[str, ...]] = {}
        is_pending = False
        for question, node in self._questions(binding, nodes, known):
            values = self._values(question, now)
            if values is not None:
                found[question.fqdn, question.type] = values  # type: ignore[index]
            elif question in self._given_up:
                continue
            elif now < self._first_asked[question] + _PATIENCE_S or (
                was_written and (question.zone in self._answered or node.hostname in points_at)
            ):
                is_pending = True
            else:
                self._given_up.add(question)
        return None if is_pending else replace(known, in_zone=found)

    def known_now(
        self, binding: DnsBinding, nodes: Iterable[Node], known: Sources, now: float
    ) -> Sources:
        """What was heard so far."""
        heard = {
            (question.fqdn, question.type): self._values(question, now)
            for question, _ in self._questions(binding, nodes, known)
        }
        in_zone = {key: values for key, values in heard.items() if values is not None}
        return replace(known, in_zone=in_zone)  # type: ignore[arg-type]

    def _questions(
        self, binding: DnsBinding, nodes: Iterable[Node], known: Sources
    ) -> Iterator[tuple[Question, Node]]:
        """Of nodes that have a name in the zone, where no source that goes before knows an address."""
        for node in nodes:
            name = names_in_zone(node, binding.zone)
            if name is None or name == binding.fqdn or binding.type is not None:
                continue
            for family in binding.families:
                match address_of(node, family, binding, replace(known, in_zone={})):
                    case Found(source=source) if source != "what Swarm reports":
                        continue
                    case NotFound(is_unknown=True):
                        continue
                yield Question(binding.zone, name, family), node

    def _values(self, question: Question, now: float) -> tuple[str, ...] | None:
        """The record of exactly this name; what a wildcard of the zone says of every name is nothing.

        A wildcard answers for names below a name only where that one does not exist (RFC 4592 2.2.1,
        3.3.1). None while it is not known.
        """
        values = self._heard(question, now)
        if not values:
            return values
        parent = question.fqdn.partition(".")[2]
        for other in (f"*.{parent}", f"{_NOBODY}.{question.fqdn}"):
            answer = self._heard(question._replace(fqdn=other), now)
            if answer is None:
                return None
            if set(answer) != set(values):
                return values
        return ()

    def _heard(self, question: Question, now: float) -> tuple[str, ...] | None:
        heard = self.servers.heard(question)
        if heard is not None and heard.said:
            self._known[question] = heard.said[0].values
            self._answered.add(question.zone)
        self._first_asked.setdefault(question, now)
        every = _FRESH_S if heard is not None and heard.said else _AGAIN_S
        if heard is None or now >= heard.at + every:
            self.servers.ask(question)
        return self._known.get(question)
