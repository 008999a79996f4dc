"""What the controller remembers of the stacks' specs, and its durable part in the KV."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from desired_state.records import SpecMemory, SpecRecord
from swarm_operator.plan.drift import ServiceMemory


@dataclass(slots=True)
class Memory:
    """Per stack and service. Times are of this process; digests and rejections outlive it."""

    _stacks: dict[str, dict[str, ServiceMemory]] = field(default_factory=dict)

    def of(self, stack: str) -> Mapping[str, ServiceMemory]:
        return self._stacks.get(stack, {})

    def load(self, stack: str, record: SpecMemory) -> None:
        """Take over what an earlier holder of the lease noted."""
        self._stacks[stack] = {
            name: ServiceMemory(
                sent=spec.sent, version=spec.version, rejected=spec.rejected, reason=spec.reason
            )
            for name, spec in record.services.items()
        }

    def remember(self, stack: str, memories: Mapping[str, ServiceMemory]) -> None:
        self._stacks.setdefault(stack, {}).update(memories)

    def in_step(self, stack: str, wishes: Mapping[str, str]) -> None:
        """These services are as wished: whatever was noted about other wishes is over.

        When a field was put back, and what was contested, is kept: a tug-of-war looks settled each
        time that we win.
        """
        services = self._stacks.setdefault(stack, {})
        for name, wish in wishes.items():
            memory = services.get(name, ServiceMemory())
            services[name] = replace(memory, sent=wish, rejected="", reason="")

    def keep_only(self, stack: str, names: frozenset[str]) -> None:
        """Forget services that are not in the document any more."""
        services = self._stacks.get(stack, {})
        for name in services.keys() - names:
            del services[name]

    def retry(self, stack: str, service: str | None) -> None:
        """A person asks for another try: of one service by its full name, or of all."""
        services = self._stacks.get(stack, {})
        for name in services:
            if service in (None, name):
                services[name] = ServiceMemory()

    def forget(self, stack: str) -> None:
        self._stacks.pop(stack, None)

    def clear(self) -> None:
        self._stacks.clear()

    def record(self, stack: str) -> SpecMemory:
        """The durable part."""
        return SpecMemory(
            services={
                name: SpecRecord(
                    sent=memory.sent,
                    version=memory.version,
                    rejected=memory.rejected,
                    reason=memory.reason,
                )
                for name, memory in sorted(self.of(stack).items())
                if memory.sent or memory.rejected
            }
        )
