"""What is mounted into the containers of a service, short and long form (cli/compose/loader)."""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from desired_state.forms import Model, OpenModel, Unsigned, defect, kind_of

PROPAGATIONS: Final = ("rprivate", "private", "rshared", "shared", "rslave", "slave")
MOUNT_TYPES: Final = ("volume", "bind", "tmpfs", "npipe", "cluster", "image")


class BindOptions(OpenModel):
    """Of a mount of type bind."""

    propagation: str | None = Field(default=None, description=f"One of {', '.join(PROPAGATIONS)}.")


class VolumeOptions(OpenModel):
    """Of a mount of type volume."""

    nocopy: bool | None = Field(
        default=None, description="Do not fill a new volume with the image's files."
    )
    subpath: str | None = Field(default=None, description="A folder inside the volume.")


class TmpfsOptions(OpenModel):
    """Of a mount of type tmpfs."""

    size: Unsigned | None = Field(default=None, description="Bytes.")


class Mount(Model):
    """One mount."""

    type: str = Field(description=f"One of {', '.join(MOUNT_TYPES)}.")
    source: str = Field(default="", description="A declared volume, or a path on the node.")
    target: str = Field(default="", description="The path in the container.")
    read_only: bool | None = Field(default=None, description="Mount it read-only.")
    consistency: str | None = Field(default=None, description="Sent; the engine drops it.")
    bind: BindOptions | None = Field(default=None, description="Of a bind.")
    volume: VolumeOptions | None = Field(default=None, description="Of a volume.")
    tmpfs: TmpfsOptions | None = Field(default=None, description="Of a tmpfs.")


def short_options(text: str) -> tuple[str, ...]:
    """The options at the end of a short form, unknown ones included."""
    sections = _sections(text)
    return tuple(sections[2].split(",")) if len(sections) == 3 else ()


def from_short(text: str) -> dict[str, Any]:
    """A mount of `[source:]target[:options]`. Raises ValueError.

    Unknown options are ignored, as docker/cli does. A single letter before a colon is a Windows
    drive, even where a volume of that name is declared.
    """
    if not text:
        raise ValueError("is empty")
    if len(text) <= 2:
        return {"type": "volume", "target": text}
    sections = _sections(text)
    if not all(sections):
        raise ValueError("has an empty section between its colons")
    if len(sections) > 3:
        raise ValueError("has too many colons; write source:target:options")
    if len(sections) == 1:
        return {"type": "volume", "target": sections[0]}
    source, target, *_ = sections
    mount: dict[str, Any] = {
        "type": "bind" if _is_path(source) else "volume",
        "source": source,
        "target": target,
    }
    for option in short_options(text):
        if option in {"ro", "rw"}:
            mount["read_only"] = option == "ro"
        elif option == "nocopy":
            mount["volume"] = {"nocopy": True}
        elif option in PROPAGATIONS:
            mount["bind"] = {"propagation": option}
    return mount


def _sections(text: str) -> list[str]:
    """The parts between colons; the colon of a Windows drive is no separator."""
    sections: list[str] = []
    current = ""
    for char in text:
        if char == ":" and not (len(current) == 1 and current.isalpha()):
            sections.append(current)
            current = ""
        else:
            current += char
    return [*sections, current]


def _is_path(source: str) -> bool:
    return source[0] in "./~" or (
        len(source) > 1
        and (source.startswith("\\\\") or (source[0].isalpha() and source[1] == ":"))
    )


def is_windows_path(path: str) -> bool:
    """Whether `path` is absolute on Windows: with a drive, or a share."""
    if len(path) > 2 and path[0].isascii() and path[0].isalpha() and path[1] == ":":
        return path[2] in "\\/"
    parts = path.replace("\\", "/").split("/")
    return (
        path[:2].replace("\\", "/") == "//"
        and len(parts) > 4
        and all(part and not part.startswith(".") for part in parts[2:4])
    )


def _entry(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return from_short(value)
        except ValueError as error:
            raise defect(str(error)) from None
    if not isinstance(value, dict):
        raise defect(f"must be text or a mapping, not {kind_of(value)}")
    return value


MOUNT_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {"type": "string", "examples": ["data:/var/lib/data", "/srv/www:/www:ro"]},
        {
            "type": "object",
            "required": ["type"],
            "properties": {
                "type": {"enum": list(MOUNT_TYPES)},
                "source": {"type": "string"},
                "target": {"type": "string"},
                "read_only": {"type": "boolean"},
                "consistency": {"type": "string"},
                "bind": {
                    "type": "object",
                    "properties": {"propagation": {"enum": list(PROPAGATIONS)}},
                },
                "volume": {
                    "type": "object",
                    "properties": {"nocopy": {"type": "boolean"}, "subpath": {"type": "string"}},
                },
                "tmpfs": {
                    "type": "object",
                    "properties": {"size": {"type": "integer", "minimum": 0}},
                },
            },
            "additionalProperties": False,
        },
    ]
}

MountEntry = Annotated[Mount, BeforeValidator(_entry), WithJsonSchema(MOUNT_SCHEMA)]
