"""YAML documents of the KV that are one mapping: a policy, what is said of a node."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from desired_state import yaml_reader
from desired_state.forms import kind_of
from desired_state.model_problems import did_you_mean, model_problems, problem_at
from desired_state.problems import DocumentRefused, Path, Problem
from desired_state.yaml_tree import YamlDocument

Read = TypeVar("Read", bound=BaseModel)


def read_mapping(model: type[Read], source: str, value: bytes, what: str) -> Read:
    """The model of a document; an empty one says nothing, and gives the model's defaults.

    `source` is the document's key, `what` names it in a sentence ("a policy"). Raises DocumentRefused
    with every problem; a field that this version does not act on is one.
    """
    try:
        document, _ = yaml_reader.read(source, value)
    except yaml_reader.Unreadable as unreadable:
        raise DocumentRefused(unreadable.problems) from None
    if document.root is None:
        return model()
    if not isinstance(document.root, dict):
        message = f"{what} is a mapping, not {kind_of(document.root)}"
        raise DocumentRefused([problem_at(document, (), message)])

    def not_acted_on(document: YamlDocument, path: Path) -> Problem | None:
        if len(path) > 1:
            return None
        hint = did_you_mean(str(path[-1]), model.model_fields)
        return problem_at(document, path, "this field is not acted on by this version", hint)

    try:
        return model.model_validate(document.root)
    except ValidationError as error:
        raise DocumentRefused(model_problems(document, error, model, not_acted_on)) from None
