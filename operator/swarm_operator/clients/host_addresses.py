"""Host names of the settings as addresses: looked up when they are used, for what they name may move."""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

_FRESH_S: Final = 30.0
_AGAIN_S: Final = 5.0
"""Before a name that was never found is looked for again: a resolver that is silent takes seconds."""


class _Found(NamedTuple):
    address: str | None
    again_at: float


class HostAddresses:
    """Thread-safe; who asks for a name that is being looked up waits for that. `look_up` gives a host's
    address, or raises OSError; by default the machine's own resolver is asked, the one that knows the
    swarm's services too."""

    def __init__(
        self,
        look_up: Callable[[str], str] | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up = look_up or _of_the_machine
        self._now = now
        self._found: dict[str, _Found] = {}
        self._locks: dict[str, threading.Lock] = {}

    def address_of(self, host: str) -> str | None:
        """An address as it is; of a name the one it had last where it cannot be looked up now. None
        where it never could."""
        if _is_address(host):
            return host
        with self._locks.setdefault(host, threading.Lock()):
            known = self._found.get(host)
            if known is None or self._now() >= known.again_at:
                known = self._found[host] = self._looked_up(host, known)
        return known.address

    def is_at_hand(self, host: str) -> bool:
        """Whether `address_of` answers without asking anybody."""
        known = self._found.get(host)
        return _is_address(host) or (known is not None and self._now() < known.again_at)

    def _looked_up(self, host: str, before: _Found | None) -> _Found:
        try:
            address: str | None = self._look_up(host)
        except OSError:
            address = before.address if before is not None else None
        return _Found(address, self._now() + (_AGAIN_S if address is None else _FRESH_S))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _of_the_machine(host: str) -> str:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except UnicodeError as error:  # a name that cannot be one
        raise OSError(str(error)) from None
    return str(found[0][4][0])
