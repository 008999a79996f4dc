"""The cases of `cases/*.yaml`, and how their expectations are held against an API's answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from swarm_operator.plan.routes.fields import OLDEST, Version, version_of


@dataclass(frozen=True)
class Case:
    """Keys, and what Traefik makes of them."""

    name: str
    keys: Mapping[str, str]
    shows: Mapping[str, Any] = field(default_factory=dict)
    disabled: Mapping[str, str] = field(default_factory=dict)
    frozen: str | None = None
    needs: Version = OLDEST

    def __str__(self) -> str:
        return self.name

    def check(self, api: Callable[[str], Any]) -> None:
        """Ask an API ("http/routers/r@consul") for everything that the case tells."""
        for path, wanted in self.shows.items():
            answer = api(quote(f"{path}@consul", safe="/@"))
            if wanted is None:
                assert answer is None, path
            else:
                assert answer is not None, f"{path} is not there"
                assert part_of(wanted, answer), f"{path}: {answer}"
        for path, reason in self.disabled.items():
            answer = api(quote(f"{path}@consul", safe="/@"))
            assert answer is not None, f"{path} is not there"
            assert answer["status"] == "disabled", answer
            assert reason in " ".join(answer["error"])


def part_of(wanted: Any, found: Any) -> bool:
    """Whether `found` has at least what is wanted; null wants nothing to be there."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            part_of(value, found.get(name)) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(map(part_of, wanted, found))
        )
    return bool(wanted == found)


def _case(told: dict[str, Any]) -> Case:
    needs = version_of(told.pop("needs", "3.0.0"))
    assert needs is not None
    return Case(**told, needs=needs)


CASES = [
    _case(told)
    for path in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    for told in yaml.safe_load(path.read_text(encoding="utf-8"))
]
