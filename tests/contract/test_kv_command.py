"""What the real `consul` command prints, of a real Consul and of the simulation."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.cluster.harness import paths
from tests.contract.http_conversations import ADDRESS, UUID
from tests.contract.kv_conversations import KV, NOBODY
from tests.contract.kv_pair import Pair, both
from tests.contract.kv_servers import KvServer

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with both(tmp_path_factory) as made:
        yield made


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
