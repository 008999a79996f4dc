"""The generation stamp: a middleware that no router names, whose one header holds a digest of all our
keys, and which changes in the same transaction as they do.

It is three things at once: what keeps Traefik's "empty configuration is skipped" from holding on to
the last route; the proof that an instance reads the KV at all; and, read back from an instance's API,
which of our writes it has applied. No request ever carries the header.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from swarm_operator.plan.routes.tree import ObjectId

HEADER: Final = "X-Swarm-Operator-Generation"
_BITS: Final = (1 << 256) - 1


@lru_cache(maxsize=64)
def stamp_object(installation: str) -> ObjectId:
    """The middleware; each installation has its own, so that two may share a Traefik."""
    digest = hashlib.sha256(b"swarm-operator stamp " + installation.encode()).hexdigest()
    return ObjectId("http", "middlewares", f"swarm-operator-{digest[:8]}")


@lru_cache(maxsize=64)
def stamp_key(installation: str) -> str:
    """The stamp's one key, relative to Traefik's root."""
    return f"{stamp_object(installation).path}/headers/customresponseheaders/{HEADER}"


@dataclass(frozen=True, slots=True)
class Content:
    """A set of keys with their values, as a sum that each of them can be taken out of again."""

    total: int = 0

    @classmethod
    def of(cls, keys: Mapping[str, bytes]) -> "Content":
        return cls(sum(_weight(key, value) for key, value in keys.items()) & _BITS)

    def with_key(self, key: str, value: bytes) -> "Content":
        return Content(self.total + _weight(key, value) & _BITS)

    def without_key(self, key: str, value: bytes) -> "Content":
        return Content(self.total - _weight(key, value) & _BITS)

    @property
    def generation(self) -> str:
        """32 hexadecimal digits; equal for equal keys and values, whatever the way there."""
        return hashlib.sha256(self.total.to_bytes(32, "big")).hexdigest()[:32]


@lru_cache(maxsize=1 << 15)
def _weight(key: str, value: bytes) -> int:
    name = key.encode()
    framed = len(name).to_bytes(8, "big") + name + value
    return int.from_bytes(hashlib.sha256(framed).digest(), "big")


def generation_in(answer: Any) -> str | None:
    """The generation that an instance has applied, in its answer to
    `/api/http/middlewares/<stamp>@consul`; None where the answer has none."""
    headers = answer.get("headers") if isinstance(answer, dict) else None
    values = headers.get("customResponseHeaders") if isinstance(headers, dict) else None
    if not isinstance(values, dict):
        return None
    found = next((each for name, each in values.items() if name.lower() == HEADER.lower()), None)
    return found if isinstance(found, str) else None
