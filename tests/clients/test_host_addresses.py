"""Host names of the settings become addresses when they are used."""

import pytest

from swarm_operator.clients.host_addresses import HostAddresses


class Resolver:
    """Knows what it was told; counts questions."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked = 0
        self.address: str | None = "192.0.2.1"
        self.hosts = HostAddresses(self.look_up, now=lambda: self.now)

    def look_up(self, host: str) -> str:
        self.asked += 1
        if self.address is None:
            raise OSError(f"{host} is not known")
        return self.address

    def after(self, seconds: float) -> str | None:
        self.now += seconds
        return self.hosts.address_of("ns1.example.org")


@pytest.mark.parametrize("address", ["192.0.2.53", "2001:db8::53"])
def test_an_address_is_nobodys_question(address: str) -> None:
    resolver = Resolver()
    assert resolver.hosts.address_of(address) == address
    assert resolver.asked == 0


def test_a_name_is_looked_up_again_and_again_but_not_each_time() -> None:
    resolver = Resolver()
    assert resolver.asked == 0
    assert resolver.after(0) == "192.0.2.1"
    resolver.address = "192.0.2.2"
    assert resolver.after(29) == "192.0.2.1"
    assert resolver.asked == 1
    assert resolver.after(2) == "192.0.2.2"


def test_what_cannot_be_looked_up_now_stays_where_it_was() -> None:
    resolver = Resolver()
    resolver.after(0)
    resolver.address = None
    assert resolver.after(40) == "192.0.2.1"


def test_what_was_never_found_is_looked_for_soon_again_but_not_at_once() -> None:
    resolver = Resolver()
    resolver.address = None
    assert resolver.after(0) is None
    assert resolver.after(1) is None
    assert resolver.asked == 1
    resolver.address = "192.0.2.1"
    assert resolver.after(5) == "192.0.2.1"


def test_the_machines_own_resolver_is_asked() -> None:
    hosts = HostAddresses()
    assert hosts.address_of("localhost") in {"127.0.0.1", "::1"}
    assert hosts.address_of("nowhere.invalid") is None
