"""The addresses that nodes have in a zone, by the records of their own names there."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, get_args

from desired_state.dns_forms import DnsBinding, Family
from swarm_operator.observed.dns import Question
from swarm_operator.observed.swarm import Node
from swarm_operator.plan.dns.addresses import (
    Sources,
    is_decided,
    name_to_ask,
    names_in_zone,
    names_of_a_wildcard,
)
from swarm_operator.runtime.dns.node_records import NodeRecords
from swarm_operator.runtime.dns.server_desk import ServerDesk

_FRESH_S: Final = 60.0
_AGAIN_S: Final = 2.0
_PATIENCE_S: Final = 10.0
"""So long is waited for name servers that do not answer."""


@dataclass(slots=True)
class LookUps:
    """Asks the zone's name servers for those nodes of which no better source knows an address."""

    servers: ServerDesk
    records: NodeRecords
    """At the zones' providers: where name servers are silent."""
    _known: dict[Question, tuple[str, ...]] = field(default_factory=dict)
    _first_asked: dict[Question, float] = field(default_factory=dict)
    _answered: set[str] = field(default_factory=set)
    """Zones whose name servers said something since this process began."""
    _given_up: set[Question] = field(default_factory=set)
    """Patience with these ended: what Swarm reports goes until there is an answer."""

    def forget(self) -> None:
        """At a take-over: an address of an earlier term may be another one by now."""
        self._known, self._first_asked, self._given_up = {}, {}, set()

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

        Where no name server answers for some seconds, the zone's provider is asked. Where something
        was written, an answer is waited for as long as it takes: a slow one must not change an
        address. Not so where the zone's name servers never said anything (a closed port), its provider
        does not either, and the node is none of those at which the name points (`points_at`, host
        names): it would never leave a node that is gone.
        """
        found: dict[tuple[str, Family], tuple[str, ...]] = {}
        is_pending = False
        for question, node in self._questions(binding, nodes, known):
            values = self._values(question, now, is_waited_for=True)
            is_silent = values is None and now >= self._first_asked[question] + _PATIENCE_S
            if is_silent:
                values = self.records.values(question, binding.provider, now)
            if values is not None:
                found[question.fqdn, question.type] = values  # type: ignore[index]
            elif question in self._given_up:
                continue
            elif (
                not is_silent
                or self.records.is_expected(question, binding.provider, now)
                or (was_written and (question.zone in self._answered or node.hostname in points_at))
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

    def look_ahead(
        self, zone: str, bindings: Collection[DnsBinding], nodes: Iterable[Node], known: Sources,
        now: float,
    ) -> None:  # fmt: skip
        """Ask for each node at which one of a zone's names may have to point some day, so that none
        has to wait then: once for all its names, as they differ only in their own maps."""
        families = [
            (family, _mapped_by_all(family, following))
            for family in get_args(Family)
            if (following := [each for each in bindings if family in each.types])
        ]
        for node in nodes:
            name = names_in_zone(node, zone)
            for family, mapped in families if name is not None else ():
                if node.hostname not in mapped and not is_decided(node, family, (), known):
                    self._values(Question(zone, name or "", family), now)

    def _questions(
        self, binding: DnsBinding, nodes: Iterable[Node], known: Sources
    ) -> Iterator[tuple[Question, Node]]:
        """Of nodes that have a name in the zone, where no source that goes before knows an address."""
        for node in nodes:
            for family in binding.families if binding.type is None else ():
                name = name_to_ask(node, family, binding, known)
                if name is not None:
                    yield Question(binding.zone, name, family), node

    def _values(
        self, question: Question, now: float, *, is_waited_for: bool = False
    ) -> tuple[str, ...] | None:
        """The record of exactly this name; what a wildcard of the zone says of every name is nothing.
        None while it is not known."""
        values = self._heard(question, now, is_waited_for=is_waited_for)
        if not values:
            return values
        for other in names_of_a_wildcard(question.fqdn):
            beside = question._replace(fqdn=other)
            answer = self._heard(beside, now, is_waited_for=is_waited_for)
            if answer is None:
                return None
            if set(answer) != set(values):
                return values
        return ()

    def _heard(
        self, question: Question, now: float, *, is_waited_for: bool
    ) -> tuple[str, ...] | None:
        heard = self.servers.heard(question)
        if heard is not None and heard.said:
            self._known[question] = heard.said[0].values
            self._answered.add(question.zone)
        self._first_asked.setdefault(question, now)
        known = self._known.get(question)
        every = _FRESH_S if heard is not None and heard.said else _AGAIN_S
        if heard is None or now >= heard.at + every:
            self.servers.ask(question, is_waited_for=is_waited_for and known is None)
        return known


def _mapped_by_all(family: Family, bindings: Iterable[DnsBinding]) -> frozenset[str]:
    """Host names of nodes whose address each of them says itself."""
    is_colon = family == "AAAA"
    return frozenset.intersection(
        *(
            frozenset(
                host
                for host, addresses in binding.addresses.items()
                if any((":" in address) == is_colon for address in addresses)
            )
            for binding in bindings
        )
    )
