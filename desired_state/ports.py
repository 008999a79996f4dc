"""Published ports, from docker/cli's short and long forms (go-connections/nat, swarmopts)."""

import ipaddress
import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from desired_state.forms import Model, defect, kind_of, unique


class Port(Model):
    """One published port of a service."""

    target: int = Field(default=0, ge=0, le=65535, description="The port in the container.")
    published: int = Field(
        default=0, ge=0, le=65535, description="The port on the nodes; absent: Swarm chooses one."
    )
    protocol: str = Field(default="", description="tcp (default), udp or sctp.")
    mode: str = Field(
        default="",
        description="ingress (default): every node answers. host: the nodes of the tasks do.",
    )


_RANGE: Final = re.compile(r"([0-9]+)(?:-([0-9]+)(?:-.*)?)?", re.ASCII)
_PROTOCOLS: Final = ("tcp", "udp", "sctp")


def address_of(text: str) -> str:
    """The address that a short form binds to, which Swarm ignores; empty where there is none."""
    parts = text.split(":")
    address = ":".join(parts[:-2])
    return address[1:-1] if address.startswith("[") and address.endswith("]") else address


def from_short(text: str) -> list[dict[str, Any]]:
    """The ports of `[address:][published:]target[/protocol]`, ranges expanded.

    In the order of their `port/protocol` as text, as docker/cli sorts them within one entry.
    Raises ValueError.
    """
    *_, last = parts = text.split(":")
    target_text, slash, protocol_text = last.partition("/")
    protocol = (protocol_text.split("/")[0] if slash else "").lower() or "tcp"
    if protocol not in _PROTOCOLS:
        raise ValueError("has an unknown protocol; tcp, udp and sctp exist")
    address = address_of(text)
    if len(parts) > 2 and address and not _is_address(address):
        raise ValueError("has an address in front that is none")
    if not target_text:
        raise ValueError("names no port of the container")
    first, last_target = _range(target_text)
    published_text = parts[-2] if len(parts) > 1 else ""
    if not published_text:
        pairs = [(target, 0) for target in range(first, last_target + 1)]
    else:
        pairs = _published_pairs(first, last_target, *_range(published_text))
    pairs.sort(key=lambda pair: f"{pair[0]}/{protocol}")
    return [
        {"target": target, "published": published, "protocol": protocol, "mode": "ingress"}
        for target, published in pairs
    ]


def _published_pairs(
    first: int, last: int, published_first: int, published_last: int
) -> list[tuple[int, int]]:
    if first == last:
        return [(first, published) for published in range(published_first, published_last + 1)]
    if last - first != published_last - published_first:
        raise ValueError("has two ranges of different length")
    return list(
        zip(range(first, last + 1), range(published_first, published_last + 1), strict=True)
    )


def _range(text: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(text)
    if not match:
        raise ValueError("is not a port; write [published:]target[/protocol]")
    first = int(match[1][:6])
    last = int(match[2][:6]) if match[2] else first
    if max(first, last) > 65535:
        raise ValueError("has a port above 65535")
    if last < first:
        raise ValueError("has a range that ends before it begins")
    return first, last


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


_DIGITS: Final = re.compile(r"[0-9]{1,5}", re.ASCII)


def _entry(value: Any) -> Any:
    """One item of `ports` as the list of ports that it stands for."""
    if isinstance(value, bool) or not isinstance(value, int | str | dict):
        raise defect(f"must be a port or a mapping, not {kind_of(value)}")
    if isinstance(value, dict):
        return [_long(value)]
    try:
        return from_short(str(value))
    except ValueError as error:
        raise defect(str(error)) from None


def _long(value: dict[str, Any]) -> dict[str, Any]:
    """Numbers in quotes are taken (the Compose specification has them, docker/cli refuses them)."""
    return {
        key: int(item)
        if key in {"target", "published"} and isinstance(item, str) and _DIGITS.fullmatch(item)
        else int(item)
        if isinstance(item, float) and item.is_integer()
        else item
        for key, item in value.items()
    }


PORT_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {"type": "integer"},
        {"type": "string", "examples": ["8080:80", "53:53/udp", "8000-8010:8000-8010"]},
        {
            "type": "object",
            "properties": {
                "target": {"type": ["integer", "string"], "description": "In the container."},
                "published": {"type": ["integer", "string"], "description": "On the nodes."},
                "protocol": {"enum": ["tcp", "udp", "sctp"]},
                "mode": {"enum": ["ingress", "host"]},
            },
            "additionalProperties": False,
        },
    ]
}

PortEntry = Annotated[
    tuple[Port, ...],
    BeforeValidator(_entry),
    Field(strict=False),
    WithJsonSchema(PORT_SCHEMA),
]
"""The ports that one item of a service's `ports` stands for."""


def distinct(entries: Any) -> Any:
    """Refuses an item that is in the list twice; a number and a text are two items."""
    if isinstance(entries, list):
        unique(tuple((isinstance(item, str), _comparable(item)) for item in entries))
    return entries


def _comparable(item: Any) -> Any:
    """An item that can be in a set; what is no port is refused by its own."""
    if isinstance(item, dict):
        return tuple(sorted((key, repr(value)) for key, value in item.items()))
    return item if isinstance(item, str | int | float) else id(item)
