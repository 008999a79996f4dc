"""Lists for people, and for values of the KV that have a limit."""

from collections.abc import Sequence
from typing import Final

MOST: Final = 50
"""Lines that are shown of a list."""


def some(lines: Sequence[str]) -> tuple[str, ...]:
    """The first lines, and how many more there are."""
    if len(lines) <= MOST:
        return tuple(lines)
    return (*lines[:MOST], f"… and {len(lines) - MOST} more")
