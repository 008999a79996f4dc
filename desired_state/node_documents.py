"""`desired/nodes/<host name>`: what people say of a node."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from desired_state.dns_forms import Addresses
from desired_state.mapping_document import read_mapping

FOLDER: Final = "desired/nodes/"


class NodeDocument(BaseModel):
    """One node, by its host name."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    addresses: Addresses = Field(
        default=(), description="Where the world reaches the node: IPv4, IPv6 or both."
    )

    @classmethod
    def parse_yaml(cls, host: str, value: bytes) -> "NodeDocument":
        """The document of one node; an empty one says nothing.

        Raises DocumentRefused with every problem; a field that this version does not act on is one.
        """
        return read_mapping(cls, f"{FOLDER}{host}", value, "a node's document")
