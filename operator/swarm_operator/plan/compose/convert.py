"""A loaded stack into specs; what only shows when its parts are put together is refused here."""

from collections.abc import Mapping, Sequence

from desired_state import DocumentRefused, LoadedStack, Severity, StackFolder
from desired_state.load import load_partially
from desired_state.ports import Port
from desired_state.problems import in_reading_order, without_consequences
from swarm_operator.plan.compose import endpoints, mounts, objects, services
from swarm_operator.plan.compose.dns import check_dns
from swarm_operator.plan.compose.routes import check_routes
from swarm_operator.plan.compose.specs import StackSpecs
from swarm_operator.plan.compose.stack import Conversion


def convert(stack: LoadedStack) -> StackSpecs:
    """The specs of a stack. Raises DocumentRefused with every problem at once.

    What the engine would refuse is refused first, so that nothing is written for a stack of which
    a part cannot work.
    """
    conversion = Conversion(stack)
    networks, external_networks = objects.networks(conversion)
    configs, external_configs = objects.configs(conversion)
    secrets, external_secrets = objects.secrets(conversion)
    mounts.check_volumes(conversion)
    _check_deprecated_names(conversion)
    _check_shared_ports(conversion)
    check_routes(conversion)
    check_dns(conversion)
    converted = [
        services.service_spec(conversion, key, service)
        for key, service in sorted(stack.document.services.items())
    ]
    problems = in_reading_order((*stack.warnings, *conversion.problems))
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if errors:
        raise DocumentRefused(errors)
    return StackSpecs(
        stack=stack.name,
        revision=stack.revision,
        services={service.name: service for service in converted},
        networks=networks,
        configs=configs,
        secrets=secrets,
        external_networks=external_networks,
        external_configs=external_configs,
        external_secrets=external_secrets,
        warnings=problems,
        secret_values=stack.secret_values,
        options=stack.options,
    )


def specs_of(
    folder: StackFolder,
    *,
    environment: Mapping[str, str] | None = None,
    documents: Sequence[str] | None = None,
) -> tuple[LoadedStack, StackSpecs]:
    """A folder, loaded and converted (see `load_stack` for the parameters).

    Raises DocumentRefused with everything that is wrong at once, whether it is one part or only
    shows when the parts are put together.
    """
    stack, errors = load_partially(folder, environment=environment, documents=documents)
    if stack is None:
        raise DocumentRefused(errors)
    try:
        specs = convert(stack)
    except DocumentRefused as refused:
        further = without_consequences(refused.problems, errors)
        raise DocumentRefused([*errors, *further]) from None
    if errors:
        raise DocumentRefused(errors)
    return stack, specs


def _check_deprecated_names(conversion: Conversion) -> None:
    document = conversion.stack.document
    for section in ("networks", "volumes"):
        for key, item in getattr(document, section).items():
            if item.external is not None and item.external.name and item.name:
                message = "name and external.name exclude each other"
                conversion.error((section, key, "name"), message, "keep name")


def _check_shared_ports(conversion: Conversion) -> None:
    """Two services of a stack that want one port: the second would never be created."""
    owners: dict[tuple[int, str], list[tuple[str, Port]]] = {}
    for key, service in sorted(conversion.stack.document.services.items()):
        for index, entry in enumerate(service.ports or ()):
            for port in entry:
                if not port.published:
                    continue
                taken = owners.setdefault((port.published, endpoints.protocol(port)), [])
                other = next(
                    (
                        name
                        for name, theirs in taken
                        if name != key
                        and (endpoints.is_ingress(port) or endpoints.is_ingress(theirs))
                    ),
                    None,
                )
                if other is not None:
                    message = f"the port {conversion.shown(port.published)} is published by {other}"
                    where = ("services", key, "ports", index)
                    conversion.error(where, message, "publish it on another port")
                taken.append((key, port))
