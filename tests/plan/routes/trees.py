"""Trees for the laws of how routes are written: single objects of every kind, and whole small worlds."""

import os
import string
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from swarm_operator.plan.routes.fields import TABLE, Field, FieldType, Version, as_element, find
from swarm_operator.plan.routes.folding import folded
from swarm_operator.plan.routes.tree import Body, ObjectId, Protocol, RouteObject, RouteTree, Value

_SOAKS = os.environ.get("HYPOTHESIS_PROFILE") == "soak"

LAW = settings(
    max_examples=2000 if _SOAKS else 60,
    derandomize=not _SOAKS,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
"""As the profiles of `tests/laws` have it."""

NEWEST: Version = (3, 7, 9)

_NAMES = st.text(string.ascii_letters + string.digits + "-_.:é ", min_size=1, max_size=8).filter(
    lambda name: name == name.strip() and not name.isdigit() and ".." not in name
)
_ELEMENTS = st.one_of(_NAMES, st.integers(0, 120).map(str))
_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12).map(
    str.strip
)
_ITEMS = st.text(string.printable.replace(",", ""), min_size=1, max_size=6).filter(
    lambda text: text == text.strip()
)
_DURATIONS = st.sampled_from(("10", "500ms", "1m30s", "0", "1.5h", "-1", "100us"))


_VALUES: Mapping[FieldType, st.SearchStrategy[Any]] = {
    FieldType.STR: _TEXTS,
    FieldType.INT: st.integers(-(2**63), 2**63 - 1),
    FieldType.BOOL: st.booleans(),
    FieldType.DURATION: _DURATIONS,
    FieldType.LIST: st.lists(_ITEMS, min_size=1, max_size=4).map(tuple),
    FieldType.RAW: st.deferred(lambda: _raw()),  # noqa: PLW0108 - defined below,
}


def kinds() -> list[tuple[Protocol, str]]:
    """All kinds of objects that the KV has."""
    return [
        (protocol, kind)
        for protocol in ("http", "tcp", "udp", "tls")
        for kind in TABLE[protocol].fields
        if find(protocol, kind) is not None
    ]


def objects(version: Version = NEWEST) -> st.SearchStrategy[RouteObject]:
    """Any object that nothing speaks against."""
    return st.sampled_from(kinds()).flatmap(lambda kind: _object(*kind, version))


def _object(protocol: Protocol, kind: str, version: Version) -> st.SearchStrategy[RouteObject]:
    shape = find(protocol, kind)
    assert shape is not None
    fields = _known(shape, version)
    if kind in {"services", "middlewares"}:
        # Two types in one are refused.
        types = [name for name in fields if name != "middlewares"]
        body: st.SearchStrategy[Body] = st.sampled_from(types).flatmap(
            lambda name: values(fields[name], version).map(lambda value: {name: value})
        )
    else:
        body = _struct(shape, version, least=1)
    return st.builds(
        lambda name, body: RouteObject(ObjectId(protocol, kind, name), body), _NAMES, body
    )


def _known(shape: Field, version: Version) -> dict[str, Field]:
    return {
        name: each
        for name, each in shape.fields.items()
        if each.is_writable and each.since <= version
    }


def _struct(shape: Field, version: Version, least: int) -> st.SearchStrategy[Body]:
    fields = _known(shape, version)
    some = st.sets(st.sampled_from(sorted(fields)), min_size=least, max_size=6)
    return some.flatmap(
        lambda names: st.fixed_dictionaries(
            {name: values(fields[name], version) for name in sorted(names)}
        )
    )


def values(shape: Field, version: Version) -> st.SearchStrategy[Any]:
    """Any value of a field, in canonical form."""
    match shape.type:
        case simple if simple in _VALUES:
            return _VALUES[simple]
        case FieldType.MAP:
            assert shape.of is not None
            return _entries(_NAMES, values(shape.of, version))
        case FieldType.STRUCTS:
            return _entries(_ELEMENTS, _struct(as_element(shape), version, least=1))
        case FieldType.PRESENCE:
            if not shape.fields:
                return st.just({})
            return _struct(shape, version, least=0)
        case _:
            return _struct(shape, version, least=1)


def _entries(
    names: st.SearchStrategy[str], entries: st.SearchStrategy[Any]
) -> st.SearchStrategy[Mapping[str, Value]]:
    """Names differ, whatever their case."""
    found = st.lists(st.tuples(names, entries), min_size=1, max_size=4)
    return found.map(lambda pairs: {folded(n): (n, v) for n, v in pairs}).map(
        lambda by_name: dict(by_name.values())
    )


def _raw() -> st.SearchStrategy[Any]:
    return st.recursive(_TEXTS, lambda inner: _entries(_NAMES, inner), max_leaves=4)


def trees(version: Version = NEWEST) -> st.SearchStrategy[RouteTree]:
    """Any objects, no two with one name."""
    found = st.lists(objects(version), max_size=5)
    return found.map(
        lambda items: RouteTree.of(
            {
                (item.id.protocol, item.id.kind, folded(item.id.name)): item for item in items
            }.values()
        )
    )
