"""Configs and secrets as the Engine API shows them (moby's daemon/cluster/convert)."""

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.api.meta_json import identity
from swarm_operator.simulation.engine.records import ConfigRecord, SecretRecord
from swarm_operator.simulation.timeline import Timeline


def config(timeline: Timeline, record: ConfigRecord) -> JsonObject:
    """With its data."""
    return {**identity(timeline, record.id, record.meta), "Spec": record.spec}


def secret(timeline: Timeline, record: SecretRecord) -> JsonObject:
    """Never with its data."""
    shown = {key: value for key, value in record.spec.items() if key != "Data"}
    return {**identity(timeline, record.id, record.meta), "Spec": shown}
