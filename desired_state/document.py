"""A whole Compose document."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from desired_state.forms import Model
from desired_state.objects import Config, Network, Secret, Volume
from desired_state.operator_block import KEY, StackOptions
from desired_state.service import Service


def _or_empty(value: Any) -> Any:
    """Networks and volumes may be named without saying anything about them."""
    return {} if value is None else value


class ComposeDocument(Model):
    """What a stack is to be, in the typed form of its document."""

    version: str | None = Field(default=None, description="3.0 to 3.13, as text; best left out.")
    name: str | None = Field(default=None, description="The stack's name; must be its folder's.")
    services: dict[str, Service] = Field(default={}, description="The services, by name.")
    networks: dict[str, Annotated[Network, BeforeValidator(_or_empty)]] = Field(
        default={}, description="The networks, by name."
    )
    volumes: dict[str, Annotated[Volume, BeforeValidator(_or_empty)]] = Field(
        default={}, description="The volumes, by name."
    )
    configs: dict[str, Config] = Field(default={}, description="The configs, by name.")
    secrets: dict[str, Secret] = Field(default={}, description="The secrets, by name.")
    options: StackOptions = Field(
        default=StackOptions(), alias=KEY, description="What the operator itself does with it."
    )
