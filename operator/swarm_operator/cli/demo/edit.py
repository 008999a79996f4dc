"""`demo edit`: somebody changes a document in the KV by hand."""

import difflib

import click
import yaml

from desired_state import keys
from swarm_operator.cli.completion import complete_stack
from swarm_operator.cli.demo.clients import clients_for
from swarm_operator.cli.demo.world_client import the_world
from swarm_operator.cli.invocation import Invocation, WatchedKv, pass_invocation
from swarm_operator.observed.kv import Put

DOCUMENTS = (
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
    "stack.yml",
)


class CannotEdit(Exception):
    """The document has no such place; the text says what it lacks."""


@click.command("edit", short_help="Change a stack's document in the KV by hand.")
@click.argument("stack", shell_complete=complete_stack)
@click.option("--service", help="Its name in the document; not needed where there is only one.")
@click.option("--image", help="The service's new image.")
@click.option("--replicas", type=click.IntRange(min=0), help="How many of it shall run.")
@pass_invocation
def edit_command(
    invocation: Invocation,
    /,
    stack: str,
    service: str | None,
    image: str | None,
    replicas: int | None,
) -> None:
    """Change one service of STACK in the document in the KV, as in Consul's own page.

    The operator waits a quarter of a second for more keys to change, then acts on it.
    """
    if image is None and replicas is None:
        raise click.UsageError("nothing to change: give --image, --replicas, or both")
    if image is not None and not image.strip():
        raise click.UsageError("--image is empty")
    world = the_world(invocation)
    kv = clients_for(world.docker_host, world.state()["consul_addr"]).kv
    try:
        click.echo(edit(kv, stack, service, image=image, replicas=replicas))
    except CannotEdit as problem:
        raise click.ClickException(f"{stack}: {problem}") from None


def edit(
    kv: WatchedKv,
    stack: str,
    service: str | None,
    *,
    image: str | None = None,
    replicas: int | None = None,
) -> str:
    """Writes it; says what was changed. Raises CannotEdit, OutsideError."""
    folder = keys.DESIRED + keys.stack_folder(stack)
    tree = kv.read(folder)
    name = next((each for each in DOCUMENTS if each in tree.entries), None)
    if name is None:
        raise CannotEdit("the KV holds no document of it")
    entry = tree.entries[name]
    text = entry.value.decode()
    said = []
    wishes = {("image",): image, ("deploy", "replicas"): replicas}
    for path, wish in wishes.items():
        if wish is not None:
            before, text = replaced(text, service, path, str(wish))
            said.append(f"{'.'.join(path)}: {before} → {wish}")
    kv.commit([Put(folder + name, text.encode(), index=entry.modify_index)])
    return f"{keys.DESIRED}{keys.stack_key(stack, name)}: {', '.join(said)}"


def replaced(text: str, service: str | None, path: tuple[str, ...], value: str) -> tuple[str, str]:
    """What stood at a service's `path`, and the text with `value` in its place; all else, comments
    too, stays as it is. Raises CannotEdit."""
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    services = _below(root, "services")
    if services is None:
        raise CannotEdit("the document has no services")
    names = [key.value for key, _ in services.value]
    if service is None and len(names) > 1:
        raise CannotEdit(f"say which --service: {', '.join(names)}")
    service = service or names[0]
    node = _below(services, service)
    if node is None:
        near = difflib.get_close_matches(service, names, 1)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(names)}"
        raise CannotEdit(f"there is no service {service}{hint}")
    for word in path:
        node = _below(node, word)
        if node is None:
            raise CannotEdit(f"the document says no {'.'.join(path)} for {service}")
    if not isinstance(node, yaml.ScalarNode):
        raise CannotEdit(f"{'.'.join(path)} of {service} is no plain value")
    start, end = node.start_mark.index, node.end_mark.index
    return node.value, text[:start] + value + text[end:]


def _below(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)
