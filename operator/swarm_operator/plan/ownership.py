"""What is ours: the labels by which the swarm remembers who made a thing, and the questions they
answer.

On a service they stand on the service alone, never on its container or task template, so that
bookkeeping never restarts a task. On networks, configs and secrets they stand only where *we*
created the object: what was adopted is never collected.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from desired_state.records import Installation
from swarm_operator.observed.swarm import STACK_LABEL, Swarm

PREFIX: Final = "io.swarm-operator."
INSTALLATION_LABEL: Final = f"{PREFIX}installation"
"""On everything of ours: the id of the installation (of `desired/.installation`)."""

PROTECT_LABEL: Final = f"{PREFIX}protect"
"""On a service: "true" where no prune may remove it, whatever became of its document."""

ROUTES_LABEL: Final = f"{PREFIX}routes"
"""On a service: its `x-operator.routes` as JSON, so that what is published follows from what runs."""

CONTENT_LABEL: Final = f"{PREFIX}content"
"""On a secret that we created: the keyed digest of its content, as `tag()` writes it."""

ASSUMED_LABEL: Final = f"{PREFIX}assumed"
"""On a service: the tags of the contents that its adopted secrets were assumed to have, as a JSON
object by secret name. A secret cannot be read back, so the first document counts as true."""

REDEPLOYED_LABEL: Final = f"{PREFIX}redeployed"
"""On a service: the raft index of the wish for a restart that was carried out last."""

SELF_LABEL: Final = f"{PREFIX}self"
"""On the operator's own service, and on the Consul that it lives on: "true". Their stack is updated
last, and no prune removes them."""

BASE_LABEL: Final = f"{PREFIX}base"
"""On a config or secret that we created: the name that `docker stack deploy` would have given."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who we are: the installation's id, and the key of its digests."""

    installation: str
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, installation: Installation) -> "Owner":
        """The owner that a sentinel describes; a key that is no hex counts as text."""
        try:
            key = bytes.fromhex(installation.key)
        except ValueError:
            key = installation.key.encode()
        return cls(installation.installation, key or installation.installation.encode())

    def digest(self, *parts: bytes) -> str:
        """A keyed digest (HMAC-SHA-256, 32 hex digits): says "equal", gives nothing to guess."""
        mac = hmac.new(self.key, digestmod=hashlib.sha256)
        for part in parts:
            mac.update(len(part).to_bytes(8, "big"))
            mac.update(part)
        return mac.hexdigest()[:32]

    def tag(self, *parts: bytes) -> str:
        """`digest` with the key's own fingerprint in front.

        After a lost KV the key is a new one; the fingerprint tells an unequal content from a
        content that cannot be compared any more.
        """
        return f"{self.key_id}:{self.digest(*parts)}"

    @property
    def key_id(self) -> str:
        return hashlib.sha256(b"swarm-operator key id" + self.key).hexdigest()[:8]

    def comparable(self, tag: str | None) -> bool:
        """Whether a tag was made with our key."""
        return tag is not None and tag.partition(":")[0] == self.key_id

    def owns(self, labels: Mapping[str, str]) -> bool:
        """Whether this installation made (or took over) the thing with these labels."""
        return labels.get(INSTALLATION_LABEL) == self.installation

    def may_adopt(self, labels: Mapping[str, str], stack: str) -> bool:
        """Whether a thing belongs to the stack, and to no other installation."""
        if labels.get(STACK_LABEL) != stack:
            return False
        return labels.get(INSTALLATION_LABEL) in (None, self.installation)

    def labels(self) -> dict[str, str]:
        return {INSTALLATION_LABEL: self.installation}


def is_protected(labels: Mapping[str, str]) -> bool:
    """Whether no prune and no tombstone may remove the service."""
    return "true" in (labels.get(PROTECT_LABEL), labels.get(SELF_LABEL))


def own_stacks(swarm: Swarm) -> frozenset[str]:
    """The stacks that the operator itself is part of."""
    return frozenset(
        service.stack
        for service in swarm.services
        if service.stack is not None and service.labels.get(SELF_LABEL) == "true"
    )
