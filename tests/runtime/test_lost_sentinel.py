"""A KV that lost its sentinel: nothing is touched, and no stack looks well."""

from tests.laws.worlds import INSTALLATION
from tests.runtime.bench import DESIRED, Bench, one


def test_every_stack_is_held_until_the_sentinel_is_back() -> None:
    bench = Bench()
    bench.push("shop", one("image"))
    bench.run(5)
    assert bench.status("shop").state == "Ready"
    services = list(bench.services)

    bench.kv.delete(f"{DESIRED}.installation")
    bench.push("shop", one("other"))
    bench.run(10)
    held = bench.status("shop")
    assert (held.state, held.reason) == ("Held", "Incomplete")
    assert ".installation" in held.message
    assert bench.services == services
    assert [verb for verb, _ in bench.swarm.calls if verb != "create"] == []

    bench.kv.put(f"{DESIRED}.installation", INSTALLATION.encode())
    bench.run(20)
    assert bench.status("shop").state == "Ready"
    assert ("update", "shop_web") in bench.swarm.calls
