"""Which versions of the API an engine speaks, and what it says to others."""

import re
from typing import Final

from swarm_operator.simulation.api.message import ApiVersion

OLDEST: Final[ApiVersion] = (1, 24)
"""What engines 25 to 28 still accept."""

_NEWEST_BY_ENGINE: Final[tuple[tuple[tuple[int, int], ApiVersion], ...]] = (
    ((28, 3), (1, 51)),
    ((28, 2), (1, 50)),
    ((28, 1), (1, 49)),
    ((28, 0), (1, 48)),
    ((27, 2), (1, 47)),
    ((27, 0), (1, 46)),
    ((26, 0), (1, 45)),
    ((25, 0), (1, 44)),
    ((24, 0), (1, 43)),
    ((23, 0), (1, 42)),
    ((0, 0), (1, 41)),
)
"""moby's release notes: from this engine on, this API."""


def newest_of(engine_version: str) -> ApiVersion:
    """The newest API of an engine such as "26.1.5"; 1.41 for 20.10 and what is older."""
    match = re.match(r"(\d+)\.(\d+)", engine_version)
    release = (int(match[1]), int(match[2])) if match else (0, 0)
    return next(api for engine, api in _NEWEST_BY_ENGINE if release >= engine)


def spelled(version: ApiVersion) -> str:
    return f"{version[0]}.{version[1]}"


def objects_in_text(asked: ApiVersion, newest: ApiVersion) -> bool:
    """Whether the objection is plain text and no JSON: to old versions, but for engines 25 to 27."""
    return asked < OLDEST and not (1, 44) <= newest <= (1, 47)


def objection(asked: ApiVersion, newest: ApiVersion) -> str | None:
    """The engine's text where it does not speak the version asked for (moby's version
    middleware); None where it does."""
    if asked > newest:
        return (
            f"client version {spelled(asked)} is too new. "
            f"Maximum supported API version is {spelled(newest)}"
        )
    if asked < OLDEST:
        return (
            f"client version {spelled(asked)} is too old. Minimum supported API version is "
            f"{spelled(OLDEST)}, please upgrade your client to a newer version"
        )
    return None
