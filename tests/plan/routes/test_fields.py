"""The field table: against Traefik's own reference lists, and by version."""

from pathlib import Path

import pytest

from swarm_operator.plan.routes.check import problems
from swarm_operator.plan.routes.decoding import decode
from swarm_operator.plan.routes.encoding import encode
from swarm_operator.plan.routes.fields import (
    FieldType,
    field_at,
    find,
    known,
    nearest,
    version_of,
    version_text,
)
from swarm_operator.plan.routes.tree import ObjectId

REFERENCES = sorted((Path(__file__).parent / "reference").glob("*.txt"))
UNREADABLE = "http/services/Service01/failover/healthCheck"
"""Listed by Traefik, and refused by it."""


def keys_of(path: Path) -> dict[str, bytes]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {key: value.encode() for key, _, value in (line.partition(" ") for line in lines)}


@pytest.mark.parametrize("path", REFERENCES, ids=lambda path: path.stem)
def test_all_of_traefiks_own_list_is_read(path: Path) -> None:
    version = version_of(path.stem)
    assert version is not None
    decoded = decode(keys_of(path), version)
    assert [fault.key for fault in decoded.faults] == [UNREADABLE]
    assert len(decoded.tree) == 52
    found = [each for item in decoded.tree for each in problems(item, version)]
    # The list's users are `foobar`, which Traefik reads and then cannot use.
    assert [str(each) for each in found if each.path[-1:] != ("users",)] == []
    assert {each.path[0] for each in found} == {"basicauth", "digestauth"}
    assert decode(encode(decoded.tree), version).tree == decoded.tree


@pytest.mark.parametrize(
    ("path", "older"), [(REFERENCES[1], (3, 0, 4)), (REFERENCES[2], (3, 3, 7))]
)
def test_an_older_traefik_does_not_know_all_of_it(path: Path, older: tuple[int, int, int]) -> None:
    """The control: the table tells versions apart as the lists do."""
    before = {_plain(key) for key in keys_of(REFERENCES[REFERENCES.index(path) - 1])}
    faults = {fault.key for fault in decode(keys_of(path), older).faults} - {UNREADABLE}
    assert faults
    assert {_plain(key) for key in faults}.isdisjoint(before)


def _plain(key: str) -> str:
    """Without the running number of its object."""
    protocol, kind, _, *rest = key.split("/")
    return "/".join((protocol, kind, *rest))


@pytest.mark.parametrize(
    ("path", "since"),
    [
        ("http/services/loadbalancer/passivehealthcheck/failurewindow", "3.6"),
        ("http/services/loadbalancer/servers/t/preservepath", "3.2"),
        ("http/services/loadbalancer/servers/t/weight", "3.0"),
        ("http/services/loadbalancer/strategy", "3.4"),
        ("http/services/loadbalancer/healthcheck/unhealthyinterval", "3.5"),
        ("http/services/failover/errors/status", "3.7"),
        ("http/services/middlewares", "3.7"),
        ("http/services/highestrandomweight/services/0/name", "3.6"),
        ("http/routers/observability/metrics", "3.3"),
        ("http/routers/parentrefs", "3.6"),
        ("http/middlewares/retry/status", "3.7"),
        ("http/middlewares/errors/errorrequestheaders", "3.6.15"),
        ("http/middlewares/compress/defaultencoding", "3.0.2"),
        ("tcp/serverstransports/proxyprotocol/version", "3.5.2"),
        ("tcp/services/loadbalancer/healthcheck/send", "3.6"),
        ("tls/options/disablesessiontickets", "3.4"),
    ],
)
def test_since_when_a_field_is_known(path: str, since: str) -> None:
    protocol, kind, *rest = path.split("/")
    found = field_at(protocol, kind, rest)
    assert found is not None
    assert version_text(found.since) == since
    before = version_of(f"{since}-rc.1")
    assert before is not None
    named = ObjectId("http", "routers", "x")
    if (protocol, kind) == ("http", "routers"):
        assert known(named, rest, found.since)
        assert not known(named, rest, before)


def test_versions() -> None:
    assert version_of("3.7.15") == (3, 7, 15)
    assert version_of("v3.7") == (3, 7, 0)
    assert version_of("3.7.0-rc.1") == (3, 7, -1)
    assert version_of("dev") is None
    assert version_text((3, 6, 9)) == "3.6.9"


def test_secrets_are_marked() -> None:
    users = field_at("http", "middlewares", ("basicauth", "users"))
    rule = field_at("http", "routers", ("rule",))
    key = field_at("tls", "certificates", ("keyfile",))
    assert users is not None
    assert rule is not None
    assert key is not None
    assert (users.secret, rule.secret, key.secret) == (True, False, True)


def test_what_was_perhaps_meant() -> None:
    router = find("http", "routers")
    assert router is not None
    assert nearest(router, "entrypoint") == "entryPoints"
    assert nearest(router, "zzz") is None
    assert router.fields["tls"].type is FieldType.PRESENCE
