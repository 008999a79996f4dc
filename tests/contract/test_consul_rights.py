"""Consul with ACLs: what a token may not do is said, or looks empty; the check tells them apart."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swarm_operator.clients.consul import ConsulKv
from swarm_operator.clients.consul_transport import TokenFile
from swarm_operator.observed.errors import Denied, Unavailable
from swarm_operator.observed.kv import Put
from tests.cluster.harness import Lab, eventually

ROOT = "swarm-operator"


class Acl:
    """A Consul that denies by default, and its administrator."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.admin = ConsulKv(lab.consul.url, lab.consul.token)
        self._client = lab.consul.client()
        self._count = 0

    def token(self, *, session: str = "write", **kv: str) -> str:
        """A token with these policies; prefixes as `desired="read"`."""
        self._count += 1
        policies = {f"{ROOT}/{prefix}/": {"policy": right} for prefix, right in kv.items()}
        rules = {"key_prefix": policies, "session_prefix": {"": {"policy": session}}}
        name = f"policy{self._count}"
        self._put("/v1/acl/policy", {"Name": name, "Rules": json.dumps(rules)})
        made = self._put("/v1/acl/token", {"Policies": [{"Name": name}]})
        self.accessor = made["AccessorID"]
        return str(made["SecretID"])

    def delete_last_token(self) -> None:
        self._client.http.delete(
            lambda response: response,
            f"/v1/acl/token/{self.accessor}",
            headers=self._client.prepare_headers(),
        )

    def sessions(self) -> list[Any]:
        return list(self._client.session.list()[1])

    def _put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = self._client.prepare_headers()
        answer = self._client.http.put(lambda r: r, path, data=json.dumps(body), headers=headers)
        assert answer.code == 200, answer.body
        parsed: dict[str, Any] = json.loads(answer.body)
        return parsed


@pytest.fixture(scope="module")
def acl(engine: str) -> Iterator[Acl]:
    with Lab.start(1, 1, engine) as lab:
        lab.consul.start(acl=True)
        made = Acl(lab)
        yield made
        made.admin.close()


@pytest.fixture
def kv(acl: Acl) -> Iterator[Any]:
    """Makes clients with a token."""
    made: list[ConsulKv] = []

    def client(token: Any) -> ConsulKv:
        made.append(ConsulKv(acl.lab.consul.url, token))
        return made[-1]

    acl.admin.commit([Put("desired/a", b"1"), Put("desired/b", b"2"), Put("status/x", b"3")])
    yield client
    for each in made:
        each.close()
    acl.lab.consul.wipe()


FULL = {"desired": "read", "status": "write", "lock": "write"}


def test_a_token_with_all_rights_has_no_problems_and_leaves_nothing(acl: Acl, kv: Any) -> None:
    before = acl.admin.read("")
    assert kv(acl.token(**FULL)).capabilities() == []
    assert acl.admin.read("").entries == before.entries
    assert acl.sessions() == []


def test_in_an_empty_kv_there_are_no_problems_either(acl: Acl, kv: Any) -> None:
    acl.lab.consul.wipe()
    assert kv(acl.token(**FULL)).capabilities() == []
    assert acl.admin.read("").entries == {}


@pytest.mark.parametrize(
    ("rights", "said"),
    [
        ({**FULL, "status": "read"}, ["the token may not write `swarm-operator/status/`"]),
        ({**FULL, "lock": "read"}, ["the token may not write `swarm-operator/lock/`"]),
        ({**FULL, "desired": "deny"}, ["the token may not read `swarm-operator/desired/`"]),
        (
            {**FULL, "session": "read"},
            ["the token may not create sessions (session:write is needed)"],
        ),
        (
            {"desired": "read"},
            [
                "the token may not write `swarm-operator/status/`",
                "the token may not write `swarm-operator/lock/`",
            ],
        ),
    ],
)
def test_what_a_token_lacks_is_named(
    acl: Acl, kv: Any, rights: dict[str, str], said: list[str]
) -> None:
    problems = kv(acl.token(**rights)).capabilities()
    assert problems == said
    assert acl.sessions() == []
    assert acl.admin.read("").entries.keys() == {"desired/a", "desired/b", "status/x"}


def test_to_observe_needs_no_rights_to_write(acl: Acl, kv: Any) -> None:
    assert kv(acl.token(desired="read")).capabilities(writable=()) == []


def test_an_unknown_token_is_told_once(kv: Any) -> None:
    assert kv("11111111-2222-3333-4444-555555555555").capabilities() == [
        "Consul does not know the token (it was deleted, or belongs to another Consul)"
    ]


def test_without_a_token_nothing_is_allowed(kv: Any) -> None:
    assert "the token may not read `swarm-operator/desired/`" in kv(None).capabilities()


def test_a_denied_prefix_looks_empty_and_a_denied_key_does_not(acl: Acl, kv: Any) -> None:
    partly = kv(acl.token(**{"desired/a": "read", "status": "write"}))
    assert partly.read("desired/").entries == {}
    none = kv(acl.token(status="write"))
    assert none.read("desired/").entries == {}
    with pytest.raises(Denied):
        none.get("desired/a")


def test_a_denied_write_names_the_key_and_nothing_is_written(acl: Acl, kv: Any) -> None:
    client = kv(acl.token(**FULL))
    with pytest.raises(Denied, match="may not write `desired/a`"):
        client.commit([Put("status/x", b"new"), Put("desired/a", b"new")])
    assert acl.admin.read("status/").entries["x"].value == b"3"


def test_a_deleted_token_is_denied_and_a_new_one_takes_effect(
    acl: Acl, kv: Any, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_text(acl.token(**FULL))
    client = kv(TokenFile(path))
    assert client.read("desired/").entries.keys() == {"a", "b"}
    acl.delete_last_token()

    def is_denied() -> bool:
        try:
            client.read("desired/")
        except Denied:
            return True
        return False

    eventually(is_denied, within=10)
    path.write_text(acl.token(**FULL))
    assert client.read("desired/").entries.keys() == {"a", "b"}


def test_a_consul_that_is_away_is_no_list_of_problems(acl: Acl) -> None:
    client = ConsulKv("127.0.0.1:9", acl.lab.consul.token, timeout_s=1)
    with pytest.raises(Unavailable):
        client.capabilities()
