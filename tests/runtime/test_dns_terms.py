"""What an earlier term, or a moment without trust, must leave behind; and what an account's zones share."""

from collections import deque

import pytest

from tests.runtime.dns_lab import ADDRESSES, DOWN, ZONE, DnsLab, Operator, wish
from tests.runtime.test_dns_sources import started

ANOTHER = "51.75.77.7"


def stands_by(operator: Operator) -> None:
    operator.lease.lost("for a while")
    operator.controller.step(operator.inbox.take(0.0))


@pytest.mark.parametrize("silent", [False, True])
def test_addresses_of_an_earlier_term_are_not_believed(silent: bool) -> None:
    """While another one led, the node got another address, and the name with it. `silent`: records of
    nodes come from the provider."""
    lab = started()
    for host, address in ADDRESSES.items():
        lab.zones.hand(host, address)
    lab.servers.silent = silent
    one = lab.start()
    lab.wish(wish(addresses={}))
    lab.until(lambda: lab.zones.answers("git") == lab.where(), 30)
    lab.run(60)
    stands_by(one)
    (host,) = lab.hosts()
    held = lab.zones.pending[ZONE]
    held[:] = [record for record in held if record.name not in {host, "git"}]
    lab.zones.hand(host, ANOTHER)
    lab.zones.hand("git", ANOTHER)
    status = lab.status()
    update = {"written": (ANOTHER,), "wanted": (ANOTHER,)}
    records = {"A": status.records["A"].model_copy(update=update)}
    lab.put_status(status.model_copy(update={"records": records}))
    lab.run(400)
    assert one.lease.fence(lab.timeline.now) is not None
    assert lab.zones.answers("git") == [ANOTHER]
    assert lab.zones.count("put") == 0


def test_what_is_unbound_while_the_swarm_is_not_trusted_goes_afterwards() -> None:
    """Also where no other name is left that would have the swarm looked at."""
    lab = started()
    one = lab.start()
    lab.wish(wish(policy="sync"))
    lab.until(lab.settled, 30)
    one.swarm.error = DOWN
    lab.run(10)
    lab.wish()
    lab.run(10)
    assert lab.zones.answers("git"), "nothing is taken away meanwhile"
    one.swarm.error = None
    lab.until(lambda: not lab.zones.answers("git"), 15)
    reads = one.swarm.reads
    lab.run(600)
    assert one.swarm.reads == reads, "nobody needs the swarm any more"


def test_the_zones_of_an_account_share_its_budget() -> None:
    """Forty requests at once, and forty a minute."""
    lab = DnsLab()
    lab.service()
    lab.run(5)
    zones = tuple(f"z{number}.example" for number in range(10))
    lab.accounts["first"] = (lab.zones, zones)
    moments: deque[float] = deque()
    most = 0

    def note(_kind: str) -> None:
        nonlocal most
        moments.append(lab.timeline.now)
        while moments[0] <= lab.timeline.now - 60:
            moments.popleft()
        most = max(most, len(moments))

    lab.zones.before_call = note
    lab.start()
    lab.wish(*(wish(f"git{number}", zone=zone) for zone in zones for number in range(4)))
    lab.run(400)
    assert all(
        lab.zones.answers(f"git{number}", zone=zone) for zone in zones for number in range(4)
    )
    assert 40 < most <= 80
