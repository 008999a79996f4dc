"""What is counted of names that two services want; what is said of those that are only watched, and of
those whose provider's credentials are not there."""

from collections import Counter

import pytest

from swarm_operator.observed.dns_errors import NotAuthorised
from tests.runtime.dns_lab import DnsLab, wish


def conflicts(lab: DnsLab) -> Counter[str]:
    counted = lab.operators[-1].metrics.counted
    return Counter(labels["kind"] for name, labels in counted if name == "dns_conflicts_total")


def test_a_name_that_another_service_has_is_counted_once_for_each_that_wants_it() -> None:
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start()
    lab.wish(wish())
    lab.until(lab.settled)
    assert conflicts(lab) == {}
    lab.wish(wish(), wish(stack="a", service="a_web"))
    lab.until(lambda: lab.status().others == ("a_web",))
    assert conflicts(lab) == {"owner": 1}
    lab.wish(wish(ttl=120), wish(stack="a", service="a_web"))
    lab.until(lab.settled)
    assert conflicts(lab) == {"owner": 1}, "it is the same one"
    lab.wish(wish(ttl=120), wish(stack="a", service="a_web"), wish(stack="b", service="b_web"))
    lab.until(lambda: lab.status().others == ("a_web", "b_web"))
    assert conflicts(lab) == {"owner": 2}


@pytest.mark.parametrize(("mode", "state"), [("observe", "Observing"), ("act", "Paused")])
def test_a_name_that_is_only_watched_says_why_nothing_would_be_written(
    mode: str, state: str
) -> None:
    """Else who follows the run book would look at an empty message for ever."""
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start(mode)
    (host,) = lab.hosts()
    lab.wish(wish(addresses={}, paused=mode == "act"))
    lab.until(lambda: lab.state() == f"{state} NoAddress", 60)
    lab.until(lambda: host in lab.status().message, 60)
    lab.wish(wish(paused=mode == "act"))
    lab.until(lambda: "would be 51.75.10." in lab.status().message, 60)
    assert lab.state() == state
    assert lab.zones.pending == {}


@pytest.mark.parametrize(("are_there", "says"), [(False, "Failed AuthFailed"), (True, "InSync")])
def test_credentials_that_are_not_there_are_told_at_once_after_a_restart(
    are_there: bool, says: str
) -> None:
    """Those that are there but are not taken any more wait for the first audit."""
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start()
    lab.wish(wish())
    lab.until(lab.settled)
    lab.operators[-1].stop()
    lab.has_credentials = are_there
    lab.zones.always["list"] = NotAuthorised("OVH: consumer_key cannot be read", "key")
    lab.start()
    lab.run(25)
    assert lab.state() == says
    lab.run(300)
    assert lab.state() == "Failed AuthFailed"
    assert "consumer_key" in lab.status().message
    assert lab.zones.answers("git") == lab.where()
    lab.has_credentials, lab.credentials = True, "renewed"
    del lab.zones.always["list"]
    lab.until(lambda: lab.state() == "InSync", 60)
