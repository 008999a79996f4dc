"""A service of a document as the ServiceSpec that docker/cli sends."""

from desired_state.deploy import Deploy
from desired_state.problems import Path
from desired_state.service import Service
from swarm_operator.observed.json import JsonObject
from swarm_operator.plan.compose import containers, endpoints, objects, tasks, templates
from swarm_operator.plan.compose.references import references
from swarm_operator.plan.compose.specs import DesiredService
from swarm_operator.plan.compose.stack import IMAGE_LABEL, Conversion, given, present


def service_spec(conversion: Conversion, key: str, service: Service) -> DesiredService:
    """One service; everything that is wrong with it is noted in the conversion."""
    path: Path = ("services", key)
    name = conversion.scoped(key)
    objects.check_service_name(conversion, path, name)
    deploy = service.deploy or Deploy()
    refers = references(conversion, path, service)
    container = containers.container_spec(conversion, path, service, refers)
    templates.check(conversion, path, service)
    networks = endpoints.attachments(conversion, path, key, service)
    task: JsonObject = {
        "ContainerSpec": container,
        "Resources": tasks.resources(conversion, (*path, "deploy", "resources"), deploy.resources),
        "Placement": tasks.placement(conversion, (*path, "deploy", "placement"), deploy.placement),
        "Networks": networks,
        "ForceUpdate": 0,
    }
    task |= given(
        RestartPolicy=tasks.restart_policy(conversion, path, service),
        LogDriver=_log_driver(service),
    )
    spec: JsonObject = {
        "Name": name,
        "Labels": conversion.labels(deploy.labels) | {IMAGE_LABEL: service.image or ""},
        "TaskTemplate": task,
        "Mode": tasks.mode(conversion, (*path, "deploy"), deploy),
        "EndpointSpec": endpoints.endpoint_spec(conversion, path, service),
    }
    for field, source in (
        ("UpdateConfig", "update_config"),
        ("RollbackConfig", "rollback_config"),
    ):
        where = (*path, "deploy", source)
        spec |= given(**{field: tasks.update_config(conversion, where, getattr(deploy, source))})
    return DesiredService(
        name=name,
        key=key,
        spec=spec,
        options=service.options,
        networks=frozenset(str(network["Target"]) for network in networks),
        configs=frozenset(str(config["ConfigName"]) for config in refers.configs),
        secrets=frozenset(str(secret["SecretName"]) for secret in refers.secrets),
    )


def _log_driver(service: Service) -> JsonObject | None:
    if service.logging is None:
        return None
    return present(Name=service.logging.driver, Options=service.logging.options)
