"""Consul's HTTP API as a client sees it: the simulation's answers are those of the real one.

Every conversation is held with a real Consul 1.8.7 and with the simulation, at the same time; no
answer is written down here.
"""

import json
import os
import random
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import consul as py_consul
import pytest
import requests

from tests.cluster.harness import paths
from tests.contract import kv_servers
from tests.contract.http_conversations import (
    ADDRESS,
    UUID,
    Step,
    comparable,
    delete,
    get,
    op,
    put,
    session,
    talk,
    txn,
)
from tests.contract.kv_servers import KvServer

pytestmark = pytest.mark.cluster

NOBODY = "1a3cfb5e-1111-2222-3333-444444444444"
KV = "/v1/kv/"
FREE: dict[str, object] = {"LockDelay": "0s", "Checks": [], "NodeChecks": []}


class Pair(NamedTuple):
    """Both, with the same content."""

    real: KvServer
    simulated: KvServer

    def same(self, work: Callable[[KvServer], object]) -> object:
        """What both give for it; fails where they differ."""
        for server in self:
            server.wipe()
        with ThreadPoolExecutor(2) as pool:
            real, simulated = pool.map(work, self)
        assert simulated == real
        return real


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with (
        kv_servers.running("consul", tmp_path_factory.mktemp("consul")) as real,
        kv_servers.running("simulation-http", tmp_path_factory.mktemp("simulation")) as simulated,
    ):
        yield Pair(real, simulated)


CONVERSATIONS: dict[str, list[Step]] = {
    "one key": [
        get(KV + "a"),
        put(KV + "a", "1"),
        get(KV + "a"),
        put(KV + "a", "1"),
        get(KV + "a"),
        put(KV + "a?flags=42", "1"),
        get(KV + "a"),
        put(KV + "a", "2"),
        get(KV + "a?raw"),
        get(KV + "a?pretty"),
        get(KV + "a?raw", accept="gzip"),
        get(KV + "a", accept="gzip"),
        delete(KV + "a"),
        delete(KV + "a"),
        get(KV + "a"),
        get(KV + "a?raw"),
    ],
    "values": [
        put(KV + "empty"),
        get(KV + "empty"),
        get(KV + "empty?raw"),
        put(KV + "bytes", bytes(range(256))),
        get(KV + "bytes"),
        get(KV + "bytes?raw"),
        put(KV + "largest", b"x" * 524288),
        get(KV + "largest?raw"),
        put(KV + "too-large", b"x" * 524289),
        put(KV + "flags?flags=18446744073709551615", "x"),
        put(KV + "flags?flags=18446744073709551616", "x"),
        put(KV + "flags?flags=-1", "x"),
        put(KV + "flags?flags", "x"),
        get(KV + "flags"),
    ],
    "names": [
        put(KV + "sp%20c%3F%2B%C3%A9%25", "1"),
        get(KV + "sp%20c%3F%2B%C3%A9%25"),
        put(KV + "plus+x", "1"),
        put(KV + "html%3C%26%3E%22%27%5C", "1"),
        put(KV + "slash/", "1"),
        put(KV + "a//b", "1"),
        get(KV + "a%2F%2Fb?recurse"),
        get(KV + "../x"),
        get(KV + "x/.."),
        put(KV + "%2Flead", "1"),
        put(KV + "dot/./x", "1"),
        get(KV + "?recurse"),
        get(KV + "?keys"),
        get(KV),
        get("/v1/kv"),
        put(KV, "1"),
        delete(KV),
        put(KV + "nul%00", "1"),
    ],
    "prefixes": [
        get(KV + "?recurse"),
        get(KV + "?keys"),
        get(KV + "none/?keys"),
        *(put(KV + key, "1") for key in ("s/b/2", "s/a", "s/b/1", "s/b", "t", "s/", "S")),
        get(KV + "s/?recurse"),
        get(KV + "s?recurse&raw"),
        get(KV + "s/?keys"),
        get(KV + "s/?keys&separator=/"),
        get(KV + "?keys&separator=/"),
        get(KV + "s/?keys&seperator=b"),
        get(KV + "s/?keys&separator="),
        get(KV + "s/b?keys&separator=/"),
        get(KV + "none/?recurse"),
        get(KV + "s/b?recurse&pretty"),
    ],
    "indexes of what is gone": [
        *(put(KV + key, "1") for key in ("p/a", "p/b", "p/c/1", "p/c/2", "q")),
        delete(KV + "p/b"),
        get(KV + "p/?recurse"),
        get(KV + "p/b"),
        get(KV + "p/b?recurse"),
        put(KV + "q", "2"),
        get(KV + "p/?recurse"),
        get(KV + "p/?keys"),
        get(KV + "p/b"),
        delete(KV + "p/c/?recurse"),
        get(KV + "p/?recurse"),
        get(KV + "p/c/?recurse"),
        get(KV + "p/c/1?recurse"),
        put(KV + "q", "3"),
        get(KV + "p/c/?recurse"),
        get(KV + "p/c/1?recurse"),
        put(KV + "p/b", "again"),
        get(KV + "p/b"),
        delete(KV + "p/none?recurse"),
        get(KV + "?recurse"),
        delete(KV + "?recurse"),
        get(KV + "?recurse"),
        get(KV + "p/?recurse"),
    ],
    "compare and set": [
        put(KV + "a?cas=0", "1"),
        put(KV + "a?cas=0", "2"),
        put(KV + "a?cas=1", "2"),
        put(KV + "b?cas=1", "2"),
        get(KV + "?recurse"),
        put(KV + "a?cas=x", "2"),
        put(KV + "a?cas", "2"),
        put(KV + "a?cas=99999999999999999999999", "2"),
        delete(KV + "a?cas=1"),
        delete(KV + "a?cas=0"),
        delete(KV + "none?cas=7"),
        delete(KV + "a?cas="),
        delete(KV + "a?recurse&cas=1"),
        put(KV + "a?cas=1&acquire=1", "2"),
        put(KV + "a?release=1&acquire=1&flags=3", "2"),
        get(KV + "?recurse"),
    ],
    "options": [
        put(KV + "a", "1"),
        get(KV + "a?stale"),
        get(KV + "a?consistent"),
        get(KV + "a?stale&consistent"),
        get(KV + "a?dc=dc1"),
        get(KV + "a?dc=nope"),
        put(KV + "a?dc=nope", "2"),
        get(KV + "a?ns=x"),
        get(KV + "a?index=x"),
        get(KV + "a?index=-3"),
        get(KV + "a?index=1e3"),
        get(KV + "a?index=18446744073709551616"),
        get(KV + "a?index=1&wait=x"),
        get(KV + "a?index=1&wait=1"),
        get(KV + "a?index=1&wait=-1s"),
        get(KV + "a?index=1&wait=1m1.5s"),
        get(KV + "a?index=0&wait=1h"),
        get(KV + "a?index=99999999&wait=100ms"),
        get(KV + "none?index=99999999&wait=100ms"),
        get(KV + "none/?recurse&index=99999999&wait=50ms"),
        get("/v1/session/list?index=99999999&wait=50ms"),
        put(KV + "a?wait=x", "1"),
        delete(KV + "a?index=x"),
        put(KV + "a?pretty", "1"),
        put(KV + "a?ns=x", "1"),
    ],
    "methods": [
        *(
            Step(method, path)
            for method in ("POST", "HEAD", "OPTIONS", "PATCH")
            for path in (KV + "a", "/v1/txn", "/v1/session/create", "/v1/status/leader")
        ),
        get("/v1/txn"),
        get("/v1/session/create"),
        put("/v1/session/list"),
        get(f"/v1/session/renew/{NOBODY}"),
        put("/v1/status/leader"),
        get("/v1/status/leader"),
        get("/v1/status/peers"),
        get("/v1/nothing"),
        get("/v1/session/nothing"),
        get("/v1/session/renew"),
        get("/nothing"),
        get("/"),
    ],
    "sessions": [
        get("/v1/session/list?stale"),
        session("one", **FREE, Name="one", TTL="15000ms"),
        get("/v1/session/info/<one>"),
        put("/v1/session/renew/<one>"),
        get("/v1/session/list"),
        get("/v1/session/node/consul"),
        get("/v1/session/node/nobody"),
        put("/v1/session/destroy/<one>"),
        put("/v1/session/destroy/<one>"),
        get("/v1/session/info/<one>"),
        put("/v1/session/renew/<one>"),
        get("/v1/session/list"),
        *(
            put(f"/v1/session/{verb}/{wrong}")
            for verb in ("renew", "destroy")
            for wrong in ("", "abc", NOBODY, NOBODY[:-1] + "Z", NOBODY[:-1] + "-", "a" * 36)
        ),
        get("/v1/session/info/"),
        get("/v1/session/info/abc"),
        get(f"/v1/session/info/{NOBODY}"),
        get("/v1/session/node/"),
    ],
    "what a session may be": [
        step
        for body in (
            "",
            "null",
            "{}",
            '{"Checks": ["serfHealth"]}',
            '{"Checks": null}',
            '{"NodeChecks": null}',
            '{"NodeChecks": []}',
            '{"ServiceChecks": []}',
            '{"Checks": [], "NodeChecks": ["serfHealth"]}',
            '{"name": "lower", "ttl": "1m1.5s", "lockdelay": "1500ms"}',
            '{"LockDelay": "999ns"}',
            '{"LockDelay": 5, "TTL": "0s"}',
            '{"LockDelay": 2000000000}',
            '{"LockDelay": 2.5}',
            '{"LockDelay": null, "Behavior": "delete"}',
            '{"LockDelay": -5, "Behavior": ""}',
            f'{{"ID": "{NOBODY}", "Nothing": 1, "Node": "consul"}}',
        )
        for step in (
            put("/v1/session/create", body, "it"),
            get("/v1/session/info/<it>"),
            put("/v1/session/destroy/<it>"),
        )
    ],
    "what a session may not be": [
        put("/v1/session/create", body)
        for body in (
            '{"TTL": "5s"}',
            '{"TTL": "25h"}',
            '{"TTL": "-15s"}',
            '{"TTL": "x"}',
            '{"TTL": "15"}',
            '{"TTL": "1h1"}',
            '{"TTL": "15 s"}',
            '{"TTL": 15}',
            '{"Name": 7}',
            '{"Behavior": "x"}',
            '{"Node": "x"}',
            '{"LockDelay": "x"}',
            '{"Checks": ["x"]}',
            '{"NodeChecks": ["x"]}',
            '{"ServiceChecks": [{"ID": "x"}]}',
            "{",
            "[]",
        )
    ],
    "locks": [
        session("ours", **FREE),
        session("theirs", **FREE),
        put(KV + "l?acquire=<ours>&flags=9", "v1"),
        get(KV + "l"),
        put(KV + "l?acquire=<ours>", "v1"),
        put(KV + "l?acquire=<ours>", "v1"),
        get(KV + "l"),
        put(KV + "l?acquire=<theirs>", "v2"),
        put(KV + "l?release=<theirs>", "v2"),
        put(KV + "l", "over it"),
        get(KV + "l"),
        put(KV + "l?release=<ours>", "v3"),
        get(KV + "l"),
        put(KV + "l?release=<ours>", "v3"),
        put(KV + "l?acquire=<theirs>", "v4"),
        get(KV + "?recurse"),
        put("/v1/session/destroy/<theirs>"),
        get(KV + "l"),
        put(KV + "l?acquire=<ours>", "v5"),
        delete(KV + "l"),
        put(KV + "l?acquire=<ours>", "v6"),
        get(KV + "l"),
        put(KV + f"l?acquire={NOBODY}", "x"),
        put(KV + f"l?release={NOBODY}", "x"),
        put(KV + "l?acquire=abc", "x"),
        put(KV + "l?release=abc", "x"),
        put(KV + "l?acquire=", "x"),
        put(KV + "l?release=", "x"),
        put("/v1/session/destroy/<ours>"),
        get(KV + "l"),
    ],
    "a session that deletes": [
        session("it", **FREE, Behavior="delete"),
        put(KV + "p/a?acquire=<it>", "1"),
        put(KV + "p/b?acquire=<it>", "1"),
        put(KV + "p/c", "1"),
        put("/v1/session/destroy/<it>"),
        get(KV + "p/?recurse"),
        get("/v1/session/list"),
    ],
    "lock delay": [
        session("ours", LockDelay="30s", Checks=[]),
        session("theirs", **FREE),
        put(KV + "delayed/l?acquire=<ours>", "1"),
        put("/v1/session/destroy/<ours>"),
        put(KV + "delayed/l?acquire=<theirs>", "2"),
        txn(op("lock", "delayed/l", "x", Session="<theirs>"), op("get", "none")),
        get(KV + "delayed/l"),
        delete(KV + "delayed/l"),
        put(KV + "delayed/l?acquire=<theirs>", "2"),
        put(KV + "delayed/l", "2"),
        put("/v1/session/destroy/<theirs>"),
    ],
    "transactions that hold": [
        txn(),
        txn({}),
        txn({"KV": None}),
        put("/v1/txn", "null"),
        put("/v1/txn?pretty", "[]"),
        txn(op("set", "a", "1", Flags=3), op("get", "a"), op("set", "e"), op("set", "f", "")),
        txn(op("get-tree", "")),
        txn(op("get-tree", "a"), op("get-tree", "none"), op("get", "a"), query="?consistent"),
        txn(op("check-not-exists", "none"), query="?stale"),
        txn(op("cas", "new", "1", Index=0)),
        txn(op("set", "c", "1"), op("set", "c", "2"), op("get", "c"), op("delete", "c")),
        txn(op("set", "t/1"), op("set", "t/2"), op("delete-tree", "t/"), op("set", "t/3")),
        txn(op("delete", "none"), op("delete-cas", "none", Index=7), op("delete-tree", "none")),
        txn(op("set", "a", "1", Flags=3)),
        put("/v1/txn", '[{"kv":{"verb":"set","key":"low","value":"MQ==","flags":7}}]'),
        put("/v1/txn", '[{"KV":{"Verb":"set","Key":"a"}}] behind'),
        get(KV + "?recurse"),
        txn(op("delete-tree", "")),
        get(KV + "?recurse"),
    ],
    "transactions that do not hold": [
        put(KV + "a", "1"),
        session("it", **FREE),
        txn(
            op("cas", "a", "2", Index=1),
            op("set", "b", "2"),
            op("delete-cas", "a", Index=1),
            op("check-index", "a", Index=1),
            op("check-index", "none", Index=1),
            op("check-session", "a", Session="<it>"),
            op("check-session", "none", Session="<it>"),
            op("check-session", "b", Session=""),
            op("check-not-exists", "a"),
            op("lock", "a", Session=NOBODY),
            op("lock", "a", Session="abc"),
            op("lock", "a"),
            op("unlock", "a", Session="<it>"),
            op("unlock", "a"),
            op("get", "none"),
            op("bogus", "a"),
            op("get-or-empty", "none"),
            op("delete-tree", "a"),
        ),
        get(KV + "?recurse"),
        txn(op("get", "none"), op("check-not-exists", "a"), op("check-index", "a", Index=1)),
        txn(op("bogus", "a")),
        txn(op("set", ""), op("get", "a"), op("get-tree", "")),
        txn({"KV": {}}),
        txn(op("cas", "none", "1", Index=7)),
        txn(op("lock", "l", "1", Session="<it>"), op("check-session", "l", Session="<it>")),
        txn(op("lock", "l", "1", Session="<it>")),
        txn(op("lock", "l", "1", Session=NOBODY)),
        txn(op("unlock", "l", "2", Session="<it>"), op("get", "l")),
        txn(op("lock", "l", "1", Session="<it>"), op("delete", "l"), op("get", "l")),
        get(KV + "?recurse"),
        put("/v1/session/destroy/<it>"),
    ],
    "transactions that cannot be read": [
        *(
            put("/v1/txn", body)
            for body in (
                "",
                "{",
                "{}",
                "[1]",
                '[{"Nope": 1}]',
                '[{"Session": {}}]',
                '[{"KV":{"Verb":"set","Key":"a","Value":"!!"}}]',
                '[{"KV":{"Verb":1,"Key":"a"}}]',
                '[{"KV":{"Verb":"set","Key":7}}]',
                '[{"KV":{"Verb":"set","Key":"a","Index":-1}}]',
                '[{"KV":{"Verb":"set","Key":"a","Flags":"1"}}]',
                '[{"KV":{"Verb":"set","Key":"a","Nope":"1"}}]',
                '[{"KV":7}]',
            )
        ),
        txn(*[op("set", f"m{n}") for n in range(64)]),
        txn(*[op("set", "m")] * 65),
        put("/v1/txn", "[" + " " * 524286 + "]"),
        put("/v1/txn", "[" + " " * 524287 + "]"),
        txn(op("set", "large", "x" * 393000)),
        txn(op("get", "a"), query="?dc=nope"),
        put("/v1/txn?ns=x", "[]"),
    ],
    "JSON that no memory or UTF-8 could hold": [
        put("/v1/txn", "[" * 20_000),
        put("/v1/txn", '[{"KV":' + "[" * 20_000),
        put("/v1/session/create", "[" * 20_000),
        put("/v1/txn", r'[{"KV":{"Verb":"set","Key":"half\udfff","Value":"YQ=="}}]'),
        get(KV + "half%EF%BF%BD"),
        session("it", Name="half\ud800"),
        get("/v1/session/list"),
        put("/v1/session/destroy/<it>"),
        delete(KV + "half%EF%BF%BD"),
        get(KV + "?keys"),
    ],
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_the_answers_are_the_same(pair: Pair, name: str) -> None:
    def transcript(server: KvServer) -> list[dict[str, object]]:
        return comparable(talk(server.url, CONVERSATIONS[name]))

    for server in pair:
        server.wipe()
    real, simulated = transcript(pair.real), transcript(pair.simulated)
    for step, one, other in zip(CONVERSATIONS[name], real, simulated, strict=True):
        assert (step, other) == (step, one)


@pytest.mark.parametrize("seed", range(10))
def test_whatever_is_asked_the_answers_are_the_same(pair: Pair, seed: int) -> None:
    """Requests at random: what nobody thought of."""
    steps = [session("s0", **FREE), session("s1", **FREE, Behavior="delete")]
    rng = random.Random(seed)
    steps += [_any_step(rng) for _ in range(80)]
    steps += [put("/v1/session/destroy/<s0>"), put("/v1/session/destroy/<s1>")]
    steps += [get(KV + "?recurse"), get("/v1/session/list")]
    real, simulated = (comparable(talk(server.url, steps)) for server in _wiped(pair))
    for step, one, other in zip(steps, real, simulated, strict=True):
        assert (step, other) == (step, one)


def _wiped(pair: Pair) -> Pair:
    for server in pair:
        server.wipe()
    return pair


def _any_step(rng: random.Random) -> Step:
    key = rng.choice(("a", "a/", "a/b", "a/c", "ab", "b"))
    value = rng.choice(("", "1", "2"))
    holder = rng.choice(("<s0>", "<s1>", NOBODY))
    query = rng.choice(
        (
            "",
            "",
            "?flags=1",
            "?cas=0",
            "?cas=7",
            f"?cas=<{key}>",
            f"?acquire={holder}",
            f"?release={holder}",
        )
    )
    reads = ("", "?recurse", "?keys", "?keys&separator=/", "?raw")
    deletions = ("", "", "?recurse", "?cas=0", f"?cas=<{key}>")
    match rng.randrange(10):
        case 0 | 1 | 2:
            return put(KV + key + query, value)
        case 3 | 4:
            return get(KV + key + rng.choice(reads))
        case 5:
            return get(KV + key, saves=key)
        case 6:
            return delete(KV + key + rng.choice(deletions))
        case 7:
            return get(KV + rng.choice(("?recurse", "?keys", "none?recurse")))
    verbs = (
        *("set", "set", "cas", "lock", "unlock", "get", "get-tree", "delete", "delete-cas"),
        *("delete-tree", "check-index", "check-session", "check-not-exists"),
    )
    many = rng.choice((1, 1, 2, 4))
    return txn(*(_any_operation(rng, rng.choice(verbs)) for _ in range(many)))


def _any_operation(rng: random.Random, verb: str) -> dict[str, Any]:
    key = rng.choice(("a", "a/", "a/b", "a/c", "ab", "b"))
    return op(
        verb,
        key,
        rng.choice((None, "", "1", "2")),
        Index=rng.choice((0, 7, f"<{key}>")),
        Flags=rng.choice((0, 1)),
        Session=rng.choice(("<s0>", "<s1>", NOBODY)),
    )


KEYS = ("apple", "apply", "b/1", "b/2/x", "b/2/y", "bb", "c")
WATCHED = ("apple", "app?recurse", "apx", "b/?recurse", "b/2/z", "b/3/?recurse", "bz", "zz", "c/d")
WRITES = [
    *(("PUT", key) for key in ("apple", "apz", "aq", "b/1", "b/2/z", "b/4", "d", "c/e")),
    *(("DELETE", key) for key in ("apply", "b/2/x", "b/2/?recurse", "bb", "none")),
]


@pytest.mark.parametrize(("method", "key"), WRITES)
def test_a_write_wakes_the_same_blocking_reads(pair: Pair, method: str, key: str) -> None:
    """Of keys that are, and of those that are not, which wake for neighbours too."""

    def woken(server: KvServer) -> list[str]:
        for each in KEYS:
            requests.put(f"{server.url}{KV}{each}", data="1", timeout=10)
        with ThreadPoolExecutor(len(WATCHED)) as pool:
            waits = {path: pool.submit(_waited_s, server.url, path) for path in WATCHED}
            time.sleep(0.15)
            requests.request(method, f"{server.url}{KV}{key}", data="2", timeout=10)
            return [path for path, waited in waits.items() if waited.result() < 0.55]

    pair.same(woken)


def _waited_s(url: str, path: str) -> float:
    """How long a blocking read of at most 0.7 s took."""
    index = requests.get(f"{url}{KV}{path}", timeout=10).headers["X-Consul-Index"]
    sign = "&" if "?" in path else "?"
    started = time.monotonic()
    requests.get(f"{url}{KV}{path}{sign}index={index}&wait=700ms", timeout=10)
    return time.monotonic() - started


def test_py_consul_sees_the_same(pair: Pair) -> None:
    def work(server: KvServer) -> str:
        host, port = server.url.removeprefix("http://").split(":")
        client = py_consul.Consul(host=host, port=int(port))
        client.http.session.trust_env = False
        made = client.session.create(name="py", ttl=15, lock_delay=0, behavior="delete")
        seen = [
            client.kv.put("p/a", "1", flags=7),
            client.kv.put("p/a", "2", cas=1),
            client.kv.put("p/l", "held", acquire=made),
            client.kv.get("p/a"),
            client.kv.get("p/", recurse=True),
            client.kv.get("", keys=True, separator="/"),
            client.kv.get("none"),
            client.kv.get("none/", recurse=True, index=1, wait="10ms"),
            client.session.info(made),
            client.session.renew(made),
            client.session.list(),
            client.session.node("consul"),
            client.txn.put([op("get", "p/a"), op("set", "p/c", "3")]),
            client.kv.put("p/l", "free", release=made),
            client.session.destroy(made),
            client.kv.delete("p/a", cas=1),
            client.kv.delete("p/", recurse=True),
            client.status.leader().partition(":")[0],
        ]
        return UUID.sub("<uuid>", re.sub(r"Index': \d+|\('\d+'", "<index>", repr(seen)))

    assert "'Flags': 7" in str(pair.same(work))


class TestCommand:
    """The real `consul` command cannot tell them apart."""

    def test_kv(self, pair: Pair, tmp_path: Path) -> None:
        exported = '[{"key": "i/a", "flags": 7, "value": "MQ=="}, {"key": "i/b", "value": ""}]'
        (tmp_path / "import.json").write_text(exported, encoding="utf-8")
        commands = [
            "kv put a 1",
            "kv put -flags=42 s/b two",
            "kv put s/c",
            "kv put -base64 s/d Zm91cg==",
            "kv get a",
            "kv get -detailed s/b",
            "kv get none",
            "kv get -recurse s/",
            "kv get -recurse -detailed",
            "kv get -keys",
            "kv get -keys -separator= s",
            "kv get -base64 s/b",
            "kv put -cas -modify-index=0 a 2",
            "kv put -cas -modify-index=0 n 2",
            "kv put -cas -modify-index=99999 a 2",
            f"kv import @{tmp_path / 'import.json'}",
            "kv export i/",
            "kv export",
            "kv delete a",
            "kv delete none",
            "kv delete -cas -modify-index=99999 s/b",
            "kv delete -recurse s/",
            "kv get -recurse",
            "kv put -acquire -session=abc l x",
            f"kv put -acquire -session={NOBODY} l x",
        ]
        shown = pair.same(lambda server: [consul(server, *line.split()) for line in commands])
        assert "s/b:two" in str(shown)

    def test_compare_and_set_with_the_index_that_it_shows(self, pair: Pair) -> None:
        def work(server: KvServer) -> list[str]:
            consul(server, "kv", "put", "a", "1")
            index = _modify_index(server, "a")
            index_flag = f"-modify-index={index}"
            return [
                consul(server, "kv", "put", "-cas", index_flag, "a", "2"),
                consul(server, "kv", "delete", "-cas", index_flag, "a"),
                consul(server, "kv", "get", "a"),
            ]

        pair.same(work)

    def test_lock(self, pair: Pair) -> None:
        def work(server: KvServer) -> list[str]:
            look = f"{paths.tool('consul')} kv get -recurse the/; exit 3"
            return [
                consul(server, "lock", "-verbose", "-child-exit-code", "the/lock", look),
                consul(server, "kv", "get", "-keys"),
            ]

        assert "the/lock/.lock:" in str(pair.same(work))

    def test_watch(self, pair: Pair) -> None:
        def work(server: KvServer) -> list[object]:
            consul(server, "kv", "put", "w/a", "1")
            shown = consul(server, "watch", "-type=keyprefix", "-prefix=w/")
            one = consul(server, "watch", "-type=key", "-key=w/a")
            return [_without_indexes(shown), _without_indexes(one)]

        pair.same(work)


def consul(server: KvServer, *arguments: str) -> str:
    """Exit code and output of the command, without addresses, ids and indexes."""
    environment = {"PATH": os.environ["PATH"], "CONSUL_HTTP_ADDR": server.url}
    command = [str(paths.tool("consul")), *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    output = f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    output = "\n".join(
        line.split()[0] if line.startswith(("CreateIndex", "ModifyIndex")) else line
        for line in output.splitlines()
    )
    return UUID.sub("<uuid>", ADDRESS.sub("<address>", output))


def _modify_index(server: KvServer, key: str) -> int:
    shown: list[dict[str, int]] = requests.get(f"{server.url}{KV}{key}", timeout=10).json()
    return shown[0]["ModifyIndex"]


def _without_indexes(output: str) -> object:
    """The JSON that `consul watch` prints after the exit code."""
    found = json.loads(output.partition("\n")[2])
    for each in found if isinstance(found, list) else [found]:
        each.pop("CreateIndex")
        each.pop("ModifyIndex")
    return found
