"""Configs and secrets as files in the containers of a service (cli/compose/convert/service.go)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from desired_state.objects import Config, FileReference, Secret
from desired_state.problems import Path
from desired_state.service import Service
from swarm_operator.observed.json import JsonObject
from swarm_operator.plan.compose.stack import Conversion

DEFAULT_MODE: Final = 0o444


@dataclass(frozen=True, slots=True)
class References:
    """What a service refers to, as the API lists it. Ids are names here."""

    configs: list[JsonObject]
    secrets: list[JsonObject]


def references(conversion: Conversion, path: Path, service: Service) -> References:
    """Sorted by the name of the object, then by the file.

    docker/cli gives several references to one object in random order; by file is one of its orders.
    """
    document = conversion.stack.document
    configs = _files(conversion, path, "config", service.configs or (), document.configs)
    secrets = _files(conversion, path, "secret", service.secrets or (), document.secrets)
    credential = service.credential_spec.config if service.credential_spec else None
    if credential:
        item = document.configs.get(credential)
        if item is None:
            where = (*path, "credential_spec", "config")
            conversion.error(where, f"the config {conversion.shown(credential)} is not declared")
        name = conversion.name_of(credential, item)
        configs.append({"Runtime": {}, "ConfigID": name, "ConfigName": name})
    return References(
        configs=sorted(configs, key=lambda ref: _order(ref, "ConfigName")),
        secrets=sorted(secrets, key=lambda ref: _order(ref, "SecretName")),
    )


def _order(reference: JsonObject, name: str) -> tuple[str, bool, str]:
    file = reference.get("File")
    return reference[name], file is None, file["Name"] if file else ""


def _files(
    conversion: Conversion,
    path: Path,
    kind: str,
    entries: tuple[FileReference, ...],
    declared: Mapping[str, Config] | Mapping[str, Secret],
) -> list[JsonObject]:
    result: list[JsonObject] = []
    targets: set[str] = set()
    for index, entry in enumerate(entries):
        where = (*path, f"{kind}s", index)
        item = declared.get(entry.source)
        if item is None:
            hint = f"declare it at the top level, under {kind}s"
            message = f"the {kind} {conversion.shown(entry.source)} is not declared"
            conversion.error(where, message, hint)
        target = entry.target or entry.source
        if target in targets:
            message = f"is the second {kind} at {conversion.shown(target)}"
            conversion.error(where, message, "give one of the two another target")
        targets.add(target)
        name = conversion.name_of(entry.source, item)
        file = {
            "Name": target,
            "UID": entry.uid or "0",
            "GID": entry.gid or "0",
            "Mode": DEFAULT_MODE if entry.mode is None else entry.mode,
        }
        label = kind.capitalize()
        result.append({"File": file, f"{label}ID": name, f"{label}Name": name})
    return result
