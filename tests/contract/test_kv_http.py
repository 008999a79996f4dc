"""Consul's HTTP API as a client sees it: the simulation's answers are those of the real one.

Every conversation is held with a real Consul 1.8.7 and with the simulation, at the same time; no
answer is written down here.
"""

import random
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import consul as py_consul
import pytest
import requests

from tests.contract.http_conversations import (
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
from tests.contract.kv_conversations import CONVERSATIONS, FREE, KV, NOBODY
from tests.contract.kv_pair import Pair, both
from tests.contract.kv_servers import KvServer

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with both(tmp_path_factory) as made:
        yield made


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
