"""The provider's API as a pure function: method, path, query and body to a status and JSON.

Any credentials will do: who may do what is the business of the strict double in the tests.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from swarm_operator.simulation.dns.zone import Refusal, Zone

BASE: Final = "/1.0"


class DnsProvider:
    """Zones by name. `now` gives seconds since 1970, for clients that set their clock by it."""

    def __init__(self, zones: Mapping[str, Zone], now: Callable[[], float]) -> None:
        self.zones = zones
        self._now = now

    def answer(
        self, method: str, path: str, query: Mapping[str, str], body: Any
    ) -> tuple[int, Any]:
        """`path` begins below `BASE`. None as JSON: an empty answer."""
        try:
            found = self._answer(method, path, query, body)
        except Refusal as refusal:
            return refusal.status, {"class": refusal.error_class, "message": str(refusal)}
        return (204, None) if found is None else (200, found)

    def _answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Any:
        match method, path.strip("/").split("/"):
            case "GET", ["auth", "time"]:
                return int(self._now())
            case "GET", ["domain", "zone", name, "record"]:
                zone = self._zone(name)
                return zone.matching(query.get("fieldType"), query.get("subDomain"))
            case "POST", ["domain", "zone", name, "record"]:
                return self._zone(name).create(body)
            case "GET", ["domain", "zone", name, "record", id_]:
                return self._zone(name).get(_id(id_))
            case "PUT", ["domain", "zone", name, "record", id_]:
                return self._zone(name).update(_id(id_), body)
            case "DELETE", ["domain", "zone", name, "record", id_]:
                return self._zone(name).delete(_id(id_))
            case "POST", ["domain", "zone", name, "refresh"]:
                return self._zone(name).refresh()
        raise Refusal(404, "Got an invalid (or empty) URL", "Client::NotFound")

    def _zone(self, name: str) -> Zone:
        if name not in self.zones:
            raise Refusal(404, "This service does not exist", "Client::NotFound")
        return self.zones[name]


def _id(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise Refusal(400, "Invalid id")
    return int(text)
