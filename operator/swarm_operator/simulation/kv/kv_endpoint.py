"""`/v1/kv/…`: read, write, lock and delete keys (Consul's agent/kvs_endpoint.go)."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from swarm_operator.simulation.kv.answers import read_answer, read_headers, true_or_false
from swarm_operator.simulation.kv.http import (
    JSON_HEADERS,
    VARY,
    Outcome,
    Rejected,
    Request,
    Response,
)
from swarm_operator.simulation.kv.model import Kv
from swarm_operator.simulation.kv.options import Options, uint64
from swarm_operator.simulation.kv.sessions import SessionRefused
from swarm_operator.simulation.kv.store import Entry
from swarm_operator.simulation.kv.watches import END

PREFIX: Final = "/v1/kv/"
MAX_VALUE_BYTES: Final = 512 * 1024


class KvEndpoint:
    """Serves keys."""

    def __init__(self, kv: Kv) -> None:
        self._kv = kv

    def handle(self, request: Request, options: Options) -> Outcome:
        key = request.path[len(PREFIX) :]
        match request.method:
            case "GET" if "keys" in request.query:
                return self._read(options, key, lambda: self._keys(request, key))
            case "GET" if "recurse" in request.query:
                return self._read(options, key, lambda: self._tree(key))
            case "GET":
                _require(key)
                is_raw = "raw" in request.query
                return self._read(options, key + END, lambda: self._get(key, is_raw))
            case "PUT":
                _require(key)
                return self._put(request, key)
        return self._delete(request, key)

    def _read(self, options: Options, path: str, read: Callable[[], Response]) -> Outcome:
        store = self._kv.store

        def index() -> int:
            if path.endswith(END):
                return store.key_index(path.removesuffix(END))
            return store.tree_index(path)

        def subscribe(wake: Callable[[], None]) -> Callable[[], None]:
            watch = store.watches.add(path, lambda: index() > options.index, wake)
            return lambda: store.watches.remove(watch)

        return read_answer(self._kv, options, index, subscribe, read)

    def _get(self, key: str, is_raw: bool) -> Response:
        entry = self._kv.store.get(key)
        headers = read_headers(self._kv.store.key_index(key))
        if entry is None:
            return Response(404, headers | VARY)
        if is_raw:
            # Without these a browser would run what somebody stored.
            headers |= VARY | {
                "Content-Type": "text/plain",
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "sandbox",
            }
            return Response(200, headers, data=entry.value)
        return Response(200, headers | JSON_HEADERS, [entry.rendered])

    def _tree(self, prefix: str) -> Response:
        store = self._kv.store
        headers = read_headers(store.tree_index(prefix))
        entries = store.tree(prefix)
        if not entries:
            return Response(404, headers | VARY)
        return Response(200, headers | JSON_HEADERS, [entry.rendered for entry in entries])

    def _keys(self, request: Request, prefix: str) -> Response:
        store = self._kv.store
        headers = read_headers(store.tree_index(prefix))
        # An old misspelling still counts.
        separator = request.query.get("separator", request.query.get("seperator", ""))
        keys = store.keys(prefix)
        if not keys and prefix:
            return Response(404, headers | VARY)
        return Response(200, headers | JSON_HEADERS, _folded(keys, len(prefix), separator))

    def _put(self, request: Request, key: str) -> Response:
        query = request.query
        _refuse_conflicts(query, "cas", "acquire", "release")
        flags = uint64(query["flags"]) if "flags" in query else 0
        wanted = uint64(query["cas"]) if "cas" in query else None
        if len(request.body) > MAX_VALUE_BYTES:
            raise too_large(len(request.body), MAX_VALUE_BYTES, "kv_max_value_size")
        session = query.get("acquire", query.get("release", ""))
        entry = Entry(key, request.body, flags, session)
        if "acquire" in query and self._kv.sessions.is_delayed(key):
            return true_or_false(False)
        store, sessions = self._kv.store, self._kv.sessions
        index = store.next_index()
        written: Any
        if wanted is not None:
            written = store.set_if(index, entry, wanted)
        elif "acquire" in query or "release" in query:
            try:
                written = (sessions.lock if "acquire" in query else sessions.unlock)(index, entry)
            except SessionRefused as error:
                raise Rejected(500, str(error)) from None
        else:
            written = store.set(index, entry)
        store.committed()
        return true_or_false(written is not None)

    def _delete(self, request: Request, key: str) -> Response:
        query = request.query
        _refuse_conflicts(query, "recurse", "cas")
        if "recurse" not in query:
            _require(key)
        wanted = uint64(query["cas"]) if "cas" in query else None
        store = self._kv.store
        index = store.next_index()
        done = True
        if wanted is not None:
            done = store.delete_if(index, key, wanted)
        elif "recurse" in query:
            store.delete_tree(index, key)
        else:
            store.delete(index, key)
        store.committed()
        return true_or_false(done)


def too_large(size: int, limit: int, setting: str) -> Rejected:
    """Consul's 413."""
    return Rejected(
        413,
        f"Request body({size} bytes) too large, max size: {limit} bytes. "
        f"See https://www.consul.io/docs/agent/options.html#{setting}.",
    )


def _require(key: str) -> None:
    if not key:
        raise Rejected(400, "Missing key name")


def _refuse_conflicts(query: Any, *names: str) -> None:
    if sum(name in query for name in names) > 1:
        given = urlencode(sorted(query.items()))
        raise Rejected(400, f"Conflicting flags: {given}")


def _folded(keys: list[str], start: int, separator: str) -> list[str]:
    """Keys cut after the first separator beyond `start`, each once."""
    if not separator:
        return keys
    folded: dict[str, None] = {}
    for key in keys:
        at = key.find(separator, start)
        folded[key if at < 0 else key[: at + len(separator)]] = None
    return list(folded)
