"""`x-operator.routes` of a document: what can be told before anything runs."""

from desired_state.operator_block import KEY
from swarm_operator.plan.compose.stack import Conversion
from swarm_operator.plan.routes.rules import rule_doubts, rule_faults


def check_routes(conversion: Conversion) -> None:
    """Notes rules that Traefik would not take, and canaries of services that are not there."""
    services = conversion.stack.document.services
    for key, service in services.items():
        for index, route in enumerate(service.options.routes):
            path = ("services", key, KEY, "routes", index)
            if route.rule is not None:
                faults = list(rule_faults("http", route.rule))
                for fault in faults:
                    conversion.error((*path, "rule"), fault)
                for doubt in () if faults else rule_doubts(route.rule):
                    conversion.warn((*path, "rule"), doubt)
            if route.canary is not None and route.canary.service not in services:
                name = conversion.shown(route.canary.service)
                message = f"there is no service {name} in the document"
                conversion.error((*path, "canary", "service"), message)
