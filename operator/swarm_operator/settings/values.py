"""The kinds of value that settings have: each function reads one from text.

All raise ValueError with what is wrong, as far as there is more to say than "not of that kind".
"""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr


class Mode(StrEnum):
    """What the daemon may do: `observe` plans and reports, and writes nothing to the swarm."""

    ACT = "act"
    OBSERVE = "observe"


class LogFormat(StrEnum):
    """`auto` is `console` on a terminal and `json` elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """The least important lines that are still written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; an empty host is every interface."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def secret(raw: str) -> SecretStr:
    """A token: printable, no blanks inside."""
    if not raw.strip() or any(ord(c) < 33 or ord(c) > 126 for c in raw.strip()):
        raise ValueError("it holds blanks or control characters")
    return SecretStr(raw.strip())


def boolean(raw: str) -> bool:
    """True or false in one of the usual spellings."""
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if raw.lower() not in words:
        raise ValueError
    return words[raw.lower()]


def path(raw: str) -> Path:
    """A path; `~` is the home folder."""
    return Path(raw).expanduser()


def choice(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    """One of an enumeration's words, in any case."""

    def parse(raw: str) -> StrEnum:
        try:
            return kind(raw.lower())
        except ValueError:
            near = difflib.get_close_matches(raw.lower(), [str(m) for m in kind], 1)
            raise ValueError(f"did you mean {near[0]}?" if near else "") from None

    return parse


def duration(least_s: float, most_s: float) -> Callable[[str], float]:
    """Seconds, written as a number with its unit, within bounds."""
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

    def parse(raw: str) -> float:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)", raw.strip())
        if not match:
            raise ValueError("a number and a unit are wanted, e.g. 15s")
        seconds = float(match[1]) * units[match[2]]
        if not least_s <= seconds <= most_s:
            raise ValueError
        return seconds

    return parse


def whole(least: int, most: int) -> Callable[[str], int]:
    """A whole number within bounds."""

    def parse(raw: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", raw.strip()) or not least <= int(raw) <= most:
            raise ValueError
        return int(raw)

    return parse


def docker_host(raw: str) -> str:
    """An engine's address as the Docker CLI takes it, without ssh://."""
    parts = urlsplit(raw)
    if parts.scheme == "unix" and (parts.path or parts.netloc):
        return raw
    if parts.scheme in {"tcp", "http", "https"} and _is_host(parts.hostname) and parts.port:
        return raw
    raise ValueError("ssh:// is not supported: forward the socket" if raw[:3] == "ssh" else "")


def consul_addr(raw: str) -> str:
    """An agent's URL; without a scheme it is http, as for Consul's own command."""
    url = raw if "://" in raw else f"http://{raw}"
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise ValueError("no credentials here: use CONSUL_HTTP_TOKEN_FILE")
    if parts.scheme not in {"http", "https"} or not _is_host(parts.hostname) or parts.port == 0:
        raise ValueError
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("no path here")
    return f"{parts.scheme}://{parts.netloc}"


def root(raw: str) -> str:
    """A KV folder, without slashes at its ends."""
    root = raw.strip("/")
    segments = root.split("/")
    # Consul >= 1.21 refuses "..", and blanks at the ends; its UI splits keys at "/".
    if not re.fullmatch(r"[A-Za-z0-9._@/-]+", root) or {"", ".", ".."} & set(segments):
        raise ValueError
    return root


def traefik_root(raw: str) -> str:
    """A KV folder as Traefik takes it: it never works with a slash at an end (a leading one: without
    a word)."""
    if raw != raw.strip("/"):
        raise ValueError("Traefik finds nothing there")
    return root(raw)


def text(raw: str) -> str:
    """Any text that is not blank."""
    if not raw.strip():
        raise ValueError
    return raw.strip()


def traefik_api(raw: str) -> tuple[str, ...]:
    """URLs of Traefik's API: one with a placeholder for each task of a service, or a list."""
    urls = tuple(part.strip().rstrip("/") for part in raw.split(",") if part.strip())
    for url in urls:
        if set(re.findall(r"\{(.*?)\}", url)) - {"address", "node"}:
            raise ValueError("{address} and {node} are the placeholders")
        parts = urlsplit(url.replace("{address}", "host").replace("{node}", "host"))
        if parts.scheme not in {"http", "https"} or not _is_host(parts.hostname):
            raise ValueError
        if parts.username or parts.password:
            raise ValueError("no credentials here")
    templates = [url for url in urls if "{" in url]
    if not urls or (templates and len(urls) > 1):
        raise ValueError
    return urls


def address(raw: str) -> Address:
    """HOST:PORT, [IPV6]:PORT or :PORT."""
    host, colon, port = raw.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ValueError
    return Address(host, int(port))


def _is_host(name: str | None) -> bool:
    return name is not None and re.fullmatch(r"[A-Za-z0-9_.:%-]+", name) is not None
