"""Lists of JSON objects of which most are as they were in the answer before.

Decoding is what a large swarm's lists cost: 20,000 tasks are some 40 MB of text. An element whose bytes
stood in the last answer is the same object, and is taken over as it was made of them.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from swarm_operator.observed.errors import Unavailable
from swarm_operator.observed.json import JsonObject

Made = TypeVar("Made")

_FIRST_KEY: Final = re.compile(rb'\s*\[\s*(\{\s*"[^"\\]*"\s*:)')
"""Of a list that begins with an object: how its elements begin, up to their first value."""


_LAST_BRACE: Final = re.compile(rb"\}\s*\]\s*\Z")
_TAIL: Final = 16
"""So many bytes from its end the last brace of a list is looked for."""


class ListReader(Generic[Made]):
    """Reads one list again and again, in one thread."""

    def __init__(self, make: Callable[[JsonObject], Made]) -> None:
        """`make` turns an element into what is kept of it; it may raise what `read` shall raise."""
        self._make = make
        self._last: tuple[bytes, dict[bytes, Made]] = (b"", {})
        self._objects: dict[int, tuple[JsonObject, Made]] = {}
        """Of a transport without text: by `id`, which stays its own while the object is held here."""

    def read(self, response: Any, *, whole: bool = True) -> tuple[Made, ...]:
        """The elements of an HTTP answer, in its order; the same bytes give the very same object.

        `whole` says that the answer is the whole list: what is not in it is forgotten. A response
        whose `content` is None holds decoded JSON already. Raises Unavailable where it is no list
        of objects.
        """
        if response.content is None:
            return self._made_once(response.json(), whole=whole)
        return self.read_bytes(response.content, whole=whole)

    def read_bytes(self, body: bytes, *, whole: bool = True) -> tuple[Made, ...]:
        """The same for the answer's body."""
        split = _split(body)
        if split is None:
            return self._made(_decoded(body))
        head, tails = split
        last_head, last = self._last
        before = last if last_head == head else {}
        found: dict[bytes, Made] = {}
        for tail in tails:
            known = before.get(tail)
            if known is None:
                element = _object(b"%b%b}" % (head, tail))
                if element is None:  # the text was cut in a wrong place, or is no JSON
                    return self._made(_decoded(body))
                known = self._make(element)
            found[tail] = known
        made = tuple(found.values())
        if len(made) != len(tails):  # an element stands twice
            made = tuple(found[tail] for tail in tails)
        self._last = head, found if whole else {**before, **found}
        return made

    def _made_once(self, answer: Any, *, whole: bool) -> tuple[Made, ...]:
        """The very same JSON object, which nobody may change, gives the very same object."""
        before = self._objects
        found = {
            id(raw): before.get(id(raw)) or (raw, self._make(raw)) for raw in _objects_of(answer)
        }
        self._objects = found if whole else {**before, **found}
        return tuple(made for _, made in found.values())

    def _made(self, answer: Any) -> tuple[Made, ...]:
        return tuple(map(self._make, _objects_of(answer)))


def _objects_of(answer: Any) -> list[JsonObject]:
    if answer is None:  # Go's empty list
        return []
    if not isinstance(answer, list) or not all(isinstance(each, dict) for each in answer):
        raise Unavailable("the engine's answer is not a list of objects")
    return answer


def _split(body: bytes) -> tuple[bytes, Sequence[bytes]] | None:
    """How all elements begin, and the rest of each up to its last brace; None where that cannot be
    seen.

    Only a guess: the first key of an element may open an object further inside, too. But where each
    part is a whole object by itself, the text is the list of just these.
    """
    first = _FIRST_KEY.match(body)
    last = _LAST_BRACE.search(body, max(0, len(body) - _TAIL))
    if first is None or last is None:
        return None
    head = first[1]
    inside = body[first.end() : last.start()]
    gap = b"}," if b"}," + head in inside else b"}, "
    return head, inside.split(gap + head)


def _object(text: bytes) -> JsonObject | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise Unavailable("the engine's answer is not JSON: it was cut off") from None
