"""The settings about Traefik, as the controller of routes takes them."""

from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.swarm_provider import settings_faults
from swarm_operator.runtime.routes.surroundings import TraefikPlan
from swarm_operator.settings import Settings, SettingsError


def traefik_plan(settings: Settings) -> TraefikPlan:
    """What an installation says about Traefik. Raises SettingsError for texts that cannot be read."""
    return TraefikPlan(
        root=settings.traefik_root,
        operator_root=settings.root,
        service=settings.traefik_service,
        api=settings.traefik_api or (),
        routes=_checked(
            RouteSettings(
                exposed_by_default=settings.traefik_exposed_by_default,
                default_rule=settings.traefik_default_rule,
                constraints=settings.traefik_constraints or "",
                network=settings.traefik_network or "",
                http_entrypoints=(settings.traefik_entrypoint,),
                https_entrypoints=(settings.traefik_entrypoint_tls,),
                resolver=settings.traefik_resolver or "",
                drain_s=settings.traefik_drain_s,
                shared_objects=settings.traefik_shared_objects,
            )
        ),
    )


def _checked(routes: RouteSettings) -> RouteSettings:
    faults = [f"SWARM_OPERATOR_TRAEFIK_*: {fault}" for fault in settings_faults(routes)]
    if faults:
        raise SettingsError(faults)
    return routes
