"""What a provider's client must not believe, each with a mutant that no other law misses."""

import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import dns.tsig
import pytest

from swarm_operator.clients.name_servers import Server, ZoneServers
from swarm_operator.clients.ovh import OvhZones
from swarm_operator.clients.rfc2136 import TsigKey, UpdatedZones, UpdateServer
from swarm_operator.observed.dns import Create, Delete, Record, RrsetChange, RrsetKey, Update
from swarm_operator.observed.dns_errors import NotAuthorised, Want, ZoneFault, ZoneRefused
from swarm_operator.observed.errors import OutsideError, Unavailable
from tests.dns.ovh_double.faults import HTML, Fault
from tests.dns.ovh_world import OvhWorld, ovh_world

ZONE = "example.org"
KEY = RrsetKey(ZONE, "git", "A")
ONE, TWO = "51.75.10.1", "51.75.10.2"
RECORD = f"/domain/zone/{ZONE}/record"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[OvhWorld]:
    with ovh_world(tmp_path, [ZONE]) as found:
        yield found


@pytest.fixture
def zones(world: OvhWorld) -> Iterator[OvhZones]:
    client = world.zones()
    yield client
    client.close()


def change(*operations: Update | Create | Delete) -> RrsetChange:
    return RrsetChange(KEY, operations, before=(), after=(ONE,), ttl=60)


@pytest.mark.parametrize(
    "answer",
    [(200, HTML), (302, b""), (304, b""), (399, b"null")],
    ids=lambda answer: str(answer[0]),
)
@pytest.mark.parametrize("verb", ["PUT", "POST", "DELETE", "refresh"])
def test_only_the_apis_own_word_says_that_something_was_done(
    world: OvhWorld, zones: OvhZones, verb: str, answer: tuple[int, bytes]
) -> None:
    """A proxy's page or redirection does not."""
    world.double.zones[ZONE].put("git", TWO)
    (record,) = zones.read(ZONE, "git", ["A"])
    status, body = answer
    world.double.faults.add(Fault("*", ".*(record|record/.*|refresh)", status, body, count=None))
    asked: dict[str, Callable[[], None]] = {
        "PUT": lambda: zones.apply(change(Update(record, ONE, 60)), lambda: True),
        "POST": lambda: zones.apply(change(Create(ONE, 60)), lambda: True),
        "DELETE": lambda: zones.apply(change(Delete(record)), lambda: True),
        "refresh": lambda: zones.publish(ZONE),
    }
    with pytest.raises(OutsideError):
        asked[verb]()


def test_a_filter_that_the_server_ignores_is_no_storm_of_requests(
    world: OvhWorld, zones: OvhZones
) -> None:
    """Each id would be a request; a name has some records, not hundreds."""
    ids = ",".join(str(number) for number in range(1, 500))
    world.double.faults.add(Fault("GET", RECORD, 200, f"[{ids}]".encode()))
    with pytest.raises(Unavailable):
        zones.read(ZONE, "git", ["A"])
    assert len(world.double.calls()) == 1


def test_a_record_that_is_none_changes_nothing(world: OvhWorld, zones: OvhZones) -> None:
    """Taken for an empty list, one more would be made."""
    world.double.zones[ZONE].put("git", ONE)
    world.double.faults.add(Fault("GET", f"{RECORD}/.*", 200, b"null"))
    with pytest.raises(Unavailable):
        zones.read(ZONE, "git", ["A"])


@pytest.mark.parametrize("status", ["expired", "validated"])
def test_a_key_that_is_not_taken_is_shown_once(
    world: OvhWorld, zones: OvhZones, status: str
) -> None:
    """Only a token is got anew, and only a clock is looked at again."""
    world.consumer.status = status
    if status == "validated":
        world.double.faults.add(Fault(path=RECORD, status=401, body=b"{}", count=None))
    with pytest.raises(NotAuthorised):
        zones.read(ZONE, "git", ["A"])
    assert len(world.double.calls()) == 1


@pytest.mark.parametrize(
    ("status", "reason"), [(404, "ZoneUnknown"), (460, "ZoneExpired"), (400, "Refused")]
)
def test_why_a_zone_is_refused(
    world: OvhWorld, zones: OvhZones, status: int, reason: ZoneFault
) -> None:
    world.double.faults.add(Fault(path=RECORD, status=status, body=b'{"message": "no"}'))
    with pytest.raises(ZoneRefused) as caught:
        zones.read(ZONE, "git", ["A"])
    assert caught.value.reason == reason


def test_an_answer_without_an_end_is_told_in_short(world: OvhWorld, zones: OvhZones) -> None:
    """What is told is written into the KV."""
    said = b'{"message": "%s"}' % (b"no " * 100_000)
    world.double.faults.add(Fault(path=RECORD, status=500, body=said))
    with pytest.raises(Unavailable) as caught:
        zones.read(ZONE, "git", ["A"])
    assert len(str(caught.value)) < 500


def test_no_clock_is_trouble_of_the_provider(world: OvhWorld, zones: OvhZones) -> None:
    world.double.faults.add(Fault(path="/auth/time", status=500, body=HTML))
    with pytest.raises(Unavailable):
        zones.read(ZONE, "git", ["A"])
    assert zones.read(ZONE, "git", ["A"]) == ()


# --- a server that takes updates ------------------------------------------------------------------


@contextmanager
def answering(respond: Callable[[bytes], bytes], kind: socket.SocketKind) -> Iterator[int]:
    """A name server of the test's own; each answer is what `respond` makes of the question."""
    with socket.socket(socket.AF_INET, kind) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        serve = _over_udp if kind is socket.SOCK_DGRAM else _over_tcp
        if kind is socket.SOCK_STREAM:
            server.listen()  # before anybody is told its port
        thread = threading.Thread(target=serve, args=(server, respond))
        thread.start()
        yield int(server.getsockname()[1])
        thread.join()


def _over_udp(server: socket.socket, respond: Callable[[bytes], bytes]) -> None:
    question, client = server.recvfrom(4096)
    server.sendto(respond(question), client)


def _over_tcp(server: socket.socket, respond: Callable[[bytes], bytes]) -> None:
    connection, _ = server.accept()
    with connection:
        length = int.from_bytes(connection.recv(2))
        answer = respond(connection.recv(length))
        connection.sendall(len(answer).to_bytes(2) + answer)


def refusing(rcode: dns.rcode.Rcode) -> Callable[[bytes], bytes]:
    def respond(question: bytes) -> bytes:
        answer = dns.message.make_response(dns.message.from_wire(question))
        answer.set_rcode(rcode)
        return answer.to_wire()

    return respond


def applied_to(port: int) -> OutsideError:
    zones = UpdatedZones(UpdateServer("127.0.0.1", port, None), timeout_s=2.0)
    with pytest.raises(OutsideError) as caught:
        zones.apply(change(Create(ONE, 60)), lambda: True)
    return caught.value


@pytest.mark.parametrize(
    ("rcode", "kind", "detail"),
    [
        (dns.rcode.SERVFAIL, Unavailable, None),
        (dns.rcode.NOTZONE, ZoneRefused, "ZoneUnknown"),
        (dns.rcode.FORMERR, ZoneRefused, "Refused"),
        (dns.rcode.NOTAUTH, NotAuthorised, "key"),
        (dns.rcode.REFUSED, NotAuthorised, "right"),
    ],
)
def test_what_a_refused_update_means(
    rcode: dns.rcode.Rcode, kind: type[OutsideError], detail: Want | ZoneFault | None
) -> None:
    with answering(refusing(rcode), socket.SOCK_STREAM) as port:
        error = applied_to(port)
    assert type(error) is kind
    assert getattr(error, "reason", getattr(error, "what", None)) == detail


@pytest.mark.parametrize("error", [dns.tsig.BadTime, dns.tsig.PeerBadTime])
def test_clocks_that_differ_are_told(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And tried again soon: they are set sooner or later."""

    def ask(*_arguments: object, **_more: object) -> None:
        raise error

    monkeypatch.setattr("dns.query.tcp", ask)
    found = applied_to(9)
    assert isinstance(found, NotAuthorised)
    assert found.what == "clock"


@pytest.mark.parametrize("content", [b"no-base64-at-all!", b"bad\xff\xfe", b"a b\nc"])
def test_a_secret_that_is_none_is_not_shown(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "tsig"
    file.write_bytes(content)
    server = UpdateServer("127.0.0.1", 9, TsigKey("operator", file))
    with pytest.raises(NotAuthorised) as caught:
        UpdatedZones(server, timeout_s=0.1).read(ZONE, "git", ["A"])
    shown = "".join(traceback.format_exception(caught.value))
    assert str(file) in shown
    assert not [word for word in ("no-base64", "bad", "a b") if word in shown.split(str(file))[-1]]


def test_what_needs_no_change_is_not_sent() -> None:
    zones = UpdatedZones(UpdateServer("127.0.0.1", 9, None), timeout_s=0.1)
    record = Record(None, "git", "A", ONE, 60)
    zones.apply(RrsetChange(KEY, (), (record,), (ONE,), 60), lambda: True)
    assert zones.sent() == 0


# --- who serves a zone ----------------------------------------------------------------------------


def serving(owner: str, *, is_authoritative: bool) -> Callable[[bytes], bytes]:
    def respond(question: bytes) -> bytes:
        answer = dns.message.make_response(dns.message.from_wire(question))
        answer.flags |= dns.flags.AA if is_authoritative else 0
        answer.answer.append(dns.rrset.from_text(owner, 60, "IN", "A", ONE))
        return answer.to_wire()

    return respond


@pytest.mark.parametrize(
    ("owner", "is_authoritative", "values"),
    [
        (f"git.{ZONE}.", True, (ONE,)),
        (f"git.{ZONE}.", False, ()),
        ("elsewhere.example.com.", True, ()),
    ],
)
def test_only_the_zones_own_word_about_this_name_counts(
    owner: str, is_authoritative: bool, values: tuple[str, ...]
) -> None:
    """Not a resolver's memory, nor what an alias at the name leads to."""
    with answering(serving(owner, is_authoritative=is_authoritative), socket.SOCK_DGRAM) as port:
        servers = ZoneServers({ZONE: [Server("127.0.0.1", port)]}, timeout_s=2.0)
        (answer,) = servers.ask(ZONE, f"git.{ZONE}", "A")
    assert answer.values == values
    assert bool(answer.error) is not is_authoritative
