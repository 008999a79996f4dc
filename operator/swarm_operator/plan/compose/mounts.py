"""Volumes of a service as mounts of its containers (cli/compose/convert/volume.go)."""

import posixpath
import re
from typing import Final

from desired_state import mounts
from desired_state.mounts import PROPAGATIONS, Mount
from desired_state.objects import Volume
from desired_state.problems import Path
from swarm_operator.observed.json import JsonObject
from swarm_operator.plan.compose.stack import Conversion, present

_OPTIONS: Final = {"volume": "volume", "bind": "bind", "npipe": "bind", "tmpfs": "tmpfs"}
"""Type of a mount → the one section of options that it may have."""


def converted(conversion: Conversion, path: Path, entries: tuple[Mount, ...]) -> list[JsonObject]:
    """The mounts of a service, in the order of the document."""
    result: list[JsonObject] = []
    targets: set[str] = set()
    for index, mount in enumerate(entries):
        where = (*path, index)
        if mount.target in targets:
            message = f"mounts at {conversion.shown(mount.target)} twice"
            conversion.error(where, message, "remove one of the two")
        targets.add(mount.target)
        result.append(_mount(conversion, where, mount))
    return result


def _mount(conversion: Conversion, path: Path, mount: Mount) -> JsonObject:
    kind = mount.type or "volume"
    if kind == "image":
        conversion.error(path, "mounts of type image are refused by the engine in services")
    elif kind not in mounts.MOUNT_TYPES:
        known = ", ".join(known for known in mounts.MOUNT_TYPES if known != "image")
        conversion.error((*path, "type"), f"must be one of {known}")
    _check_options(conversion, path, mount, kind)
    spec = present(
        Type=mount.type,
        Source=_source(conversion, path, mount, kind),
        Target=mount.target,
        ReadOnly=mount.read_only,
        Consistency=mount.consistency,
    )
    return {**spec, **_options(conversion, path, mount, kind)}


def _check_options(conversion: Conversion, path: Path, mount: Mount, kind: str) -> None:
    for section in ("bind", "volume", "tmpfs"):
        if getattr(mount, section) is not None and _OPTIONS.get(kind) != section:
            message = f"options of a {section} do not fit a mount of another type"
            conversion.error((*path, section), message)
    if kind == "tmpfs" and mount.source:
        conversion.error((*path, "source"), "a tmpfs has no source", "remove it")
    if kind in {"bind", "npipe", "cluster"} and not mount.source:
        conversion.error(path, f"a mount of type {kind} needs a source")


def _source(conversion: Conversion, path: Path, mount: Mount, kind: str) -> str:
    if kind == "bind":
        return _bind_source(conversion, path, mount.source)
    is_declared = kind == "volume" or (kind == "cluster" and not mount.source.startswith("group:"))
    if not is_declared or not mount.source:
        return mount.source
    volume = _volume(conversion, mount)
    if volume is None:
        message = f"the volume {conversion.shown(mount.source)} is not declared"
        conversion.error(path, message, "declare it at the top level, under volumes")
        return conversion.scoped(mount.source)
    if kind == "cluster":
        # docker/cli scopes an external cluster volume by its name alone.
        return volume.given_name or _cluster_name(conversion, mount.source, volume)
    return conversion.name_of(mount.source, volume)


def _cluster_name(conversion: Conversion, key: str, volume: Volume) -> str:
    return key if volume.is_external else conversion.scoped(key)


def _volume(conversion: Conversion, mount: Mount) -> Volume | None:
    return conversion.stack.document.volumes.get(mount.source)


def _bind_source(conversion: Conversion, path: Path, source: str) -> str:
    """An absolute path on the node; what depends on the machine that deploys is refused."""
    path = (*path, "source")
    if source.startswith("~"):
        hint = "write the absolute path on the nodes"
        conversion.error(path, "~ is nobody's home on a node", hint)
        return source
    if source.startswith("/") or mounts.is_windows_path(source) or not source:
        return source
    if source.startswith("\\\\"):
        hint = "write a long volume of type npipe"
        message = "docker stack deploy on Linux makes a relative path of a named pipe"
        conversion.error(path, message, hint)
        return source
    base = conversion.stack.options.project_directory
    if base is None:
        hint = (
            "write an absolute path, or set x-operator.project_directory to the folder on the nodes"
        )
        conversion.error(path, "a relative path has no folder that it is relative to", hint)
        return source
    return _clean(posixpath.join(base, source))


def _clean(path: str) -> str:
    """The shortest form of an absolute path, as Go's filepath.Join gives it."""
    return "/" + posixpath.normpath(path).lstrip("/")


def _options(conversion: Conversion, path: Path, mount: Mount, kind: str) -> JsonObject:
    if kind == "volume" and mount.source:
        return {"VolumeOptions": _volume_options(conversion, mount)}
    if kind in {"bind", "npipe"} and mount.bind is not None:
        propagation = mount.bind.propagation or ""
        if propagation and propagation.lower() not in PROPAGATIONS:
            message = f"must be one of {', '.join(PROPAGATIONS)}"
            conversion.error((*path, "bind", "propagation"), message)
        return {"BindOptions": present(Propagation=propagation)}
    if kind == "tmpfs" and mount.tmpfs is not None:
        return {"TmpfsOptions": present(SizeBytes=mount.tmpfs.size)}
    return {"ClusterOptions": {}} if kind == "cluster" else {}


def _volume_options(conversion: Conversion, mount: Mount) -> JsonObject:
    """Options of a named volume, by which the node creates it."""
    own = mount.volume
    options = present(NoCopy=own and own.nocopy, Subpath=own and own.subpath)
    volume = _volume(conversion, mount)
    if volume is None or volume.is_external:
        return options
    options["Labels"] = conversion.labels(volume.labels)
    if volume.driver or volume.driver_opts is not None:
        options["DriverConfig"] = present(Name=volume.driver, Options=volume.driver_opts)
    return options


_VOLUME_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", re.ASCII)


def check_volumes(conversion: Conversion) -> None:
    """What is wrong with the declared volumes themselves."""
    for key, volume in conversion.stack.document.volumes.items():
        if volume.is_external:
            for field in ("driver", "driver_opts", "labels"):
                if getattr(volume, field):
                    message = f"{field} does not fit a volume that exists already"
                    conversion.error(("volumes", key, field), message, "remove it")
        name = conversion.name_of(key, volume)
        if "{{" not in name and not _VOLUME_NAME.fullmatch(name):
            message = "gives a name that no volume can have"
            hint = "letters, digits, _ . and - can be used, the first a letter or digit"
            conversion.warn(("volumes", key, "name"), message, hint)
