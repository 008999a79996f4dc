"""A loaded stack as the Engine API specs that `docker stack deploy --resolve-image never` sends."""

from swarm_operator.plan.compose.convert import convert, specs_of
from swarm_operator.plan.compose.render import render
from swarm_operator.plan.compose.specs import DesiredService, StackSpecs

__all__ = ["DesiredService", "StackSpecs", "convert", "render", "specs_of"]
