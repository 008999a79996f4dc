"""`desired/nodes/<host name>`: what people say of a node."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from desired_state import yaml_reader
from desired_state.dns_forms import Addresses
from desired_state.forms import kind_of
from desired_state.model_problems import did_you_mean, model_problems, problem_at
from desired_state.problems import DocumentRefused, Path, Problem
from desired_state.yaml_tree import YamlDocument

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
        try:
            document, _ = yaml_reader.read(f"{FOLDER}{host}", value)
        except yaml_reader.Unreadable as unreadable:
            raise DocumentRefused(unreadable.problems) from None
        if document.root is None:
            return cls()
        if not isinstance(document.root, dict):
            message = f"a node's document is a mapping, not {kind_of(document.root)}"
            raise DocumentRefused([problem_at(document, (), message)])
        try:
            return cls.model_validate(document.root)
        except ValidationError as error:
            raise DocumentRefused(model_problems(document, error, cls, _not_acted_on)) from None


def _not_acted_on(document: YamlDocument, path: Path) -> Problem | None:
    if len(path) > 1:
        return None
    hint = did_you_mean(str(path[-1]), NodeDocument.model_fields)
    return problem_at(document, path, "this field is not acted on by this version", hint)
