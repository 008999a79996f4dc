"""Guards of the names that no other law would miss; in virtual time."""

from swarm_operator.observed.errors import Unavailable
from tests.runtime.dns_lab import DnsLab, wish


def test_what_is_done_in_part_is_not_published() -> None:
    """The record of one name was made, the other's failed: the zone is read again first."""
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start()
    posts: list[str] = []

    def fail_once(call: str) -> None:
        posts.extend([call] if call == "post" else [])
        if call == "post" and len(posts) == 2:
            raise Unavailable("status 500")

    lab.zones.before_call = fail_once
    lab.wish(wish("a"), wish("b"))
    lab.until(lambda: lab.settled("a") and lab.settled("b"))
    kinds = [call.split()[0] for call in lab.zones.calls]
    assert kinds[kinds.index("post") + 1] == "list"
    assert (kinds.count("post"), kinds.count("publish")) == (2, 1)
