"""`x-operator.dns` of a document: what only shows when a service, or all of them, are looked at."""

from desired_state.dns_forms import DnsBinding
from desired_state.operator_block import KEY
from desired_state.service import Service
from swarm_operator.plan.compose.stack import Conversion


def check_dns(conversion: Conversion) -> None:
    """Notes names that two services want, and single addresses for services with several tasks."""
    seen: list[tuple[str, DnsBinding]] = []
    for key, service in conversion.stack.document.services.items():
        for index, binding in enumerate(service.options.dns):
            path = ("services", key, KEY, "dns", index)
            why = _several_tasks(service)
            if why and binding.cardinality == "one" and binding.follow == "task-nodes":
                message = f"one address is for a service with one task, and this one {why}"
                conversion.error((*path, "cardinality"), message, "write cardinality: many")
            if binding.probe != "none":
                conversion.error((*path, "probe"), "is not acted on by this version", "remove it")
            rival = next((other for other, each in seen if each.fqdn == binding.fqdn), None)
            if rival == key:
                message = f"{binding.fqdn} has an entry already"
                conversion.error((*path, "name"), message, "write families: [A, AAAA] in one")
            elif rival is not None:
                message = f"{binding.fqdn} is wanted by service {conversion.shown(rival)} already"
                conversion.error((*path, "name"), message)
            seen.append((key, binding))


def _several_tasks(service: Service) -> str:
    deploy = service.deploy
    if deploy is None:
        return ""
    if deploy.mode == "global":
        return "runs on every node (mode global)"
    return f"has {deploy.replicas}" if deploy.replicas is not None and deploy.replicas > 1 else ""
