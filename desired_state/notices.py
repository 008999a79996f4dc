"""Warnings: what a document says that has no effect, or another one than it seems to."""

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

from desired_state import mounts, ports
from desired_state.document import ComposeDocument
from desired_state.model_problems import problem_at
from desired_state.mounts import BindOptions, TmpfsOptions, VolumeOptions
from desired_state.not_used import NETWORK_ADDRESSES, NOT_USED
from desired_state.objects import FileReference
from desired_state.problems import Path, Problem, Severity
from desired_state.service import Service
from desired_state.yaml_tree import YamlDocument

Notice = tuple[Path, str, str | None]

_DROPPED: Final = "has no effect; docker stack deploy drops it without a word"


def notices(document: YamlDocument, model: ComposeDocument) -> list[Problem]:
    """All warnings of one document, with their places."""
    found: list[Notice] = []
    for name, service in model.services.items():
        raw = document.root["services"][name]
        found += ((("services", name, *path), text, hint) for path, text, hint in _of(service, raw))
    found += _of_objects(document.root, model)
    return [problem_at(document, path, text, hint, Severity.WARNING) for path, text, hint in found]


def _of(service: Service, raw: dict[str, Any]) -> Iterator[Notice]:
    for key in raw:
        if key in NOT_USED:
            yield (key,), *NOT_USED[key]
    if service.restart and service.deploy and service.deploy.restart_policy is not None:
        yield ("restart",), "has no effect beside deploy.restart_policy", "remove it"
    for name, attachment in (service.networks or {}).items():
        for key in NETWORK_ADDRESSES:
            if attachment is not None and getattr(attachment, key) is not None:
                yield ("networks", name, key), _DROPPED, "remove it"
    hosts = raw.get("extra_hosts")
    for index, item in enumerate(hosts if isinstance(hosts, list) else ()):
        if "=" not in item and ":" not in item:
            text = "has no effect without a separator between host and address"
            yield ("extra_hosts", index), text, "write host:address"
    if service.isolation and service.isolation.lower() not in {"default", "process", "hyperv"}:
        hint = "known are default, process and hyperv"
        yield ("isolation",), "the engine takes a word that it does not know for default", hint
    yield from _of_references(raw)
    yield from _of_mounts(raw)
    yield from _of_ports(service, raw)


def _of_references(raw: dict[str, Any]) -> Iterator[Notice]:
    for section in ("configs", "secrets"):
        for index, item in enumerate(raw.get(section, ())):
            if isinstance(item, dict):
                yield from _dropped((section, index), item, FileReference)


def _dropped(path: Path, raw: Any, model: type[BaseModel]) -> Iterator[Notice]:
    if isinstance(raw, dict):
        for key in raw:
            if key not in model.model_fields:
                yield (*path, key), _DROPPED, "remove it"


_OPTIONS: Final[dict[str, type[BaseModel]]] = {
    "bind": BindOptions,
    "volume": VolumeOptions,
    "tmpfs": TmpfsOptions,
}
_SHORT_OPTIONS: Final = frozenset(("ro", "rw", "nocopy", *mounts.PROPAGATIONS))


def _of_mounts(raw: dict[str, Any]) -> Iterator[Notice]:
    for index, item in enumerate(raw.get("volumes", ())):
        path = ("volumes", index)
        if isinstance(item, dict):
            for key, model in _OPTIONS.items():
                yield from _dropped((*path, key), item.get(key), model)
            if "source" not in item and item.get("type") == "volume" and "volume" in item:
                text = "options of a volume without a name are lost"
                yield (*path, "volume"), text, "name the volume in source"
            if "target" not in item:
                yield path, "has no target; its tasks will not start", "add target"
            continue
        unknown = [o for o in mounts.short_options(item) if o not in _SHORT_OPTIONS]
        if unknown:
            known = ", ".join(sorted(_SHORT_OPTIONS))
            yield path, "an option without effect", f"known are {known}"
        mount = mounts.from_short(item)
        if len(item) > 2 and item[0].isalpha() and item[1] == ":":
            meaning = "a drive of Windows" if mount["type"] == "bind" else "part of the target"
            hint = "write the long form if a volume is meant"
            text = f"a single letter is taken for {meaning}, as in docker stack deploy"
            yield path, text, hint
        elif mount["type"] == "volume" and "source" not in mount and mount.get("volume"):
            yield path, "options of a volume without a name are lost", None


def _of_ports(service: Service, raw: dict[str, Any]) -> Iterator[Notice]:
    for index, (item, entry) in enumerate(
        zip(raw.get("ports", ()), service.ports or (), strict=True)
    ):
        path = ("ports", index)
        if isinstance(item, str) and ports.address_of(item) not in {"", "0.0.0.0", "::"}:  # noqa: S104
            hint = "Swarm publishes on every address; restrict access elsewhere"
            yield path, "the address in front has no effect", hint
        for port in entry:
            if port.mode not in {"", "ingress", "host"}:
                text = "the engine takes a mode that it does not know for ingress"
                yield (*path, "mode"), text, "known are ingress and host"
            if port.protocol not in {"", "tcp", "udp", "sctp"}:
                text = "the engine takes a protocol that it does not know for tcp"
                yield (*path, "protocol"), text, "known are tcp, udp and sctp"
        if isinstance(item, dict) and "target" not in item:
            yield path, "has no target, so it leads to port 0", "add target"


def _of_objects(root: dict[str, Any], model: ComposeDocument) -> Iterator[Notice]:
    for section in ("networks", "volumes", "configs", "secrets"):
        for name, raw in root.get(section, {}).items():
            if isinstance(raw, dict):
                is_external = getattr(model, section)[name].is_external
                for key, text, hint in _of_object(section, raw, is_external=is_external):
                    yield (section, name, key), text, hint
    for name, secret in model.secrets.items():
        if secret.content is not None:
            text = "the content of a secret lies open in the document"
            yield ("secrets", name, "content"), text, "put it into a file of the folder"


def _of_object(
    section: str, raw: dict[str, Any], *, is_external: bool
) -> Iterator[tuple[str, str, str | None]]:
    if isinstance(raw.get("external"), dict):
        hint = "write external: true and name beside it"
        yield "external", "external as a mapping is deprecated", hint
    if "x-cluster-spec" in raw and section == "volumes":
        yield "x-cluster-spec", _DROPPED, None
    if is_external and section != "volumes":
        for key in raw:
            if key not in {"external", "name"} and not key.startswith("x-"):
                yield key, "has no effect on an object that exists already", "remove it"
