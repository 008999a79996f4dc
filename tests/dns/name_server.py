"""A real authoritative name server (bind9) of some zones, on loopback, in a folder of its own."""

import base64
import secrets
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rdatatype
import dns.tsigkeyring
import dns.update

NAMED = shutil.which("named") or "/usr/sbin/named"
KEY = "operator"
READER = "reader"
"""A key that the server knows, and that may change nothing."""
_STARTS_WITHIN_S = 10.0
_STOPS_WITHIN_S = 5.0


def is_here() -> bool:
    """Whether this machine has bind9."""
    return Path(NAMED).exists()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _new_secret() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass
class NameServer:
    """A running server; its zones begin with nothing but SOA and NS."""

    folder: Path
    zones: tuple[str, ...]
    address: str = "127.0.0.1"
    port: int = field(default_factory=_free_port)
    secret: str = field(default_factory=_new_secret, repr=False)
    reader_secret: str = field(default_factory=_new_secret, repr=False)
    enter: tuple[str, ...] = ()
    """A command that its own is put behind: to run in another network namespace."""
    reach: Callable[[], socket.socket] | None = None
    """Where it runs elsewhere: a new TCP connection to it."""
    _process: "subprocess.Popen[bytes] | None" = None
    _served: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Returns when it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self.enter, NAMED, "-g", "-c", str(self.folder / "named.conf")],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """Its zones stay on disk: a later start goes on with them."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOPS_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def write_files(self) -> None:
        """Configuration and empty zones."""
        keys = "".join(
            f'key "{name}" {{ algorithm hmac-sha256; secret "{secret}"; }};\n'
            for name, secret in ((KEY, self.secret), (READER, self.reader_secret))
        )
        zones = "".join(_zone_stanza(self.folder, zone) for zone in self.zones)
        (self.folder / "named.conf").write_text(f"{keys}{_options(self)}{zones}")
        for zone in self.zones:
            (self.folder / f"{zone}.zone").write_text(empty_zone(zone))

    def look_up(self, name: str, type_: str = "A") -> list[str]:
        """What the server says, over UDP as `dig` would ask where it can be reached so."""
        query = dns.message.make_query(name, type_)
        if self.reach is None:
            answer = dns.query.udp(query, self.address, port=self.port, timeout=2)
        else:
            answer = self._ask(query)
        wanted = dns.rdatatype.from_text(type_)
        return sorted(
            rdata.to_text() for rrset in answer.answer if rrset.rdtype == wanted for rdata in rrset
        )

    def replace_all(self, zone: str, records: Iterable[tuple[str, str, int, str]]) -> None:
        """The zone holds these (name, type, TTL, value) and nothing else from now on.

        A CNAME beside other records is left out, as a server leaves it out that cannot serve both.
        """
        wanted: dict[tuple[str, str], tuple[int, list[str]]] = {}
        for name, type_, ttl, value in records:
            wanted.setdefault((name, type_), (ttl, []))[1].append(value)
        names = {name for name, _ in wanted}
        mixed = {n for n in names if (n, "CNAME") in wanted and sum(m == n for m, _ in wanted) > 1}
        with self._lock:
            gone = [(*key, 0, ()) for key in self._served.get(zone, set()) - wanted.keys()]
            here = [
                (*key, *what)
                for key, what in wanted.items()
                if key != (key[0], "CNAME") or key[0] not in mixed
            ]
            self._served[zone] = set(wanted)
            self.change(zone, *gone, *here)

    def change(self, zone: str, *changes: tuple[str, str, int, Iterable[str]]) -> None:
        """By another hand: name ("@": the zone's own), type, TTL and values; no values: it goes."""
        ring = dns.tsigkeyring.from_text({KEY: self.secret})
        update = dns.update.UpdateMessage(zone, keyring=ring, keyalgorithm="hmac-sha256")
        for name, type_, ttl, values in changes:
            update.delete(name, type_)
            for value in values:
                update.add(name, ttl, type_, value)
        answer = self._ask(update)
        assert answer.rcode() == 0, answer

    def _ask(self, message: dns.message.Message) -> dns.message.Message:
        if self.reach is None:
            return dns.query.tcp(message, self.address, port=self.port, timeout=5)
        with self.reach() as connection:
            connection.setblocking(False)
            return dns.query.tcp(message, self.address, timeout=5, sock=connection)

    def _answers(self) -> bool:
        try:
            return bool(self.look_up(self.zones[0], "SOA"))
        except (OSError, dns.exception.DNSException):
            return False


@contextmanager
def name_server(folder: Path, zones: Iterable[str]) -> Iterator[NameServer]:
    """Runs until the end of the block."""
    server = NameServer(folder, tuple(zones))
    server.write_files()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def empty_zone(zone: str) -> str:
    """The file of a zone with nothing but what it must have."""
    return _EMPTY.format(zone=zone)


def _options(server: NameServer) -> str:
    return f"""
options {{
  directory "{server.folder}";
  pid-file none;
  session-keyfile none;
  listen-on port {server.port} {{ {server.address}; }};
  listen-on-v6 {{ none; }};
  recursion no;
  dnssec-validation no;
  check-names primary ignore;
  notify no;
  allow-transfer {{ none; }};
}};
controls {{ }};
"""


def _zone_stanza(folder: Path, zone: str) -> str:
    return (
        f'zone "{zone}" {{ type primary; file "{folder}/{zone}.zone"; '
        f'update-policy {{ grant "{KEY}" zonesub ANY; }}; }};\n'
    )


_EMPTY = """$TTL 3600
@ IN SOA ns.{zone}. admin.{zone}. 1 3600 600 86400 60
@ IN NS ns.{zone}.
ns IN A 127.0.0.1
"""
