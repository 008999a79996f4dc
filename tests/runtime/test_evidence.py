"""A stack is not removed because its document is hidden from us."""

from desired_state import keys
from desired_state.records import Tombstone
from swarm_operator.observed.errors import Denied
from swarm_operator.observed.kv import KvEntry
from tests.cli.fake_kv import FakeKv
from tests.runtime.bench import DESIRED, Bench, one

DOCUMENT = f"{DESIRED}stacks/shop/compose.yaml"


class PartlyDenied(FakeKv):
    """Lists leave out what the token may not see; a single key is refused."""

    hidden = ""

    def get(self, key: str) -> KvEntry | None:
        if self.hidden and key.startswith(self.hidden):
            raise Denied(f"the token may not read `{key}`")
        return super().get(key)


def _bench_with_a_policy(kv: FakeKv) -> Bench:
    bench = Bench(kv=kv)
    kv.put(f"{DESIRED}policy", "prune_stacks: auto\ngrace: 5s\n")
    bench.push("shop", one("image"))
    bench.run(5)
    assert bench.services
    return bench


def test_a_hidden_folder_is_not_pruned() -> None:
    kv = PartlyDenied()
    bench = _bench_with_a_policy(kv)
    bench.vanish("shop")
    kv.hidden = f"{DESIRED}stacks/shop/"
    bench.run(60)
    assert bench.services
    assert bench.status("shop").reason == "NoEvidence"


def test_a_folder_that_is_gone_is_pruned() -> None:
    bench = _bench_with_a_policy(PartlyDenied())
    bench.vanish("shop")
    bench.run(60)
    assert not bench.services


def test_a_tombstone_removes_nothing_while_the_document_is_hidden() -> None:
    kv = PartlyDenied()
    bench = _bench_with_a_policy(kv)
    bench.vanish("shop")
    kv.put(f"{DESIRED}{keys.removed_key('shop')}", Tombstone(who="ann").encode())
    kv.hidden = f"{DESIRED}stacks/shop/"
    bench.run(60)
    assert bench.services
    kv.hidden = ""
    bench.run(60)
    assert not bench.services
