"""Several documents into one, as `docker stack deploy -c a -c b` merges them (cli/compose/loader).

docker merges the loaded structures of Go: what is empty there cannot override. Where a document says
something that so has no effect, that is a warning.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from desired_state.document import ComposeDocument
from desired_state.forms import Model
from desired_state.mounts import Mount
from desired_state.objects import FileReference
from desired_state.ports import Port
from desired_state.problems import Path
from desired_state.service import Attachment, Logging, Service

ModelT = TypeVar("ModelT", bound=Model)

_POINTERS: Final = frozenset(("replicas", "parallelism", "max_attempts", "retries"))
"""Numbers that override even where they are 0."""
_APPENDED: Final = frozenset(
    (
        *(
            "cap_add",
            "cap_drop",
            "depends_on",
            "devices",
            "dns",
            "dns_search",
            "env_file",
            "expose",
        ),
        *("external_links", "extra_hosts", "links", "security_opt", "tmpfs"),
        *("test", "constraints", "preferences", "generic_resources"),
    )
)
_MAPPINGS: Final = frozenset(("labels", "sysctls", "ulimits"))


@dataclass(slots=True)
class Merge:
    """A merge in progress; `without_effect` are the places of values that could not override."""

    without_effect: list[Path] = field(default_factory=list)

    def documents(self, base: ComposeDocument, override: ComposeDocument) -> ComposeDocument:
        """`override` merged onto `base`. Top-level objects of the same key are replaced whole."""
        services = dict(base.services)
        for name, service in override.services.items():
            if name in services:
                service = self._service(services[name], service, ("services", name))  # noqa: PLW2901
            services[name] = service
        return base.model_copy(
            update={
                "services": services,
                "networks": {**base.networks, **override.networks},
                "volumes": {**base.volumes, **override.volumes},
                "configs": {**base.configs, **override.configs},
                "secrets": {**base.secrets, **override.secrets},
                "options": _options(base.options, override.options),
            }
        )

    def _service(self, base: Service, override: Service, path: Path) -> Service:
        merged = self._fields(base, override, path)
        ports = _by_key(_flat(base.ports), _flat(override.ports), lambda port: port.published)
        special: dict[str, Any] = {
            "environment": _environment(base.environment, override.environment),
            "networks": _networks(base.networks, override.networks),
            "logging": self._logging(base.logging, override.logging, (*path, "logging")),
            "ports": None if ports is None else tuple((port,) for port in ports),
            "volumes": _by_key(base.volumes, override.volumes, lambda mount: mount.target),
            "configs": _by_key(base.configs, override.configs, lambda ref: ref.source),
            "secrets": _by_key(base.secrets, override.secrets, lambda ref: ref.source),
            "options": _options(base.options, override.options),
        }
        return merged.model_copy(update=special)

    def _fields(self, base: ModelT, override: ModelT, path: Path) -> ModelT:
        """The fields of two models of one type, each by the rule of its type."""
        update: dict[str, Any] = {}
        for name in override.model_fields_set:
            mine, theirs = getattr(base, name), getattr(override, name)
            update[name] = self._value(name, mine, theirs, (*path, name))
        return base.model_copy(update=update)

    def _value(self, name: str, mine: Any, theirs: Any, path: Path) -> Any:
        if theirs is None:
            return mine
        if mine is None:
            return None if name in _APPENDED and theirs == () else theirs
        if isinstance(theirs, Model) and isinstance(mine, Model):
            return self._fields(mine, theirs, path)
        if name in _APPENDED:
            return tuple(mine) + tuple(theirs)
        if name in _MAPPINGS:
            return {**mine, **theirs}
        if theirs or name in _POINTERS:
            return theirs
        if mine:
            self.without_effect.append(path)
        return mine

    def _logging(
        self, base: Logging | None, override: Logging | None, path: Path
    ) -> Logging | None:
        """Options merge where the driver is the same or unset; docker loses them without a base."""
        if base is None or override is None:
            return override if base is None else base
        if base.driver and override.driver and base.driver != override.driver:
            return override
        options = base.options
        if options is None:
            if override.options:
                self.without_effect.append((*path, "options"))
        else:
            options = {**options, **(override.options or {})}
        return Logging(driver=base.driver or override.driver, options=options)


def _flat(entries: tuple[tuple[Port, ...], ...] | None) -> tuple[Port, ...] | None:
    return None if entries is None else tuple(port for entry in entries for port in entry)


ItemT = TypeVar("ItemT", Port, Mount, FileReference)


def _by_key(
    base: tuple[ItemT, ...] | None, override: tuple[ItemT, ...] | None, key: Callable[[ItemT], Any]
) -> tuple[ItemT, ...] | None:
    """Items by key, later ones winning, sorted by it; untouched where there is no base."""
    if base is None:
        return override
    items = {key(item): item for item in base + (override or ())}
    return tuple(items[each] for each in sorted(items))


def _environment(
    base: Mapping[str, str | None] | None, override: Mapping[str, str | None] | None
) -> dict[str, str | None] | None:
    """An empty value overrides an empty one only."""
    if base is None or override is None:
        chosen = override if base is None else base
        return None if chosen is None else dict(chosen)
    result = dict(base)
    for name, value in override.items():
        if value or not result.get(name):
            result[name] = value
    return result


def _networks(
    base: Mapping[str, Attachment | None] | None, override: Mapping[str, Attachment | None] | None
) -> dict[str, Attachment | None] | None:
    """Aliases are replaced, driver options stay."""
    if base is None or override is None:
        chosen = override if base is None else base
        return None if chosen is None else dict(chosen)
    result = dict(base)
    for name, theirs in override.items():
        mine = result.get(name)
        if mine is None:
            result[name] = theirs
        elif theirs is not None:
            result[name] = mine.model_copy(update={"aliases": theirs.aliases})
    return result


def _options(base: ModelT, override: ModelT) -> ModelT:
    """`x-operator` is ours: what the later document says, holds."""
    said = {name: getattr(override, name) for name in override.model_fields_set}
    return base.model_copy(update=said)
