"""Loading a document in one line, for the tests."""

from desired_state import DocumentRefused, LoadedStack, StackFolder, load_stack

STACK = "shop"


def folder(document: str | bytes, **files: str | bytes) -> StackFolder:
    """A folder with a document and files, whose names are given with `__` for a dot."""
    contents = {"compose.yaml": document} | {k.replace("__", "."): v for k, v in files.items()}
    return StackFolder(
        STACK, {name: v.encode() if isinstance(v, str) else v for name, v in contents.items()}
    )


def loaded(document: str | bytes, **files: str | bytes) -> LoadedStack:
    """The stack of a document."""
    return load_stack(folder(document, **files))


def refusals(document: str | bytes, **files: str | bytes) -> list[str]:
    """What is wrong with a document, as people read it; empty where nothing is."""
    try:
        loaded(document, **files)
    except DocumentRefused as refused:
        return [str(problem) for problem in refused.problems]
    return []


def warnings(document: str | bytes, **files: str | bytes) -> list[str]:
    """What a document is taken with."""
    return [str(problem) for problem in loaded(document, **files).warnings]
