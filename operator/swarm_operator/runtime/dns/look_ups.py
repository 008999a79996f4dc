"""The addresses that nodes have in a zone, by the records of their own names there."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from desired_state.dns_forms import DnsBinding, Family
from swarm_operator.observed.swarm import Node
from swarm_operator.plan.dns.addresses import Found, Sources, address_of, names_in_zone
from swarm_operator.runtime.dns.server_desk import Question, ServerDesk

_FRESH_S: Final = 60.0
_AGAIN_S: Final = 2.0
_PATIENCE_S: Final = 10.0
"""So long is waited for name servers that do not answer, where nothing was written yet."""


@dataclass(slots=True)
class LookUps:
    """Asks the zone's name servers for those nodes of which no better source knows an address."""

    servers: ServerDesk
    _known: dict[Question, tuple[str, ...]] = field(default_factory=dict)
    _first_asked: dict[Question, float] = field(default_factory=dict)

    def sources(
        self,
        binding: DnsBinding,
        nodes: Iterable[Node],
        documents: dict[str, tuple[str, ...]],
        now: float,
        *,
        was_written: bool,
    ) -> Sources | None:
        """Everything known about these nodes; None while an answer is still to come."""
        found: dict[tuple[str, Family], tuple[str, ...]] = {}
        is_pending = False
        for node in nodes:
            for family in binding.families if binding.type is None else ():
                question = self._question(binding, node, family, documents)
                if question is None:
                    continue
                values = self._values(question, now)
                if values is not None:
                    found[question.fqdn, family] = values
                elif was_written or now < self._first_asked[question] + _PATIENCE_S:
                    is_pending = True
        return None if is_pending else Sources(documents, found)

    def _question(
        self,
        binding: DnsBinding,
        node: Node,
        family: Family,
        documents: dict[str, tuple[str, ...]],
    ) -> Question | None:
        """None where a source that goes before knows it, or the node has no name in the zone."""
        name = names_in_zone(node, binding.zone)
        if name is None or name == binding.fqdn:
            return None
        known = address_of(node, family, binding, Sources(documents))
        if isinstance(known, Found) and known.source != "what Swarm reports":
            return None
        return Question(binding.zone, name, family)

    def _values(self, question: Question, now: float) -> tuple[str, ...] | None:
        heard = self.servers.heard(question)
        if heard is not None and heard.said:
            self._known[question] = heard.said[0].values
        self._first_asked.setdefault(question, now)
        every = _FRESH_S if heard is not None and heard.said else _AGAIN_S
        if heard is None or now >= heard.at + every:
            self.servers.ask(question)
        return self._known.get(question)
