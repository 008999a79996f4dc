"""What `dns` shows of names that follow services."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from desired_state.dns_forms import APEX
from desired_state.dns_records import DnsStatus, RrsetStatus
from swarm_operator.cli.moments import age

_COLOURS: Final = {
    "InSync": "green",
    "Switching": "cyan",
    "Waiting": "yellow",
    "Conflict": "yellow",
    "Failed": "red",
    "Paused": "dim",
    "Observing": "dim",
    "Abandoned": "dim",
}

Names = Mapping[tuple[str, str], DnsStatus]
"""By zone and name."""


def fqdn(zone: str, name: str) -> str:
    """The whole name."""
    return zone if name == APEX else f"{name}.{zone}"


def as_json(names: Names) -> Any:
    """For programs."""
    return [
        {"zone": zone, "name": name, **status.model_dump(mode="json")}
        for (zone, name), status in names.items()
    ]


def as_text(names: Names, now: datetime) -> RenderableType:
    """One line for each name, then what stands in the way."""
    if not names:
        return Text("no names")
    table = Table(
        "NAME", "STATE", "SINCE", "SERVICE", "NODES", "RECORDS", "SERVED",
        box=None, pad_edge=False, header_style="bold",
    )  # fmt: skip
    for (zone, name), status in names.items():
        state = f"{status.state} ({status.reason})" if status.reason else status.state
        table.add_row(
            fqdn(zone, name),
            Text(state, style=_COLOURS.get(status.state, "")),
            age(status.since, now),
            status.service,
            ", ".join(status.nodes) or "-",
            "; ".join(_records(status)) or "-",
            _served(status),
        )
    remarks = [Text(line) for line in _remarks(names)]
    return Group(table, *([Text(), *remarks] if remarks else []))


def _records(status: DnsStatus) -> Iterator[str]:
    for type_, rrset in sorted(status.records.items()):
        values = ", ".join((*rrset.written, *(f"({value})" for value in rrset.foreign)))
        yield f"{type_} {values or '-'}"


def _served(status: DnsStatus) -> str:
    written = [rrset for rrset in status.records.values() if rrset.written]
    if status.owed:
        return "not published"
    if not written:
        return "-"
    return "yes" if all(map(_is_verified, written)) else "not seen yet"


def _is_verified(rrset: RrsetStatus) -> bool:
    return rrset.verified_at is not None


def _remarks(names: Names) -> Iterator[str]:
    for (zone, name), status in names.items():
        if status.message:
            yield f"{fqdn(zone, name)}: {status.message}"
        for other in status.others:
            yield f"{fqdn(zone, name)}: service {other} wants it too; {status.service} has it (NameTaken)"
