"""Terse routes as a label of the service, so that what is published follows from what runs."""

import json
from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import TypeAdapter, ValidationError

from desired_state.problems import dotted
from desired_state.route_forms import ServiceRoute, ServiceRoutes
from swarm_operator.observed.json import canonical
from swarm_operator.plan.bounded import some

_ADAPTER: Final[TypeAdapter[tuple[ServiceRoute, ...]]] = TypeAdapter(ServiceRoutes)


class NotTerseRoutes(ValueError):
    """The label holds no terse routes. Says where; never repeats a value."""


def written(routes: Sequence[ServiceRoute]) -> str:
    """The label's value; equal for equal routes."""
    return canonical([route.model_dump(mode="json", exclude_defaults=True) for route in routes])


def read(value: str) -> tuple[ServiceRoute, ...]:
    """The routes of a label's value. Raises NotTerseRoutes."""
    try:
        found = json.loads(value)
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NotTerseRoutes("holds half a character (a lone surrogate)") from None
    except (ValueError, RecursionError):
        raise NotTerseRoutes("is no JSON") from None
    try:
        return _ADAPTER.validate_python(found)
    except ValidationError as error:
        raise NotTerseRoutes("; ".join(some([*_faults(error)]))) from None


def _faults(error: ValidationError) -> Iterator[str]:
    for details in error.errors(include_url=False, include_input=False):
        defects = details.get("ctx", {}).get("defects") or [((), details["msg"], None)]
        for below, said, _ in defects:
            yield f"{dotted((*details['loc'], *below))}: {said}"
