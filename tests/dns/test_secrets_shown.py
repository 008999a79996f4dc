"""No word of a credential gets anywhere that people or programs read, however a provider fails: log,
status, event, metric, `doctor dns`, `plan`; with the operator's own controller and the real clients."""

import json
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from swarm_operator.clients.name_servers import ZoneServers
from swarm_operator.clients.ovh import OvhAccount, OvhZones
from swarm_operator.clients.rfc2136 import TsigKey, UpdatedZones, UpdateServer
from swarm_operator.observed.swarm import Swarm
from swarm_operator.simulation import consul_transport
from tests.dns.name_server import KEY, READER, NameServer
from tests.dns.ovh_double.faults import Fault
from tests.dns.ovh_double.server import TOKENS
from tests.dns.ovh_world import OvhWorld, ovh_world
from tests.plan.dns.worlds import node
from tests.runtime.dns_lab import ADDRESSES, OTHER_ZONE, ROOT, ZONE, DnsLab, wish

MADE_UP = "of-somebody-else"
LATER = dict.fromkeys(ADDRESSES, "51.75.10.9")
DOCUMENT = """\
services:
  gogs:
    image: gogs:1
    x-operator:
      dns: {zone: example.org, name: git, addresses: {w1: 51.75.10.1}}
"""


@dataclass
class Told:
    """Everything that was said, as one text; and what must not be in it."""

    words: set[str] = field(default_factory=set)
    text: str = ""

    def say(self, *said: object) -> None:
        self.text += "\n".join(f"{each}" for each in said)

    def assert_no_word(self) -> None:
        assert self.words
        assert [word for word in self.words if word in self.text] == []


def told_by(lab: DnsLab) -> Iterator[object]:
    """Log, events, metrics and all that stands in the KV."""
    yield from lab.log.lines
    yield from lab.news
    tree = consul_transport.over(lab.world.consul_api, lab.timeline, ROOT).read("")
    yield from (entry.value.decode() for entry in tree.entries.values())
    for each in lab.operators:
        yield each.metrics.counted
        yield each.metrics.observed
        yield each.controller.error
        yield each.controller.picture
        yield from (repr(name) for name in each.controller.names.values())


@contextmanager
def listened(told: Told, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What libraries and defects log is said too, with its tracebacks."""
    caplog.set_level(logging.WARNING)
    with capture_logs([structlog.processors.format_exc_info]) as lines:
        yield
    told.say(*lines, caplog.text)


def lab_with(provider: Any) -> DnsLab:
    """The operator in virtual time; the provider is the real client."""
    lab = DnsLab()
    lab.accounts = {"first": (provider, (ZONE, OTHER_ZONE))}
    lab.servers.silent = True
    lab.service()
    lab.run(5)
    lab.start()
    return lab


# --- OVH ------------------------------------------------------------------------------------------


@dataclass
class Ovh:
    """The double, and every word that it ever gave or took."""

    world: OvhWorld
    account: OvhAccount

    def words(self) -> set[str]:
        accounts = self.world.double.accounts
        credentials = self.account.credentials
        files = [getattr(credentials, name) for name in credentials.__dataclass_fields__]
        texts = (file.read_bytes().decode("utf-8", "replace") for file in files if file.exists())
        parts = {part for text in texts for part in text.splitlines() if len(part) > 7}
        return parts | accounts.tokens.keys()

    def fault(self, status: int | None, path: str, body: str = "{}", **more: Any) -> None:
        """All words are in the answer, as a server that shows what it was given."""
        words = " ".join(sorted(self.words()))
        said = body.replace("WORDS", words).encode()
        self.world.double.faults.add(Fault("*", path, status, said, count=None, **more))

    def write(self, name: str, content: bytes) -> None:
        (self.world.folder / name).write_bytes(content)


MODERN = '{"class": "Client::Forbidden", "message": "WORDS are no good"}'
OLD = '{"errorCode": "INVALID_KEY", "httpCode": "403 WORDS", "message": "key WORDS, not granted"}'
IN_HTML = "<html><title>WORDS</title>WORDS</html>"
RECORDS = f"/domain/zone/{ZONE}/record(/.*)?"
REFRESH = f"/domain/zone/{ZONE}/refresh"


def answers(status: int | None, body: str = "{}", path: str = RECORDS, **more: Any) -> Any:
    return lambda ovh: ovh.fault(status, path, body, **more)


def at_tokens(status: int | None, body: str = "{}", **more: Any) -> Any:
    """The tokens that were got hold no longer."""

    def go_wrong(ovh: Ovh) -> None:
        ovh.fault(status, TOKENS, body, **more)
        ovh.world.double.accounts.tokens.clear()

    return go_wrong


def at_the_clock(status: int, body: str) -> Any:
    """The server's clock has to be asked for again."""

    def go_wrong(ovh: Ovh) -> None:
        ovh.fault(status, "/auth/time", body)
        ovh.world.double.accounts.clock_ahead_s = 600.0

    return go_wrong


def credential(name: str, content: bytes) -> Callable[[Ovh], None]:
    return lambda ovh: ovh.write(name, content)


COMMON = {
    **{
        f"{status} {kind}": answers(status, body)
        for status in (301, 400, 401, 403, 404, 429, 460, 500)
        for kind, body in (("modern", MODERN), ("old", OLD))
    },
    "500 html": answers(500, IN_HTML),
    "200 html": answers(200, IN_HTML),
    "200 another shape": answers(200, '{"a": "WORDS"}'),
    "the refresh is refused": answers(403, MODERN, REFRESH),
    "no answer": answers(None, delay_s=0.6),
    "cut": answers(None, drops=True),
}
BY_KEY = {
    **COMMON,
    "the clock is refused": at_the_clock(500, MODERN),
    "the clock is no clock": at_the_clock(200, '"WORDS"'),
    "wrong secret": credential("application_secret", b"of-somebody-else"),
    "wrong key": credential("application_key", b"of-somebody-else"),
    "wrong consumer key": credential("consumer_key", b"of-somebody-else"),
    "no file": lambda ovh: (ovh.world.folder / "consumer_key").unlink(),
    "an empty file": credential("consumer_key", b"\n"),
    "not in UTF-8": credential("consumer_key", b"of-somebody-else\xff\xfe"),
    "two lines": credential("consumer_key", b"of-somebody-else\nof-somebody-else-too"),
    "no header": credential("application_key", "of-somebody-else \u2192".encode()),
    "a zero": credential("consumer_key", b"of-somebody-else\x00else"),
}
BY_TOKEN = {
    # After 401 a token is got anew: the one in the answer would not be the one that was sent.
    **{name: goes_wrong for name, goes_wrong in COMMON.items() if not name.startswith("401")},
    **{f"token {status}": at_tokens(status, MODERN) for status in (400, 401, 500)},
    "token in HTML": at_tokens(500, IN_HTML),
    "token of another shape": at_tokens(200, '{"error": "WORDS"}'),
    "token not granted": at_tokens(
        400, '{"error": "invalid_client", "error_description": "WORDS"}'
    ),
    "no token in time": at_tokens(None, delay_s=0.6),
    "wrong secret": credential("client_secret", b"of-somebody-else"),
    "not in UTF-8": credential("client_secret", b"of-somebody-else\xff\xfe"),
    "no header": credential("client_secret", "of-somebody-else \u2192".encode()),
}
CASES = [
    *(pytest.param("consumer key", goes_wrong, id=f"key-{name}") for name, goes_wrong in BY_KEY.items()),
    *(pytest.param("token", goes_wrong, id=f"token-{name}") for name, goes_wrong in BY_TOKEN.items()),
]  # fmt: skip


@pytest.fixture
def ovh(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    with ovh_world(tmp_path, [ZONE, OTHER_ZONE]) as world:
        is_by_key = request.param == "consumer key"
        account = world.account() if is_by_key else world.service_account()
        yield Ovh(world, account)


@pytest.mark.parametrize(("ovh", "goes_wrong"), CASES, indirect=["ovh"])
def test_the_operator_at_ovh(
    ovh: Ovh, goes_wrong: Callable[[Ovh], Any], caplog: pytest.LogCaptureFixture
) -> None:
    told = Told({MADE_UP} | ovh.words())
    client = OvhZones(ovh.account, timeouts_s=(0.3, 0.3))
    zone = ovh.world.double.zones[ZONE]
    with listened(told, caplog):
        lab = lab_with(client)
        lab.wish(wish())
        lab.until(lambda: bool(zone.refreshes))
        told.words |= ovh.words()
        goes_wrong(ovh)
        lab.wish(wish(addresses=LATER), wish("new"))
        lab.run(3)
    client.close()
    told.words |= ovh.words()
    told.say(*told_by(lab))
    status = lab.status("new")
    assert (status.reason, status.owed) != ("", False), "there was something to tell"
    told.assert_no_word()


@pytest.mark.parametrize(("ovh", "goes_wrong"), CASES, indirect=["ovh"])
def test_the_command_line_at_ovh(
    ovh: Ovh, goes_wrong: Callable[[Ovh], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OvhZones.__init__, "__kwdefaults__",
                        {"metrics": None, "timeouts_s": (0.3, 0.3)})  # fmt: skip
    credentials = ovh.account.credentials
    files = {
        f"{name}_file": getattr(credentials, name) for name in credentials.__dataclass_fields__
    }
    table = {
        "name": "ovh",
        "type": "ovh",
        "zones": [ZONE],
        "endpoint": ovh.account.endpoint,
        **files,
    }
    if ovh.account.token_url is not None:
        table["token_url"] = ovh.account.token_url
    goes_wrong(ovh)
    told = Told({MADE_UP} | ovh.words())
    told.say(*shown_by_the_command_line(table, tmp_path, monkeypatch))
    told.words |= ovh.words()
    told.assert_no_word()


def shown_by_the_command_line(
    table: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """`doctor dns` and `plan` for a provider of the settings, and what ends them."""
    file = folder / "operator.toml"
    lines = (f"{key} = {json.dumps(value, default=str)}" for key, value in table.items())
    file.write_text("[[dns.providers]]\n" + "\n".join(lines) + '\nname_servers = ["127.0.0.1:9"]\n')
    monkeypatch.setenv("SWARM_OPERATOR_CONFIG", str(file))
    monkeypatch.setattr(ZoneServers, "ask", lambda *_: ())
    # Not at the top: the mutants' copies have no tests/cluster, which its module imports.
    from tests.cli.conftest import CommandLine  # noqa: PLC0415

    run = CommandLine()
    run.fake_swarm.swarm = Swarm(cluster_id="one", nodes=(node("m1", reachability="reachable"),))
    (folder / "code").mkdir()
    (folder / "code/compose.yaml").write_text(DOCUMENT)
    run("init")
    assert run("push", folder / "code").exit_code == 0
    for arguments in (["doctor", "dns"], ["doctor", "dns", "-o", "json"], ["plan", "-o", "json"]):
        result = run(*arguments)
        assert ZONE in result.output
        yield result.output
        yield f"{result.exc_info}"


# --- RFC 2136 -------------------------------------------------------------------------------------


@dataclass
class Tsig:
    """A name server, the file of the key, and as whom it is asked."""

    named: NameServer
    file: Path
    key: str = KEY
    port: int = 0
    algorithm: str = "hmac-sha256"


def tsig(content: str | bytes | None, **changed: Any) -> Callable[[Tsig], None]:
    def change(at: Tsig) -> None:
        for name, value in changed.items():
            setattr(at, name, value)
        if content is None:
            at.file.unlink()
        else:
            at.file.write_bytes(content.encode() if isinstance(content, str) else content)

    return change


def without_the_right(at: Tsig) -> None:
    at.key = READER
    at.file.write_text(at.named.reader_secret)


UNKNOWN = "b2Ytc29tZWJvZHktZWxzZS1vZi1zb21lYm9keS1lbHNl"
WRONG = {
    "another secret": tsig(UNKNOWN),
    "another key": tsig(UNKNOWN, key="nobody"),
    "no base64": tsig("of-somebody-else!"),
    "no file": tsig(None),
    "an empty file": tsig("\n"),
    "not in UTF-8": tsig(b"of-somebody-else\xff\xfe"),
    "two lines": tsig(f"{UNKNOWN}\n{UNKNOWN}"),
    "another algorithm": lambda at: setattr(at, "algorithm", "hmac-sha512"),
    "no right": without_the_right,
    "nobody there": lambda at: setattr(at, "port", 9),
    "no answer": lambda at: setattr(at, "port", -1),
}


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def keyed(named: NameServer, tmp_path: Path) -> Iterator[Tsig]:
    file = tmp_path / "tsig"
    file.write_text(named.secret)
    with silent() as port:
        yield Tsig(named, file, port=port)


@pytest.mark.parametrize("goes_wrong", [pytest.param(v, id=k) for k, v in WRONG.items()])
def test_the_operator_and_the_command_line_with_tsig(
    keyed: Tsig,
    goes_wrong: Callable[[Tsig], Any],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    named = keyed.named
    silent_port, keyed.port = keyed.port, named.port
    goes_wrong(keyed)
    port = silent_port if keyed.port == -1 else keyed.port
    told = Told({MADE_UP, UNKNOWN, named.secret, named.reader_secret})
    key = TsigKey(keyed.key, keyed.file, keyed.algorithm)
    client = UpdatedZones(UpdateServer(named.address, port, key), timeout_s=0.3)
    name = f"shown-{tmp_path.name}".replace("_", "-")[:40].rstrip("-")
    with listened(told, caplog):
        lab = lab_with(client)
        lab.wish(wish(name))
        lab.run(3)
    told.say(*told_by(lab))
    assert lab.status(name).reason != "", "there was something to tell"
    table = {"name": "home", "type": "rfc2136", "zones": [ZONE], "server": f"{named.address}:{port}",
             "key_name": keyed.key, "key_file": keyed.file,
             "key_algorithm": keyed.algorithm}  # fmt: skip
    monkeypatch.setattr(
        UpdatedZones.__init__, "__kwdefaults__", {"metrics": None, "timeout_s": 0.3}
    )
    told.say(*shown_by_the_command_line(table, tmp_path, monkeypatch))
    told.assert_no_word()
