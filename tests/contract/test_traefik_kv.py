"""Traefik's KV provider, real and simulated: the encoding table, the traps, the fields by version, the
throttle, and what freezes it. What differs here is wrong in the simulation, or in the field table."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from swarm_operator.plan.routes.encoding import encode
from swarm_operator.plan.routes.fields import (
    Field,
    FieldType,
    Version,
    as_element,
    child,
    find,
    version_of,
)
from swarm_operator.plan.routes.keys import merged
from swarm_operator.plan.routes.tree import RouteTree, Value
from tests.cluster.harness import traefik_binary
from tests.contract import traefik_servers
from tests.contract.real_traefik import RealTraefik
from tests.contract.simulated_traefik import SimulatedPair, simulated_pair
from tests.contract.traefik_servers import ROOT, THROTTLE_S, Pair
from tests.plan.routes import all_fields
from tests.plan.routes.key_cases import CASES, Case, part_of
from tests.plan.routes.trees import LAW, objects

AnyPair = Pair | SimulatedPair

STAMP = f"{ROOT}/http/middlewares/stamp/headers/customresponseheaders/X-Generation"
_SIMULATED = [
    pytest.param(f"simulation-{version}", id=f"simulation-{version}")
    for version in traefik_binary.versions().values()
]


@pytest.fixture(scope="module", params=[*traefik_servers.SERVERS, *_SIMULATED])
def shared_pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AnyPair]:
    with _running(request.param, tmp_path_factory) as made:
        yield made


@contextmanager
def _running(kind: str, folders: pytest.TempPathFactory) -> Iterator[AnyPair]:
    if kind.startswith("simulation-"):
        yield simulated_pair(kind.removeprefix("simulation-"))
        return
    with traefik_servers.running(kind, folders.mktemp("traefik")) as made:
        yield made


@pytest.fixture
def pair(shared_pair: AnyPair) -> Iterator[AnyPair]:
    """A Traefik that has just started, and nothing below its root."""
    yield shared_pair
    shared_pair.store.delete(ROOT, recurse=True)
    shared_pair.traefik.restart()


def version(pair: AnyPair) -> Version:
    found = version_of(pair.traefik.version)
    assert found is not None
    return found


def stamp(pair: AnyPair) -> str | None:
    found = pair.traefik.api("http/middlewares/stamp@consul")
    if found is None:
        return None
    said: str = found["headers"]["customResponseHeaders"]["X-Generation"]
    return said


def write(pair: AnyPair, keys: dict[str, str]) -> str:
    """Write keys, relative to the root, and a stamp last. Returns the stamp."""
    generation = f"{time.monotonic_ns()}"
    full = [(f"{ROOT}/{key}", value) for key, value in keys.items()]
    for start in range(0, len(full), 60):
        pair.store.commit(dict(full[start : start + 60]))
    pair.store.put(STAMP, generation)
    return generation


def is_frozen(pair: AnyPair, keys: dict[str, str]) -> bool:
    """Whether a Traefik that finds these keys takes no configuration at all."""
    generation = write(pair, keys)
    pair.traefik.restart()
    pair.eventually(lambda: stamp(pair) == generation or _has_refused(pair), 30)
    return stamp(pair) != generation


def _has_refused(pair: AnyPair) -> bool:
    """A real one says so in its log; the simulated one has had time enough."""
    if isinstance(pair, SimulatedPair):
        pair.wait(1)
        return stamp(pair) is None
    assert isinstance(pair.traefik, RealTraefik)
    return any(line.get("providerName") == "consul" for line in pair.traefik.errors())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(pair: AnyPair, case: Case) -> None:
    if version(pair) < case.needs:
        pytest.skip(f"needs Traefik {case.needs}")
    if case.frozen is not None:
        assert is_frozen(pair, dict(case.keys))
        return
    generation = write(pair, dict(case.keys))
    pair.eventually(lambda: stamp(pair) == generation)
    case.check(pair.traefik.api)


def test_all_fields_of_its_version_are_taken(pair: AnyPair) -> None:
    keys = all_fields.keys(version(pair))
    assert len(keys) > 240
    assert not is_frozen(pair, keys)


@settings(LAW, max_examples=4, phases=[Phase.generate])
@given(data=st.data())
def test_any_tree_that_is_written_is_taken_as_it_was_meant(
    pair: AnyPair, data: st.DataObject
) -> None:
    items = data.draw(st.lists(objects(version(pair)), min_size=8, max_size=20))
    tree = RouteTree.of({merged(item.id): item for item in items}.values())
    pair.store.delete(ROOT, recurse=True)
    keys = {key: value.decode() for key, value in encode(tree).items()}
    generation = write(pair, keys)
    pair.eventually(lambda: stamp(pair) == generation)
    for item in tree:
        if item.id.protocol == "tls" or item.id.kind in {"serverstransports", "models"}:
            continue  # the API does not show these
        if "parentrefs" in item.body:
            continue  # without its parents Traefik takes such a router out
        answer = pair.traefik.api(quote(f"{item.id.path}@consul", safe="/@"))
        assert answer is not None, item.id
        shape = find(item.id.protocol, item.id.kind)
        assert shape is not None
        assert part_of(_said(shape, item.body), _bare(answer)), (item.body, answer)


def _bare(answer: Any) -> Any:
    """Without the provider that Traefik adds to names."""
    if isinstance(answer, Mapping):
        return {name: _bare(each) for name, each in answer.items()}
    if isinstance(answer, list):
        return [_bare(each) for each in answer]
    return answer.removesuffix("@consul") if isinstance(answer, str) else answer


def _said(shape: Field, value: Value) -> Any:
    """What the API must show of a value: it leaves out what is empty, and writes durations anew."""
    if isinstance(value, tuple):
        return list(value)
    if not isinstance(value, Mapping):
        return value
    if shape.type is FieldType.STRUCTS:
        return [_said(as_element(shape), each) for _, each in sorted(value.items(), key=_by_path)]
    shown = {}
    for name, each in value.items():
        below = child(shape, name)
        assert below is not None
        if below.type in _SHOWN and each not in ("", 0, False):
            shown[below.name if shape.has_fields else name] = _said(below, each)
    return shown


_SHOWN = frozenset(FieldType) - {FieldType.DURATION, FieldType.RAW}


def _by_path(element: tuple[str, Value]) -> str:
    """Keys sort as text, with what is below their element."""
    return f"{element[0]}/"


def test_every_newer_field_is_refused(pair: AnyPair) -> None:
    newer = all_fields.newer(version(pair))
    assert newer or version(pair) >= (3, 7, 0)
    for path, key in newer.items():
        assert is_frozen(pair, key), path
        pair.store.delete(ROOT, recurse=True)


def test_the_first_change_is_taken_at_once_and_the_next_after_the_throttle(pair: AnyPair) -> None:
    generation = write(pair, {})
    pair.eventually(lambda: stamp(pair) == generation)
    # A busy machine may take longer than the throttle between two lines.
    assert any(_three_changes_are_two(pair) for _ in range(5))


def _three_changes_are_two(pair: AnyPair) -> bool:
    pair.wait(3 * THROTTLE_S)
    reloads = pair.traefik.reloads()
    first = write(pair, {})
    pair.eventually(lambda: stamp(pair) == first)
    write(pair, {})
    third = write(pair, {})
    pair.wait(THROTTLE_S * 0.2)
    waits = stamp(pair) == first
    pair.eventually(lambda: stamp(pair) == third)
    return waits and pair.traefik.reloads() == reloads + 2


def test_nothing_below_the_root_is_an_answer_and_keys_that_say_nothing_are_not(
    pair: AnyPair,
) -> None:
    generation = write(pair, {"http/routers/last/rule": "Host(`x`)"})
    pair.eventually(lambda: stamp(pair) == generation)
    pair.store.put("traefik-beside", "begins with the root, too")
    pair.store.delete(f"{ROOT}/", recurse=True)
    pair.wait(3)
    assert stamp(pair) == generation, "skipped: Traefik holds on to what it had"
    pair.store.delete("traefik-beside")
    pair.eventually(lambda: stamp(pair) is None)


def test_a_bad_key_stops_all_changes_until_it_goes(pair: AnyPair) -> None:
    before = write(pair, {})
    pair.eventually(lambda: stamp(pair) == before)
    pair.store.put(f"{ROOT}/http/routers/r/nonsense", "x")
    after = write(pair, {})
    pair.wait(2)
    assert stamp(pair) == before
    pair.store.delete(f"{ROOT}/http/routers/r/nonsense")
    pair.eventually(lambda: stamp(pair) == after, 25)
