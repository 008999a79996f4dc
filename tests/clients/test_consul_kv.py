"""The Consul client against a stub: tokens, limits, and answers that are none."""

import base64
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from swarm_operator.clients.consul import ConsulKv
from swarm_operator.clients.consul_transport import Address, TokenFile
from swarm_operator.observed.errors import (
    Conflict,
    Denied,
    Gone,
    LeaseLost,
    OutsideError,
    SpecRefused,
    TooLarge,
    Unavailable,
)
from swarm_operator.observed.kv import Delete, DeleteTree, Fence, Put, Unchanged
from tests.clients.stub_server import Asked, Durations, Reply, StubServer, tcp_stub

TOKEN = "0000-geheim-0000"
INDEX = {"X-Consul-Index": "7"}


@pytest.fixture
def server() -> Iterator[StubServer]:
    with tcp_stub() as stub:
        yield stub


@pytest.fixture
def kv(server: StubServer) -> Iterator[ConsulKv]:
    client = ConsulKv(server.url, TOKEN, "op/root/", timeout_s=5)
    yield client
    client.close()


def test_a_tree_has_keys_relative_to_its_prefix(server: StubServer, kv: ConsulKv) -> None:
    entries = [
        {"Key": "op/root/desired/a", "Value": base64.b64encode(b"1").decode(), "ModifyIndex": 5},
        {"Key": "op/root/desired/b/", "Value": None, "ModifyIndex": 6, "Session": "s"},
    ]
    server.answer = lambda _: Reply(body=entries, headers=INDEX)
    tree = kv.read("desired/")
    assert tree.index == 7
    assert {key: entry.value for key, entry in tree.entries.items()} == {"a": b"1", "b/": b""}
    assert tree.entries["b/"].session == "s"
    assert server.asked[-1].path == "/v1/kv/op/root/desired/?recurse=1&consistent=1"


def test_a_watch_waits_and_a_first_one_does_not(server: StubServer, kv: ConsulKv) -> None:
    server.answer = lambda _: Reply(404, headers=INDEX)
    assert kv.watch("desired/", 0, 25).entries == {}
    assert server.asked[-1].path == "/v1/kv/op/root/desired/?recurse=1"
    kv.watch("desired/", 7, 600)
    assert server.asked[-1].path.endswith("?recurse=1&index=7&wait=55.000s")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404),  # a proxy's own
        Reply(200, []),
        Reply(200, b"[{", INDEX),
        Reply(200, {"Key": "x"}, INDEX),
        Reply(404, headers={**INDEX, "X-Consul-KnownLeader": "false"}),
        Reply(500, b"No cluster leader"),
        Reply(500, b"rpc error making call: i/o deadline reached"),
        Reply(429),
        None,
    ],
)
def test_what_is_no_answer_is_never_an_empty_tree(
    server: StubServer, kv: ConsulKv, reply: Reply | None
) -> None:
    server.answer = lambda _: reply
    with pytest.raises(Unavailable):
        kv.read("desired/")


def test_the_token_is_a_header_and_never_a_text(
    server: StubServer, kv: ConsulKv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", "another")
    monkeypatch.setenv("CONSUL_HTTP_ADDR", "127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.answer = lambda _: Reply(403, b"Permission denied")
    for call in (
        lambda: kv.read("desired/"),
        lambda: kv.get("desired/a"),
        lambda: kv.commit([Put("a", b"")]),
        lambda: kv.create_session("me", 15, 0),
        lambda: kv.renew_session("s"),
        lambda: kv.destroy_session("s"),
        lambda: kv.acquire("lock/leader", "s", b""),
    ):
        with pytest.raises(Denied) as caught:
            call()
        assert TOKEN not in str(caught.value)
    assert {asked.headers["X-Consul-Token"] for asked in server.asked} == {TOKEN}
    assert not [asked for asked in server.asked if TOKEN in asked.path]


def test_a_token_file_is_read_again(server: StubServer, tmp_path: Path) -> None:
    server.answer = lambda _: Reply(404, headers=INDEX)
    path = tmp_path / "token"
    path.write_text("one\n")
    kv = ConsulKv(server.url, TokenFile(path))
    kv.get("a")
    path.write_text("two")
    kv.get("a")
    assert [asked.headers["X-Consul-Token"] for asked in server.asked] == ["one", "two"]
    path.write_text("bad\ntoken geheim\r\nX: y")
    with pytest.raises(Denied, match="characters") as caught:
        kv.get("a")
    assert "geheim" not in str(caught.value)
    path.unlink()
    with pytest.raises(Denied, match="token is unreadable: No such file"):
        kv.get("a")
    kv.close()


def operations(asked: Asked) -> list[dict[str, object]]:
    return [each["KV"] for each in json.loads(asked.body)]


def test_a_transaction_begins_with_its_fence(server: StubServer, kv: ConsulKv) -> None:
    server.answer = lambda _: Reply(body={"Results": [], "Errors": None})
    kv.commit(
        [
            Put("a", b"x"),
            Put("b", b"", 0),
            Delete("c"),
            Delete("d", 4),
            DeleteTree("e/"),
            Unchanged("f", 9),
            Unchanged("g", 0),
        ],
        fence=Fence("lock/leader", "session"),
    )
    assert server.asked[-1].path == "/v1/txn"
    assert operations(server.asked[-1]) == [
        {"Verb": "check-session", "Key": "op/root/lock/leader", "Session": "session"},
        {"Verb": "set", "Key": "op/root/a", "Value": "eA=="},
        {"Verb": "cas", "Key": "op/root/b", "Value": "", "Index": 0},
        {"Verb": "delete", "Key": "op/root/c"},
        {"Verb": "delete-cas", "Key": "op/root/d", "Index": 4},
        {"Verb": "delete-tree", "Key": "op/root/e/"},
        {"Verb": "check-index", "Key": "op/root/f", "Index": 9},
        {"Verb": "check-not-exists", "Key": "op/root/g"},
    ]


def test_another_root_is_fenced_by_the_lock_of_this_one(server: StubServer, kv: ConsulKv) -> None:
    other = kv.beside("traefik")
    server.answer = lambda _: Reply(200, {"Results": []})
    fence = Fence("lock/leader", "session")
    other.commit([Put("http/a", b"x", 3, 7), Put("b", b"", flags=1)], fence=fence)
    operations = [each["KV"] for each in json.loads(server.asked[-1].body)]
    assert operations == [
        {"Verb": "check-session", "Key": "op/root/lock/leader", "Session": "session"},
        {"Verb": "cas", "Key": "traefik/http/a", "Value": "eA==", "Index": 3, "Flags": 7},
        {"Verb": "set", "Key": "traefik/b", "Value": "", "Flags": 1},
    ]
    server.answer = lambda _: Reply(404, headers=INDEX)
    assert other.read("").entries == {}
    assert server.asked[-1].path == "/v1/kv/traefik/?recurse=1&consistent=1"
    with pytest.raises(ValueError, match="cannot be the root"):
        kv.beside("a//b")


def test_nothing_to_commit_is_no_request(server: StubServer, kv: ConsulKv) -> None:
    kv.commit([], fence=Fence("lock/leader", "session"))
    assert server.asked == []


def test_everything_is_never_deleted_by_mistake(server: StubServer, kv: ConsulKv) -> None:
    with pytest.raises(ValueError, match="DeleteTree"):
        kv.commit([DeleteTree("")])
    assert server.asked == []


@pytest.mark.parametrize(
    ("puts", "fence"),
    [
        ([Put("a", b"")] * 65, None),
        ([Put("a", b"")] * 64, Fence("lock/leader", "s")),
        ([Put("a", b"x" * 400_000)], None),
        ([Put("a", b"x" * 200_000), Put("b", b"x" * 200_000)], None),
    ],
)
def test_what_is_too_large_is_not_sent(
    server: StubServer, kv: ConsulKv, puts: list[Put], fence: Fence | None
) -> None:
    with pytest.raises(TooLarge):
        kv.commit(puts, fence=fence)
    assert server.asked == []


def failed(*errors: tuple[int, str]) -> Reply:
    return Reply(
        409, {"Results": None, "Errors": [{"OpIndex": i, "What": what} for i, what in errors]}
    )


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (failed((0, 'failed session check for key "x"')), LeaseLost, "lock/leader"),
        (failed((0, "key does not exist")), LeaseLost, "lock/leader"),
        (failed((2, "index is stale")), Conflict, "`b`"),
        (failed((1, "Permission denied")), Denied, "may not write `a`"),
        (failed((0, "Permission denied")), Denied, "may not write `lock/leader`"),
        (failed((9, "whatever")), Conflict, "operation 9"),
        (Reply(409, b"not json"), Conflict, "does not say why"),
        (Reply(413, b"Request body too large"), TooLarge, "too large"),
        (Reply(400, b"bad key"), SpecRefused, "bad key"),
    ],
)
def test_a_refused_transaction_names_the_key(
    server: StubServer, kv: ConsulKv, reply: Reply, kind: type[OutsideError], said: str
) -> None:
    server.answer = lambda _: reply
    with pytest.raises(kind, match=said) as caught:
        kv.commit([Put("a", b"1"), Put("b", b"2", 3)], fence=Fence("lock/leader", "s"))
    assert type(caught.value) is kind


def test_without_a_fence_the_first_operation_is_not_a_lease(
    server: StubServer, kv: ConsulKv
) -> None:
    server.answer = lambda _: failed((0, "index is stale"))
    with pytest.raises(Conflict) as caught:
        kv.commit([Put("a", b"1", 3)])
    assert not isinstance(caught.value, LeaseLost)


def test_a_session_is_bound_to_no_health_check(server: StubServer, kv: ConsulKv) -> None:
    server.answer = lambda _: Reply(body={"ID": "session"})
    assert kv.create_session("me", 15, 0.5) == "session"
    assert json.loads(server.asked[-1].body) == {
        "Name": "me",
        "TTL": "15000ms",
        "LockDelay": "500ms",
        "Behavior": "release",
        "Checks": [],
        "NodeChecks": [],
    }


def test_a_session_that_is_gone_is_told_from_a_consul_that_is_away(
    server: StubServer, kv: ConsulKv
) -> None:
    server.answer = lambda _: Reply(404, b"Session id 's' not found")
    assert kv.renew_session("s") is False
    server.answer = lambda _: Reply(500, b"rpc error: invalid session")
    with pytest.raises(LeaseLost):
        kv.acquire("lock/leader", "s", b"")
    server.answer = lambda _: Reply(500, b"No cluster leader")
    with pytest.raises(Unavailable):
        kv.renew_session("s")


def test_releasing_leaves_the_value(server: StubServer, kv: ConsulKv) -> None:
    held = {"Key": "op/root/lock/leader", "Value": "bWU=", "Session": "s", "ModifyIndex": 3}
    server.answer = lambda asked: Reply(
        body=True if asked.method == "PUT" else [held], headers=INDEX
    )
    kv.release("lock/leader", "another")
    assert [asked.method for asked in server.asked] == ["GET"]
    kv.release("lock/leader", "s")
    assert (server.asked[-1].path, server.asked[-1].body) == (
        "/v1/kv/op/root/lock/leader?release=s",
        b"me",
    )


def test_every_call_is_timed(server: StubServer) -> None:
    durations = Durations()
    kv = ConsulKv(server.url, metrics=durations)
    server.answer = lambda _: Reply(404, headers=INDEX)
    kv.get("a")
    server.answer = lambda _: None
    with pytest.raises(Unavailable):
        kv.get("a")
    kv.close()
    assert durations.labels == [
        {"api": "consul", "verb": "GET", "code": "404"},
        {"api": "consul", "verb": "GET", "code": "error"},
    ]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("consul", "http://consul:8500"),
        ("10.0.0.7:8501", "http://10.0.0.7:8501"),
        ("http://consul/", "http://consul:8500"),
        ("https://consul", "https://consul:8501"),
        ("https://[fd00::1]:443", "https://[fd00::1]:443"),
    ],
)
def test_addresses_have_many_forms(text: str, meant: str) -> None:
    assert str(Address.parse(text)) == meant


@pytest.mark.parametrize(
    "text", ["", "unix:///run/x", "http://u:geheim@h", "h:99999", "http://h/p"]
)
def test_a_wrong_address_says_what_is_right(text: str) -> None:
    with pytest.raises(ValueError, match="give host:port") as caught:
        Address.parse(text)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("root", ["", "/", "a//b", "a/../b"])
def test_a_root_that_is_none_is_refused(root: str) -> None:
    with pytest.raises(ValueError, match="root"):
        ConsulKv("h:1", root=root)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *(
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=consul",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
            ),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def test_only_the_given_authority_is_trusted(certificate: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with tcp_stub(lambda sock: context.wrap_socket(sock, server_side=True)) as server:
        server.answer = lambda _: Reply(404, headers=INDEX)
        trusting = ConsulKv(server.url, ca_cert=certificate[0])
        assert trusting.get("a") is None
        trusting.close()
        with pytest.raises(Unavailable, match="CONSUL_CACERT"):
            ConsulKv(server.url).get("a")


@pytest.mark.parametrize("tls", [False, True])
def test_a_read_that_waits_can_be_interrupted(certificate: tuple[Path, Path], tls: bool) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    asked, done = threading.Event(), threading.Event()

    def never(_: Asked) -> None:
        asked.set()
        done.wait(30)

    wrap = (lambda sock: context.wrap_socket(sock, server_side=True)) if tls else None
    with tcp_stub(wrap) as server:
        server.answer = never
        kv = ConsulKv(server.url, ca_cert=certificate[0])
        failures: list[Exception] = []

        def wait() -> None:
            try:
                kv.watch("desired/", 7, 50)
            except OutsideError as error:
                failures.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        assert asked.wait(10)
        kv.interrupt()
        thread.join(2)
        still_waits = thread.is_alive()
        done.set()
        kv.close()
    assert not still_waits
    assert [type(failure) for failure in failures] == [Unavailable]


def test_gone_is_not_expected_but_known(server: StubServer, kv: ConsulKv) -> None:
    server.answer = lambda _: Reply(404)
    with pytest.raises(Gone):
        kv.destroy_session("s")
