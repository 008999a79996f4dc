"""Registry credentials out of a Docker `config.json`, as `docker login` writes it. Pure."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from swarm_operator.observed.json import JsonObject

DOCKER_HUB: Final = "docker.io"
_HUB_NAMES: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_HUB_ADDRESS: Final = "https://index.docker.io/v1/"


@dataclass(frozen=True, slots=True)
class RegistryCredentials:
    """The values of X-Registry-Auth by registry; they never show in a repr."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()
    """What the file holds that cannot be used here, for people."""

    def auth_for(self, image: str) -> str | None:
        """The value of X-Registry-Auth for an image reference; None where we have none."""
        return self.headers.get(registry_of(image))


def parse(content: bytes) -> RegistryCredentials:
    """Read a `config.json`. Raises ValueError, with a text that holds nothing of the content."""
    try:
        document = json.loads(content)
    except ValueError:
        raise ValueError("the registry credentials are not JSON (a Docker config.json)") from None
    auths = document.get("auths", {}) if isinstance(document, dict) else None
    if not isinstance(auths, dict):
        raise ValueError(  # noqa: TRY004 - the file is wrong, not the caller's type
            "the registry credentials are no Docker config.json: no object `auths`"
        )
    headers = {}
    warnings = list(_helper_warnings(document))
    for address, entry in auths.items():
        header = _header(address, entry) if isinstance(entry, dict) else None
        if header is None:
            warnings.append(f"no usable credentials for {hostname(address)}: log in again")
        else:
            headers[hostname(address)] = header
    return RegistryCredentials(headers, tuple(warnings))


def registry_of(image: str) -> str:
    """The registry that an image reference names (distribution/reference): the part before the
    first slash where it looks like a host, Docker Hub otherwise."""
    first, slash, _ = image.partition("/")
    is_host = "." in first or ":" in first or first == "localhost"
    return _canonical(first) if slash and is_host else DOCKER_HUB


def hostname(address: str) -> str:
    """The registry that a key of `auths` names: https://index.docker.io/v1/ → docker.io."""
    return _canonical(address.partition("://")[2].partition("/")[0] or address.partition("/")[0])


def _canonical(host: str) -> str:
    return DOCKER_HUB if host in _HUB_NAMES else host


def _helper_warnings(document: JsonObject) -> list[str]:
    names = [name for name in ("credsStore", "credHelpers") if document.get(name)]
    return [f"`{name}` needs a program that is not here: its logins are not used" for name in names]


def _header(address: str, entry: JsonObject) -> str | None:
    server = _HUB_ADDRESS if hostname(address) == DOCKER_HUB else hostname(address)
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return _encoded({"identitytoken": token, "serveraddress": server})
    username, password = _login(entry)
    if not username or not password:
        return None
    return _encoded({"username": username, "password": password, "serveraddress": server})


def _login(entry: JsonObject) -> tuple[Any, Any]:
    combined = entry.get("auth")
    if not isinstance(combined, str) or not combined:
        return entry.get("username"), entry.get("password")
    try:
        # The command line pads the password with NULs in some versions (docker/cli).
        text = base64.b64decode(combined, validate=True).decode("utf-8").rstrip("\x00")
    except (binascii.Error, UnicodeDecodeError):
        return None, None
    username, _, password = text.partition(":")
    return username, password


def _encoded(value: JsonObject) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode("ascii")
