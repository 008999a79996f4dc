"""What all objects of a swarm begin with."""

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.api.timestamps import rfc3339
from swarm_operator.simulation.engine.records import Meta
from swarm_operator.simulation.timeline import Timeline


def identity(timeline: Timeline, record_id: str, meta: Meta) -> JsonObject:
    """ID, version index, and the times of creation and of the last write."""
    return {
        "ID": record_id,
        "Version": {"Index": meta.version},
        "CreatedAt": rfc3339(timeline, meta.created_at),
        "UpdatedAt": rfc3339(timeline, meta.updated_at),
    }
