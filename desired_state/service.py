"""A service of a Compose document."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from desired_state import images
from desired_state.deploy import Deploy
from desired_state.forms import (
    Command,
    Defect,
    Duration,
    HealthTest,
    Model,
    TextOrList,
    TruncatedUnsigned,
    UniqueTextList,
    checked_by,
    defect,
    defects,
    kind_of,
)
from desired_state.mounts import MountEntry
from desired_state.not_used import NotUsed
from desired_state.objects import FileReferenceEntry
from desired_state.operator_block import KEY, ServiceOptions
from desired_state.pairs import Environment, Hosts, Labels, NullableOptions, Options
from desired_state.ports import PortEntry, distinct


class HealthCheck(Model):
    """How the engine sees whether a container works."""

    disable: bool | None = Field(default=None, description="Switch the image's own check off.")
    interval: Duration | None = Field(default=None, description="Between two checks.")
    retries: TruncatedUnsigned | None = Field(default=None, description="Failures in a row.")
    test: HealthTest | None = Field(default=None, description="A shell line, or CMD and words.")
    timeout: Duration | None = Field(default=None, description="Of one check.")
    start_period: Duration | None = Field(
        default=None, description="In which failures do not count."
    )
    start_interval: Duration | None = Field(
        default=None, description="Between two checks in the start period."
    )


class Logging(Model):
    """Where the containers' output goes."""

    driver: str | None = Field(default=None, description="The log driver.")
    options: NullableOptions | None = Field(default=None, description="Options of the driver.")


class CredentialSpec(Model):
    """A Windows credential; one of the three."""

    config: str | None = Field(default=None, description="The key of a config.")
    file: str | None = Field(default=None, description="A file on the nodes.")
    registry: str | None = Field(default=None, description="A registry value on the nodes.")


class Attachment(Model):
    """How a service is attached to a network."""

    aliases: UniqueTextList | None = Field(default=None, description="Further names in it.")
    driver_opts: Options | None = Field(default=None, description="Options of the endpoint.")
    ipv4_address: str | None = Field(default=None, description="No effect.")
    ipv6_address: str | None = Field(default=None, description="No effect.")


class Ulimit(Model):
    """A limit of the kernel's; -1: none."""

    soft: int = Field(ge=-(2**63), le=2**63 - 1)
    hard: int = Field(ge=-(2**63), le=2**63 - 1)


class EnvFile(Model):
    """A file with environment variables."""

    path: str = Field(description="The file, relative to the folder.")
    required: bool = Field(default=True, description="Whether it must be there.")
    format: str | None = Field(
        default=None, description="raw; absent means raw too: quotes and $ stay as they are."
    )


_KEY: Final = re.compile(r"[a-zA-Z0-9._-]+", re.ASCII)


def bad_names(names: Iterable[str]) -> list[Defect]:
    """What is wrong with keys that are names: docker/cli's schema refuses them."""
    message = "is no name; letters, digits, . _ and - can be used"
    return [((name,), message, None) for name in names if not _KEY.fullmatch(name)]


def _attachments(value: Any) -> Any:
    """A list of names, or a mapping of names to settings or nothing, as a mapping."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            if not isinstance(item, str):
                raise defect(f"must be a list of names; item {index + 1} is {kind_of(item)}")
        if len(set(value)) < len(value):
            raise defect("names a network twice", "remove one of the two")
        return dict.fromkeys(value)
    if not isinstance(value, dict):
        raise defect(f"must be a mapping or a list, not {kind_of(value)}")
    defects(bad_names(value))
    return value


def _image(value: str) -> str:
    """A document that is merged onto another may leave the image empty."""
    return checked_by(images.shortened)(value) if value else value


def _ulimit(value: Any) -> Any:
    """One number for both; docker/cli wants it to be written as an integer."""
    if isinstance(value, int) and not isinstance(value, bool):
        return {"soft": value, "hard": value}
    if not isinstance(value, dict):
        raise defect(f"must be a whole number, or soft and hard, not {kind_of(value)}")
    return value


def _env_files(value: Any) -> Any:
    """One path, or a list of paths and of mappings with a path."""
    items = [value] if isinstance(value, str) else value
    if isinstance(items, list):
        texts = [item for item in items if isinstance(item, str)]
        if len(set(texts)) < len(texts):
            raise defect("names a file twice", "remove one of the two")
        return [{"path": item} if isinstance(item, str) else item for item in items]
    return value


_ULIMIT_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {"type": "integer"},
        {
            "type": "object",
            "properties": {"soft": {"type": "integer"}, "hard": {"type": "integer"}},
            "required": ["soft", "hard"],
            "additionalProperties": False,
        },
    ]
}
_ATTACHMENTS_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        {
            "type": "object",
            "additionalProperties": {
                "type": ["object", "null"],
                "properties": {
                    "aliases": {"type": "array", "items": {"type": "string"}},
                    "driver_opts": {"type": "object"},
                    "ipv4_address": {"type": "string"},
                    "ipv6_address": {"type": "string"},
                },
                "additionalProperties": False,
            },
        },
    ]
}
_ENV_FILE_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "array",
            "items": {
                "anyOf": [
                    {"type": "string"},
                    {
                        "type": "object",
                        "properties": {
                            "path": {"type": "string"},
                            "required": {"type": "boolean"},
                            "format": {"const": "raw"},
                        },
                        "required": ["path"],
                        "additionalProperties": False,
                    },
                ]
            },
        },
    ]
}

UlimitEntry = Annotated[Ulimit, BeforeValidator(_ulimit), WithJsonSchema(_ULIMIT_SCHEMA)]


class Service(NotUsed):
    """A service: what its tasks run, and how."""

    image: Annotated[str, AfterValidator(_image)] | None = Field(
        default=None, description="The image; required."
    )
    cap_add: UniqueTextList | None = Field(default=None, description="Capabilities to add.")
    cap_drop: UniqueTextList | None = Field(default=None, description="Capabilities to drop.")
    command: Command | None = Field(default=None, description="Arguments of the entry point.")
    configs: Annotated[tuple[FileReferenceEntry, ...], Field(strict=False)] | None = Field(
        default=None, description="Configs as files in the containers."
    )
    credential_spec: CredentialSpec | None = Field(
        default=None, description="A Windows credential."
    )
    deploy: Deploy | None = Field(default=None, description="How it runs on the swarm.")
    dns: TextOrList | None = Field(default=None, description="Name servers.")
    dns_search: TextOrList | None = Field(default=None, description="Search domains.")
    entrypoint: Command | None = Field(default=None, description="Instead of the image's own.")
    env_file: (
        Annotated[
            tuple[EnvFile, ...],
            BeforeValidator(_env_files),
            Field(strict=False),
            WithJsonSchema(_ENV_FILE_SCHEMA),
        ]
        | None
    ) = Field(default=None, description="Files with environment variables.")
    environment: Environment | None = Field(
        default=None, description="Variables; a key without value takes it from .env."
    )
    extra_hosts: Hosts | None = Field(default=None, description="Lines of /etc/hosts.")
    healthcheck: HealthCheck | None = Field(default=None, description="Whether it works.")
    hostname: str | None = Field(default=None, description="Of the containers.")
    init: bool | None = Field(default=None, description="Run a small init as process 1.")
    isolation: str | None = Field(default=None, description="Windows: process or hyperv.")
    labels: Labels | None = Field(default=None, description="Labels of the containers.")
    logging: Logging | None = Field(default=None, description="Where the output goes.")
    networks: (
        Annotated[
            dict[str, Attachment | None],
            BeforeValidator(_attachments),
            WithJsonSchema(_ATTACHMENTS_SCHEMA),
        ]
        | None
    ) = Field(default=None, description="Networks; absent: default.")
    ports: (
        Annotated[tuple[PortEntry, ...], BeforeValidator(distinct), Field(strict=False)] | None
    ) = Field(default=None, description="Published ports.")
    read_only: bool | None = Field(default=None, description="A read-only root file system.")
    restart: str | None = Field(
        default=None, description="Used where deploy.restart_policy is absent."
    )
    secrets: Annotated[tuple[FileReferenceEntry, ...], Field(strict=False)] | None = Field(
        default=None, description="Secrets as files in the containers."
    )
    stdin_open: bool | None = Field(default=None, description="Keep standard input open.")
    stop_grace_period: Duration | None = Field(default=None, description="Before a kill.")
    stop_signal: str | None = Field(default=None, description="Instead of SIGTERM.")
    sysctls: Labels | None = Field(default=None, description="Kernel parameters.")
    tty: bool | None = Field(default=None, description="Give it a terminal.")
    ulimits: dict[str, UlimitEntry] | None = Field(default=None, description="Limits.")
    user: str | None = Field(default=None, description="The user, as text.")
    volumes: Annotated[tuple[MountEntry, ...], Field(strict=False)] | None = Field(
        default=None, description="What is mounted."
    )
    working_dir: str | None = Field(default=None, description="Of the command.")
    options: ServiceOptions = Field(
        default=ServiceOptions(), alias=KEY, description="What the operator itself does with it."
    )
