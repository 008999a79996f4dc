"""Networks, volumes, configs and secrets: the objects beside the services."""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from desired_state.forms import Model, OpenModel, defect, kind_of
from desired_state.pairs import Labels, Options


class ExternalReference(Model):
    """Whether an object exists already, and its name by the deprecated long form."""

    external: bool
    name: str | None = None


class OpenExternalReference(OpenModel):
    """The same for configs and secrets, where docker/cli takes unknown keys."""

    external: bool
    name: str | None = None


def _external(value: Any) -> Any:
    """`true`, `false` or `{name: …}`; any mapping means that the object is external."""
    if isinstance(value, bool):
        return {"external": value}
    if not isinstance(value, dict):
        raise defect(f"must be true, false or a mapping, not {kind_of(value)}")
    return {**value, "external": True}


_EXTERNAL_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {"type": "boolean"},
        {"type": "object", "properties": {"name": {"type": "string"}}, "deprecated": True},
    ]
}
_NAME: Final = "The name in the swarm, taken as it is; absent: <stack>_<key>."
_EXTERNAL: Final = "It exists already and is not ours to create."


External = Annotated[
    ExternalReference, BeforeValidator(_external), WithJsonSchema(_EXTERNAL_SCHEMA)
]
OpenExternal = Annotated[
    OpenExternalReference, BeforeValidator(_external), WithJsonSchema(_EXTERNAL_SCHEMA)
]


class _Object(Model):
    name: str | None = Field(default=None, description=_NAME)
    labels: Labels | None = Field(default=None, description="Labels of the object.")

    @property
    def _reference(self) -> ExternalReference | OpenExternalReference | None:
        return getattr(self, "external", None)

    @property
    def is_external(self) -> bool:
        """Whether it exists already and is not ours to create."""
        return self._reference is not None and self._reference.external

    @property
    def given_name(self) -> str | None:
        """`name:`, or the deprecated `external: {name: …}`."""
        deprecated = self._reference.name if self._reference is not None else None
        return deprecated or self.name or None


class IpamPool(Model):
    """A range of addresses."""

    subnet: str | None = Field(default=None, description="Such as 10.20.0.0/24.")


class Ipam(Model):
    """Where a network's addresses come from."""

    driver: str | None = Field(default=None, description="The IPAM driver.")
    config: Annotated[tuple[IpamPool, ...], Field(strict=False)] | None = Field(
        default=None, description="Ranges of addresses."
    )


class Network(_Object):
    """A network of the stack, or one that exists already."""

    driver: str | None = Field(default=None, description="overlay where absent.")
    driver_opts: Options | None = Field(default=None, description="Options of the driver.")
    ipam: Ipam | None = Field(default=None, description="Where its addresses come from.")
    external: External | None = Field(default=None, description=_EXTERNAL)
    internal: bool | None = Field(default=None, description="Without a way out.")
    attachable: bool | None = Field(default=None, description="Open to containers of `docker run`.")


class Volume(_Object):
    """A volume; the nodes create it when a task that mounts it first comes to them."""

    driver: str | None = Field(default=None, description="The volume driver.")
    driver_opts: Options | None = Field(default=None, description="Options of the driver.")
    external: External | None = Field(default=None, description=_EXTERNAL)


class _FileObject(_Object):
    file: str | None = Field(default=None, description="The file of the folder with its content.")
    content: str | None = Field(default=None, description="The content itself, instead of a file.")
    external: OpenExternal | None = Field(default=None, description=_EXTERNAL)
    template_driver: str | None = Field(
        default=None, description="golang: the content is a template."
    )


class Config(_FileObject):
    """A file that tasks get, readable in the swarm."""


class Secret(_FileObject):
    """A file that tasks get, readable only by them."""

    driver: str | None = Field(default=None, description="A secret driver gives the content.")
    driver_opts: Options | None = Field(default=None, description="Options of the driver.")


class FileReference(OpenModel):
    """A config or secret as a file in the containers of a service."""

    source: str = Field(default="", description="The key of the config or secret.")
    target: str | None = Field(default=None, description="The file; absent: the key.")
    uid: str | None = Field(default=None, description="Its owner, as text.")
    gid: str | None = Field(default=None, description="Its group, as text.")
    mode: (
        Annotated[
            int,
            BeforeValidator(lambda v: int(v) if isinstance(v, float) else v),
            Field(ge=0, le=2**32 - 1),
        ]
        | None
    ) = Field(default=None, description="Its permissions; 0444 where absent.")


def _reference(value: Any) -> Any:
    return {"source": value} if isinstance(value, str) else value


FileReferenceEntry = Annotated[
    FileReference,
    BeforeValidator(_reference),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "properties": {
                        "source": {"type": "string"},
                        "target": {"type": "string"},
                        "uid": {"type": "string"},
                        "gid": {"type": "string"},
                        "mode": {"type": "number"},
                    },
                },
            ]
        }
    ),
]
