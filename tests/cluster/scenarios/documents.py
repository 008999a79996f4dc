"""Compose documents as values: JSON is YAML, so a scenario changes a field and writes it again."""

import json
from typing import Any

JsonObject = dict[str, Any]


def service(image: str = "lab/sleep:1", *, replicas: int = 1, **fields: Any) -> JsonObject:
    """Return a service of a document that converges fast; `deploy` is merged into ours."""
    # Swarm watches an updated task for 5 s by default before it calls the update completed.
    deploy = {
        "replicas": replicas,
        "update_config": {"monitor": "1s", "parallelism": 0},
        "restart_policy": {"delay": "1s"},
    }
    return {"image": image, **fields, "deploy": {**deploy, **fields.get("deploy", {})}}


def document(services: dict[str, JsonObject], **fields: Any) -> str:
    """Return a document with these services and other top-level fields."""
    return json.dumps({"services": services, **fields}, indent=1)
