"""One document, interpolated, into its typed form; everything that is wrong with it, with places."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from pydantic import ValidationError

from desired_state import refused, versions
from desired_state.document import ComposeDocument
from desired_state.forms import kind_of
from desired_state.model_problems import model_problems, problem_at, wrong_keys
from desired_state.operator_block import KEY
from desired_state.problems import Path, Problem
from desired_state.service import bad_names
from desired_state.yaml_tree import YamlDocument, YamlList, YamlMapping

_WITH_EXTENSIONS: Final = ("services", "networks", "volumes", "configs", "secrets")
"""Sections whose entries may hold `x-…` keys, besides the top level."""


_ROUNDS: Final = 8
"""How often a document is tried again without its wrong parts."""


def validated(document: YamlDocument) -> tuple[ComposeDocument | None, list[Problem]]:
    """The typed form of a document, and all its problems.

    Where it has errors the form is that of its right parts, so that they can be checked further;
    None where there is nothing to check.
    """
    root = document.root
    if not isinstance(root, YamlMapping):
        message = f"a document is a mapping at its top, not {kind_of(root)}"
        return None, [problem_at(document, (), message, "begin with services:")]
    found = [*_version_problems(document, root), *_null_problems(document, root, ())]
    found += _extension_problems(document, root)
    found += _name_problems(document, root)
    told = {problem.path for problem in found}
    plain = _without_extensions(root)
    try:
        return ComposeDocument.model_validate(plain), found
    except ValidationError as error:
        wrong = model_problems(document, error, ComposeDocument, _refused_key)
        found += (problem for problem in wrong if problem.path not in told)
        return _right_parts(plain, error), found


def _right_parts(plain: dict[str, Any], error: ValidationError) -> ComposeDocument | None:
    """The document without the keys that hold what is wrong."""
    for _ in range(_ROUNDS):
        for path in wrong_keys(plain, error):
            plain = _without(plain, path)
        try:
            return ComposeDocument.model_validate(plain)
        except ValidationError as remaining:
            error = remaining
    return None


def _without(node: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """A copy of a mapping without the key at `path`."""
    first, *rest = path
    if not rest:
        return {key: value for key, value in node.items() if key != first}
    return {**node, first: _without(node[first], tuple(rest))} if first in node else node


def _without_extensions(root: YamlMapping) -> dict[str, Any]:
    """The document without `x-…` keys; `x-operator` stays where it has a meaning."""
    plain: dict[str, Any] = {k: v for k, v in root.items() if not k.startswith("x-") or k == KEY}
    for section in _WITH_EXTENSIONS:
        entries = plain.get(section)
        if isinstance(entries, dict) and any(map(_has_extension, entries.values())):
            plain[section] = {
                name: {
                    key: value
                    for key, value in entry.items()
                    if not key.startswith("x-") or (key == KEY and section == "services")
                }
                if isinstance(entry, dict)
                else entry
                for name, entry in entries.items()
            }
    return plain


def _has_extension(entry: Any) -> bool:
    return isinstance(entry, dict) and any(key.startswith("x-") for key in entry)


# Version, nothing, x-operator --------------------------------------------------------------------


def _version_problems(document: YamlDocument, root: YamlMapping) -> Iterator[Problem]:
    if "version" not in root:
        return
    version = root["version"]
    if not isinstance(version, str):
        hint = 'leave it out, or put it in quotes: "3.8"'
        message = f"must be text, not {kind_of(version)}"
        yield problem_at(document, ("version",), message, hint)
        return
    minor = versions.minor_of(version)
    if minor is None:
        message = "is no version that a swarm knows"
        yield problem_at(document, ("version",), message, "leave it out, or write 3.0 to 3.13")
        return
    if minor == versions.NEWEST:
        return
    for path, since in versions.too_new(root, minor):
        message = f"needs version 3.{since}, and the document says an older one"
        yield problem_at(document, path, message, "leave version out")


_NULL_ALLOWED: Final = (
    ("networks", "*"),
    ("volumes", "*"),
    ("services", "*", "deploy"),
    ("services", "*", "pid"),
    ("services", "*", "networks", "*"),
    ("services", "*", "environment", "*"),
    ("services", "*", "labels", "*"),
    ("services", "*", "sysctls", "*"),
    ("services", "*", "extra_hosts", "*"),
    ("services", "*", "deploy", "labels", "*"),
    ("services", "*", "logging", "options", "*"),
    ("services", "*", "build", "args", "*"),
    ("services", "*", "build", "labels", "*"),
    ("services", "*", "build", "extra_hosts", "*"),
    ("networks", "*", "labels", "*"),
    ("volumes", "*", "labels", "*"),
    ("configs", "*", "labels", "*"),
    ("secrets", "*", "labels", "*"),
    (KEY, "sync", "paused", "until"),
)


def _null_problems(document: YamlDocument, node: Any, path: Path) -> Iterator[Problem]:
    """Keys without a value: docker/cli refuses them nearly everywhere."""
    items: Iterable[tuple[str | int, Any]]
    if isinstance(node, YamlMapping):
        items = node.items()
    elif isinstance(node, YamlList):
        items = enumerate(node)
    else:
        return
    for key, value in items:
        here = (*path, key)
        if value is None:
            if not _null_allowed(here):
                hint = "give it one, or remove it"
                yield problem_at(document, here, "has no value", hint)
        elif isinstance(value, YamlMapping | YamlList) and not _is_free(here):
            yield from _null_problems(document, value, here)


def _null_allowed(path: Path) -> bool:
    if any(isinstance(part, str) and part.startswith("x-") and part != KEY for part in path):
        return True
    if len(path) == 4 and path[2] == "build" and path[3] not in _BUILD_KEYS:
        return True
    return any(
        len(pattern) == len(path)
        and all(want in {"*", part} for want, part in zip(pattern, path, strict=True))
        for pattern in _NULL_ALLOWED
    )


_BUILD_KEYS: Final = frozenset(
    ("context", "dockerfile", "args", "labels", "cache_from", "network", "target", "shm_size")
)


def _is_free(path: Path) -> bool:
    """Whether what lies below is nobody's business."""
    last = path[-1]
    return isinstance(last, str) and last.startswith("x-") and last != KEY


def _name_problems(document: YamlDocument, root: YamlMapping) -> Iterator[Problem]:
    for section in _WITH_EXTENSIONS:
        entries = root.get(section)
        for path, message, hint in bad_names(entries if isinstance(entries, YamlMapping) else ()):
            yield problem_at(document, (section, *path), message, hint)


_CLUSTER_SPEC: Final = "x-cluster-spec"


def _extension_problems(document: YamlDocument, root: YamlMapping) -> Iterator[Problem]:
    """`x-operator` where it has no meaning: it would look as if it were acted on; and the one
    extension that docker/cli itself knows."""
    volumes = root.get("volumes")
    for name, volume in volumes.items() if isinstance(volumes, YamlMapping) else ():
        spec = volume.get(_CLUSTER_SPEC, {}) if isinstance(volume, YamlMapping) else {}
        if not isinstance(spec, dict):
            message = f"must be a mapping, not {kind_of(spec)}"
            yield problem_at(document, ("volumes", name, _CLUSTER_SPEC), message)
    for section in _WITH_EXTENSIONS[1:]:
        entries = root.get(section)
        if not isinstance(entries, YamlMapping):
            continue
        for name, entry in entries.items():
            if isinstance(entry, YamlMapping) and KEY in entry:
                message = "x-operator has a meaning at the top and in services only"
                yield problem_at(document, (section, name, KEY), message, "remove it")


# Keys that are refused by name --------------------------------------------------------------------


def _refused_key(document: YamlDocument, path: Path) -> Problem | None:
    key = str(path[-1])
    refusal = _refusal(tuple(part for part in path if isinstance(part, str)))
    if refusal is None:
        return None
    message = f"{key} is not something that docker stack deploy and this version know"
    return problem_at(document, path, message, refusal[0] or "remove it")


def _refusal(shape: tuple[str, ...]) -> tuple[str | None] | None:
    """The advice for a key that is refused by name; None for one that nobody knows."""
    if len(shape) == 1 and shape[0] in refused.TOP_LEVEL_KEYS:
        return (refused.TOP_LEVEL_KEYS[shape[0]],)
    if len(shape) == 3 and shape[0] == "services" and shape[2] in refused.SERVICE_KEYS:
        return (refused.SERVICE_KEYS[shape[2]],)
    for pattern, hint in refused.OTHER_KEYS.items():
        if len(pattern) == len(shape) and all(
            want in {"*", part} for want, part in zip(pattern, shape, strict=True)
        ):
            return (hint,)
    return None
