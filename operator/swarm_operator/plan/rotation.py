"""Configs and secrets: immutable in Swarm, so that changed content is a new object.

The first version keeps the name that `docker stack deploy` gives; later ones carry a content address
behind it, keyed for secrets. What nothing names any more is collected, if it is ours.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.swarm import STACK_LABEL, Config, Secret, Swarm
from swarm_operator.plan.actions import Create, Finding, Kind, Remove
from swarm_operator.plan.ownership import BASE_LABEL, CONTENT_LABEL, Owner
from swarm_operator.plan.references import used_ids

_NAME_LIMIT: Final = 64
"""Of a config's or secret's name (moby `daemon/cluster`, SwarmKit `validateConfigOrSecretAnnotations`)."""

_ADDRESS: Final = 12

AnyObject = TypeVar("AnyObject", Config, Secret)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which object stands for each config or secret of a document."""

    names: Mapping[str, str] = field(default_factory=dict)
    """The object's name by the document's full name."""
    creates: tuple[Create, ...] = ()
    findings: tuple[Finding, ...] = ()
    assumed: Mapping[str, str] = field(default_factory=dict)
    """Content tags of secrets that cannot be compared, by object name."""


def choose_configs(
    desired: Mapping[str, JsonObject], swarm: Swarm, stack: str, owner: Owner
) -> Chosen:
    """Per config of the document: the live object with the same content, or a new one."""
    names, creates, findings = {}, [], []
    for base, body in sorted(desired.items()):
        candidates = _versions(base, swarm.configs_by_stack.get(stack, ()), owner)
        same = [config for config in candidates if _same_config(config, body)]
        taken = swarm.configs_by_name.get(base)
        if same:
            names[base] = _preferred(base, same).name
        elif taken is not None and not owner.may_adopt(taken.labels, stack):
            findings.append(_foreign(Kind.CONFIG, base, stack))
        else:
            address = owner.digest(b"config", _data(body), _templating(body))
            is_first = taken is None and not candidates
            name = base if is_first else addressed(base, address)
            names[base] = name
            creates.append(
                _create(Kind.CONFIG, name, base, body, stack, owner, renewed=not is_first)
            )
    return Chosen(names, tuple(creates), tuple(findings))


def choose_secrets(
    desired: Mapping[str, JsonObject],
    swarm: Swarm,
    stack: str,
    owner: Owner,
    assumed: Mapping[str, str],
    needed: frozenset[str],
) -> Chosen:
    """The same for secrets, whose content only our own tags tell. `needed` are those that services use.

    `assumed` holds the tags noted on services, by object name. A secret without any comparable tag
    (made by `docker stack deploy`, or before the KV and with it the key was lost) is assumed to have
    the document's content; the assumption is noted, so that the next change is seen. It is not
    assumed of one beside newer versions, or that nothing has used so far: its content may be old.
    """
    in_use = swarm.secrets_in_use
    names, creates, findings, notes = {}, [], [], {}
    for base, body in sorted(desired.items()):
        tag = owner.tag(b"secret", _data(body), _templating(body), _driver(body))
        candidates = _versions(base, swarm.secrets_by_stack.get(stack, ()), owner)
        tags = {secret.name: _known_tag(secret, assumed, owner) for secret in candidates}
        same = [secret for secret in candidates if tags[secret.name] == tag]
        may_be = base not in needed or any(secret.name in in_use for secret in candidates)
        unknown = candidates if may_be and not any(tags.values()) else []
        taken = swarm.secrets_by_name.get(base)
        if same:
            names[base] = _preferred(base, same).name
        elif unknown:
            names[base] = _preferred_unknown(base, unknown, in_use).name
        elif taken is not None and not owner.may_adopt(taken.labels, stack):
            findings.append(_foreign(Kind.SECRET, base, stack))
            continue
        else:
            is_first = taken is None and not candidates
            name = base if is_first else addressed(base, tag.partition(":")[2])
            names[base] = name
            create = _create(
                Kind.SECRET, name, base, body, stack, owner, renewed=not is_first, tag=tag
            )
            creates.append(create)
            continue
        chosen = swarm.secrets_by_name[names[base]]
        if not owner.comparable(chosen.labels.get(CONTENT_LABEL)):
            notes[chosen.name] = tag
    return Chosen(names, tuple(creates), tuple(findings), notes)


def addressed(base: str, digest: str) -> str:
    """The base name with a content address behind it, cut to the engine's limit."""
    suffix = f"-{digest[:_ADDRESS]}"
    return base[: _NAME_LIMIT - len(suffix)] + suffix


def _versions(base: str, objects: tuple[AnyObject, ...], owner: Owner) -> list[AnyObject]:
    """Those of a stack's live objects that may stand for a document's config or secret."""
    return [
        item
        for item in objects
        if owner.may_adopt(item.labels, item.labels[STACK_LABEL])
        and (item.name == base or (owner.owns(item.labels) and item.labels.get(BASE_LABEL) == base))
    ]


def _preferred(base: str, same: list[AnyObject]) -> AnyObject:
    return min(same, key=lambda item: (item.name != base, item.name))


def _preferred_unknown(base: str, unknown: list[Secret], in_use: frozenset[str]) -> Secret:
    """Of secrets that cannot be told apart: the one that services use now."""
    return min(unknown, key=lambda item: (item.name not in in_use, item.name != base, item.name))


def _known_tag(secret: Secret, assumed: Mapping[str, str], owner: Owner) -> str | None:
    for tag in (secret.labels.get(CONTENT_LABEL), assumed.get(secret.name)):
        if owner.comparable(tag):
            return tag
    return None


def _same_config(config: Config, body: JsonObject) -> bool:
    return config.data == _data(body) and (config.templating or "").encode() == _templating(body)


def _create(
    kind: Kind,
    name: str,
    base: str,
    body: JsonObject,
    stack: str,
    owner: Owner,
    *,
    renewed: bool,
    tag: str | None = None,
) -> Create:
    labels = {**(body.get("Labels") or {}), **owner.labels(), BASE_LABEL: base}
    if tag is not None:
        labels[CONTENT_LABEL] = tag
    reason = "its content changed" if renewed else "in the document, not on the swarm"
    return Create(kind, name, stack, reason, {**body, "Name": name, "Labels": labels})


def _foreign(kind: Kind, name: str, stack: str) -> Finding:
    return Finding(
        "Blocked",
        f"Foreign{kind.capitalize()}",
        f"a {kind} {name} exists already and does not belong to stack {stack}: declare it `external`, "
        "or give yours another `name:`",
        blocks=True,
    )


def _data(body: JsonObject) -> bytes:
    return base64.b64decode(body.get("Data") or "")


def _templating(body: JsonObject) -> bytes:
    return (dig(body, "Templating", "Name") or "").encode()


def _driver(body: JsonObject) -> bytes:
    return (dig(body, "Driver", "Name") or "").encode()


def unused_objects(
    swarm: Swarm, stack: str, owner: Owner, wanted: frozenset[str]
) -> tuple[Remove, ...]:
    """Our configs and secrets of the stack that no document wants and nothing refers to.

    "Nothing" is no service's spec, no `PreviousSpec` (a rollback would need it) and no live task.
    """
    unwanted = [
        Remove(kind, item.name, stack, "nothing refers to it any more", item.id)
        for kind, objects in (
            (Kind.CONFIG, swarm.configs_by_stack.get(stack, ())),
            (Kind.SECRET, swarm.secrets_by_stack.get(stack, ())),
        )
        for item in objects
        if owner.owns(item.labels) and item.name not in wanted
    ]
    used = used_ids(swarm) if unwanted else frozenset()
    removes = [remove for remove in unwanted if remove.object_id not in used]
    return tuple(sorted(removes, key=lambda remove: (remove.kind, remove.name)))
