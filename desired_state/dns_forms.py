"""`x-operator.dns` of a service: the names that are to point at the nodes which run its tasks."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, TypeAlias

import idna
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from desired_state.forms import Defect, Duration, Model, defect, defects, kind_of, unique
from desired_state.go_values import NANO
from desired_state.problems import Path
from desired_state.public_addresses import is_public, no_address_of_a_node

APEX: Final = "@"
"""The name of the zone itself."""

LEAST_TTL_S: Final = 60
"""OVH takes 0 (the zone's default) or at least this."""

Family: TypeAlias = Literal["A", "AAAA"]
RecordType: TypeAlias = Literal["A", "AAAA", "CNAME"]

_LABEL: Final = re.compile(r"_?[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?|_")
_LONGEST_LABEL: Final = 63
_LONGEST_NAME: Final = 253
_PROBE: Final = re.compile(r"tcp:(\d{1,5})")
_WILDCARD: Final = "*"


def _ascii(text: str) -> str:
    """Lower-case ASCII labels; non-ASCII ones in punycode (IDNA 2008)."""
    if text.isascii():
        return text.lower()
    try:
        return idna.encode(text, uts46=True).decode()
    except idna.IDNAError:
        raise defect("is no name that the DNS can hold") from None


def domain_name(text: str) -> str:
    """A name in the form in which it is compared: lower case, punycode, no final dot."""
    name = _ascii(text.removesuffix("."))
    labels = name.split(".")
    if labels[0] == _WILDCARD:
        labels = labels[1:]
    good = all(_LABEL.fullmatch(label) and len(label) <= _LONGEST_LABEL for label in labels)
    if not good or not labels or len(name) > _LONGEST_NAME:
        raise defect("is no name of the DNS", "write it as git, or git.example.org for a zone")
    return name


def _zone(text: str) -> str:
    name = domain_name(text)
    if "." not in name or name.startswith(_WILDCARD):
        raise defect("is no zone", "write it as example.org")
    return name


def _name(text: str) -> str:
    return APEX if text in {APEX, ""} else domain_name(text)


def _ttl(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < LEAST_TTL_S:
        raise defect(f"must be 0 (the zone's default) or at least {LEAST_TTL_S}")
    return value


def _probe(text: str) -> str:
    found = _PROBE.fullmatch(text)
    if text != "none" and (found is None or not 0 < int(found[1]) < 65536):
        raise defect("must be none or tcp:PORT", "write tcp:22")
    return text


def address(text: str) -> str:
    """An IP address in its one short form. Raises a defect where it is none."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise defect("is no IP address") from None
    if isinstance(found, ipaddress.IPv6Address) and found.scope_id:
        raise defect("has a scope (%…), which no other machine knows")
    return str(found)


def _addresses(value: Any) -> Any:
    """One address or a list of them."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise defect(f"must be an address or a list of them, not {kind_of(value)}")
    return tuple(items)


_ADDRESSES_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
}

Address: TypeAlias = Annotated[str, AfterValidator(address)]
Addresses: TypeAlias = Annotated[
    tuple[Address, ...],
    BeforeValidator(_addresses),
    AfterValidator(unique),
    Field(strict=False),
    WithJsonSchema(_ADDRESSES_SCHEMA),
]


class Fallback(Model):
    """`on_empty: {fallback: …}`: what is published while no task runs."""

    fallback: Addresses = Field(min_length=1, description="Published while no task runs.")


def _on_empty(value: Any) -> Any:
    if isinstance(value, dict) or value in {"keep", "remove"}:
        return value
    raise defect("must be keep, remove, or a mapping with the key fallback")


OnEmpty: TypeAlias = Annotated[Literal["keep", "remove"] | Fallback, BeforeValidator(_on_empty)]


class DnsBinding(Model):
    """One name of one zone, and how it follows the service."""

    zone: Annotated[str, AfterValidator(_zone)] = Field(description="The zone: example.org.")
    name: Annotated[str, AfterValidator(_name)] = Field(
        description="The name in the zone: git for git.example.org; @ for the zone itself."
    )
    type: Literal["CNAME"] | None = Field(
        default=None,
        description="CNAME: the name points at the node's own name in the zone. Absent: addresses.",
    )
    families: Annotated[
        tuple[Family, ...], AfterValidator(unique), Field(strict=False, min_length=1)
    ] = Field(default=("A",), description="A for IPv4, AAAA for IPv6.")
    ttl: Annotated[int, BeforeValidator(_ttl), Field(ge=0, le=604800)] = Field(
        default=60,
        description="Seconds; 0: the zone's default, refused at RFC 2136, which has no word for it.",
    )
    follow: Literal["task-nodes", "ready-nodes"] = Field(
        default="task-nodes",
        description=(
            "task-nodes: the nodes that run its tasks; ready-nodes: every node that takes tasks, "
            "for ports of the routing mesh."
        ),
    )
    cardinality: Literal["one", "many"] = Field(
        default="one", description="one: never more than one address of a family; many."
    )
    max_values: Annotated[int, Field(ge=1, le=64)] = Field(
        default=8, description="With many: no more addresses of a family than this."
    )
    on_empty: OnEmpty = Field(
        default="keep",
        description="While no task runs: keep the last record, remove it, or {fallback: [address]}.",
    )
    addresses: dict[str, Addresses] = Field(
        default_factory=dict, description="Public addresses by the node's host name; goes first."
    )
    allow_private: bool = Field(
        default=False, description="Publish addresses that the internet cannot reach."
    )
    stable_for: Annotated[Duration, Field(ge=0)] | None = Field(
        default=None,
        description=(
            "How long a task must have run before the name follows it. Absent: 0s, and 30s after "
            "three changes within ten minutes; 0s switches that damping off."
        ),
    )
    remove_after: Annotated[Duration, Field(ge=0)] = Field(
        default=30 * NANO,
        description=(
            "With many: how long an address stays after its last task ended. And for how long no "
            "task must have run before on_empty: remove or fallback acts."
        ),
    )
    policy: Literal["update-only", "upsert", "sync"] = Field(
        default="upsert",
        description=(
            "What may be done: update-only changes a record that exists; upsert makes it too; sync "
            "also deletes the operator's own that are not wanted any more."
        ),
    )
    adopt: bool = Field(
        default=False,
        description="Take over a record whose value is neither the operator's nor a node's.",
    )
    probe: Annotated[str, AfterValidator(_probe)] = Field(
        default="none",
        description="none; tcp:PORT (only addresses that take connections there) is not acted on yet.",
    )
    provider: str | None = Field(
        default=None,
        min_length=1,
        description="Of the operator's settings, by name; absent: the one that has the zone.",
    )
    paused: bool = Field(default=False, description="Observe and report only.")

    @model_validator(mode="after")
    def _check(self) -> "DnsBinding":
        defects((*_binding_defects(self), *_address_defects(self)))
        return self

    def as_written(self) -> dict[str, Any]:
        """The entry of a document that says the same: `DnsBinding(**…)` reads it back."""
        found = self.model_dump(mode="json", exclude_unset=True)
        for key in ("stable_for", "remove_after"):
            if found.get(key) is not None:
                found[key] = f"{found[key]}ns"
        return found

    @property
    def types(self) -> tuple[RecordType, ...]:
        """The record types that it claims."""
        return ("CNAME",) if self.type == "CNAME" else self.families

    @property
    def fqdn(self) -> str:
        """The whole name, without a final dot."""
        return self.zone if self.name == APEX else f"{self.name}.{self.zone}"


def _binding_defects(binding: DnsBinding) -> Iterator[Defect]:
    if binding.type == "CNAME":
        if binding.name == APEX:
            yield ("type",), "CNAME cannot stand at the zone's own name", "use addresses there"
        for field in ("families", "addresses", "allow_private"):
            if field in binding.model_fields_set:
                yield (field,), "says nothing where type is CNAME", "remove it"
        if binding.cardinality == "many":
            yield ("cardinality",), "a name has one CNAME only", "remove it"
        if isinstance(binding.on_empty, Fallback):
            yield ("on_empty",), "a CNAME has no addresses to fall back to", "write keep"
    if binding.cardinality == "one" and "max_values" in binding.model_fields_set:
        yield ("max_values",), "is for cardinality: many", "write cardinality: many"
    if binding.name == binding.zone or binding.name.endswith(f".{binding.zone}"):
        in_zone = binding.name.removesuffix(binding.zone).removesuffix(".") or APEX
        yield ("name",), "has the zone in it: it is a name in the zone", f"write {in_zone}"
    if binding.on_empty == "remove" and binding.policy != "sync":
        yield ("on_empty",), "remove needs the right to delete", "write policy: sync"


def _address_defects(binding: DnsBinding) -> Iterator[Defect]:
    for path, each in _named_addresses(binding):
        what = no_address_of_a_node(each)
        if what is not None:
            yield path, f"{each}, {what}, is no address of a node", "remove it"
        elif not binding.allow_private and not is_public(each):
            message = f"{each} cannot be reached from the internet"
            yield path, message, "remove it, or write allow_private: true"


def _named_addresses(binding: DnsBinding) -> Iterator[tuple[Path, str]]:
    for node, addresses in binding.addresses.items():
        for index, each in enumerate(addresses):
            yield ("addresses", node, index), each
    if isinstance(binding.on_empty, Fallback):
        for index, each in enumerate(binding.on_empty.fallback):
            yield ("on_empty", "fallback", index), each


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


def _claims(bindings: tuple[DnsBinding, ...]) -> tuple[DnsBinding, ...]:
    """Refuses two entries of one service for one record set."""
    found: list[Defect] = []
    for index, binding in enumerate(bindings):
        if any(collide(binding, earlier) for earlier in bindings[:index]):
            message = f"{binding.fqdn} is in the list twice"
            found.append(((index, "name"), message, "remove one of the two"))
    defects(found)
    return bindings


def collide(one: DnsBinding, other: DnsBinding) -> bool:
    """Whether two bindings want the same record set, or sets that cannot stand beside each other."""
    if one.fqdn != other.fqdn:
        return False
    types = {*one.types, *other.types}
    return "CNAME" in types or bool(set(one.types) & set(other.types))


ServiceDns: TypeAlias = Annotated[
    tuple[DnsBinding, ...],
    BeforeValidator(_listed),
    AfterValidator(_claims),
    Field(strict=False),
]
"""One entry, or a list of them."""
