"""The API of Traefik's instances: what each of them has applied (read only).

Each instance is asked by itself, and soon given up on: one that hangs must not hold up the others.
"""

from typing import Any, Final

import requests

from swarm_operator.clients.connections import Connections, KeepaliveAdapter
from swarm_operator.clients.timing import CallTimer, DurationMetric, NoMetrics
from swarm_operator.observed.errors import Denied, Unavailable

CONNECT_TIMEOUT_S: Final = 0.5
READ_TIMEOUT_S: Final = 1.5


class TraefikApi:
    """Reads what instances say of themselves (implements `TraefikPort`). For one thread."""

    def __init__(
        self,
        *,
        metrics: DurationMetric | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        """Nothing is sent before the first call."""
        self._timer = CallTimer("traefik", metrics or NoMetrics())
        self._timeout_s = (connect_timeout_s, read_timeout_s)
        self._session = requests.Session()
        self._session.trust_env = False
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, KeepaliveAdapter(Connections()))

    def get(self, base: str, path: str) -> Any:
        """The JSON at `path` ("/api/version") of the instance at `base` ("http://10.0.1.5:8080").

        None where the instance says that there is no such thing. Raises Unavailable and Denied.
        """
        with self._timer.timed("GET") as call:
            try:
                response = self._session.get(
                    f"{base}{path}", timeout=self._timeout_s, allow_redirects=False
                )
            except requests.Timeout:
                raise Unavailable(f"Traefik at {base} does not answer in time") from None
            except requests.RequestException:
                raise Unavailable(f"Traefik at {base} cannot be reached") from None
            call.code = str(response.status_code)
        return _understood(response, base)

    def close(self) -> None:
        """Close all connections; the next call opens new ones."""
        self._session.close()


def _understood(response: requests.Response, base: str) -> Any:
    if response.status_code in {401, 403}:
        raise Denied(f"Traefik's API at {base} wants a login ({response.status_code})")
    # Of a router or middleware that is not there the API speaks in JSON; elsewhere a 404 means that
    # there is no API at this address.
    if response.status_code not in {200, 404}:
        raise Unavailable(f"Traefik's API at {base} answered {response.status_code}")
    try:
        answer = response.json()
    except ValueError:
        raise Unavailable(f"what answers at {base} is not Traefik's API") from None
    return answer if response.status_code == 200 else None
