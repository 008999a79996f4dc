"""Labels by way of the KV: Traefik's KV provider makes of our keys what its Swarm provider made of the
labels themselves (recorded, see `tests/plan/routes/labels`)."""

import json
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from swarm_operator.plan.routes.encoding import encode
from tests.cluster.harness import traefik_binary
from tests.contract import traefik_servers
from tests.contract.real_traefik import RealTraefik
from tests.contract.traefik_servers import ROOT, Pair
from tests.plan.routes.recorded import compiled, theirs
from tests.plan.routes.test_swarm_provider_recorded import (
    BAD_SETTINGS,
    CASES,
    DIFFERENT,
    REFUSED_WHOLE,
)

_STAMP: Final = f"{ROOT}/http/middlewares/stamp/headers/customresponseheaders/X-Generation"
_ADDRESSES: Final = {
    "{edge}": "10.11.0.7",
    "{back}": "10.12.0.7",
    "{vip:edge}": "10.11.0.2",
    "{vip:back}": "10.12.0.2",
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    kind = f"traefik-{traefik_binary.newest()}"
    with traefik_servers.running(kind, tmp_path_factory.mktemp("traefik"), 0.05) as made:
        yield made


def written(pair: Pair, keys: dict[str, str]) -> Any:
    """What the provider makes of these keys, alone below the root."""
    pair.store.delete(ROOT, recurse=True)
    generation = f"{time.monotonic_ns()}"
    full = [(f"{ROOT}/{key}", value) for key, value in keys.items()]
    for start in range(0, len(full), 60):
        pair.store.commit(dict(full[start : start + 60]))
    pair.store.put(_STAMP, generation)
    found = pair.eventually(lambda: _received(pair.traefik, generation))
    del found["http"]["middlewares"]["stamp"]
    return found


def _received(traefik: Any, generation: str) -> Any:
    """The configuration with this stamp, as the provider handed it over."""
    assert isinstance(traefik, RealTraefik)
    for line in traefik.log_lines():
        if line.get("message") == "Configuration received" and generation in json.dumps(line):
            return line["config"]
    return None


_SAME: Final = sorted(
    name
    for name in CASES.keys() - DIFFERENT.keys() - REFUSED_WHOLE.keys() - BAD_SETTINGS
    if compiled(CASES[name][0]).tree.objects
)


@pytest.mark.cluster
@pytest.mark.parametrize("name", _SAME)
def test_what_the_labels_say_arrives(pair: Pair, name: str) -> None:
    case, recorded = CASES[name]
    keys = {key: value.decode() for key, value in encode(compiled(case).tree).items()}
    text = json.dumps(keys)
    for place, address in _ADDRESSES.items():
        text = text.replace(place, address)
    found = json.dumps(written(pair, json.loads(text)))
    for place, address in _ADDRESSES.items():
        found = found.replace(f"{address}:", f"{place}:")
    assert theirs(_without_empty(json.loads(found))) == theirs(recorded)


def _without_empty(configuration: Any) -> Any:
    return {
        protocol: {kind: objects for kind, objects in kinds.items() if objects}
        for protocol, kinds in configuration.items()
    }
