"""The operator's own stack: written last, never removed."""

from desired_state import keys
from desired_state.records import Tombstone
from swarm_operator.plan.ownership import SELF_LABEL
from tests.laws.worlds import Document
from tests.runtime.bench import DESIRED, Bench


def _document(image: str, *, is_own: bool = False) -> Document:
    labels = {SELF_LABEL: "true"} if is_own else {}
    service = {"image": image, "deploy": {"labels": labels}}
    return {"services": {"web": service, "db": {"image": image, "deploy": {"labels": labels}}}}


def _names(bench: Bench) -> set[str]:
    return {service.name for service in bench.swarm.snapshot.services}


def test_the_own_stack_is_written_last() -> None:
    bench = Bench()
    for stack in ("alpha", "zulu"):
        bench.push(stack, _document("one", is_own=stack == "alpha"))
    bench.run(5)
    bench.swarm.calls.clear()
    for stack in ("zulu", "alpha"):
        bench.push(stack, _document("two", is_own=stack == "alpha"))
    bench.run(5)
    stacks = [name.partition("_")[0] for verb, name in bench.swarm.calls if verb == "update"]
    assert stacks == ["zulu", "zulu", "alpha", "alpha"]


def test_no_tombstone_and_no_edit_removes_the_own_services() -> None:
    bench = Bench()
    bench.push("alpha", _document("one", is_own=True))
    bench.push("other", _document("one"))
    bench.run(5)
    assert _names(bench) == {"alpha_web", "alpha_db", "other_web", "other_db"}
    for stack in ("alpha", "other"):
        bench.vanish(stack)
        bench.kv.put(f"{DESIRED}{keys.removed_key(stack)}", Tombstone(who="ann").encode())
    bench.run(30)
    assert _names(bench) == {"alpha_web", "alpha_db"}, "the control stack goes, ours stays"
