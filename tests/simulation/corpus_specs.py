"""Service specs of the parity corpus, sent to an engine and read back."""

import json
from pathlib import Path
from typing import Any

from tests.simulation.answers import Send

_CORPUS = Path(__file__).parents[1] / "parity" / "corpus" / "valid"


def sent() -> dict[str, dict[str, Any]]:
    """What the Docker CLI sent for each of the documents that say something others do not."""
    chosen: dict[str, dict[str, Any]] = {}
    seen: set[str] = set()
    for path in sorted(_CORPUS.glob("*/expected.json")):
        requests = json.loads(path.read_text())
        shapes = {shape for spec in requests["services"].values() for shape in _shapes(spec, "")}
        if not shapes <= seen:
            seen |= shapes
            chosen[path.parent.name] = requests
    return chosen


def read_back(send: Send) -> dict[str, Any]:
    """By document and service: the stored spec, with names in place of ids; all removed again."""
    result: dict[str, Any] = {}
    for name, requests in sent().items():
        result[name] = _of_document(send, requests)
    return result


def _of_document(send: Send, requests: dict[str, Any]) -> dict[str, Any]:
    names = {n["Id"]: f"<{n['Name']}>" for n in send("GET", "/networks", None, {})[1]}
    for kind in ("networks", "configs", "secrets"):
        for body in requests[kind].values():
            status, made = send("POST", f"/{kind}/create", body, {})
            assert status == 201, made
            names[made.get("ID") or made["Id"]] = f"<{body['Name']}>"
    ids = {name: key for key, name in names.items()}
    services = {}
    for name, body in requests["services"].items():
        status, made = send("POST", "/services/create", with_ids(body, ids), {})
        if status != 201:
            services[name] = made["message"]
            continue
        spec = send("GET", f"/services/{made['ID']}", None, {})[1]["Spec"]
        services[name] = with_names(spec, names)
        send("DELETE", f"/services/{made['ID']}", None, {})
    for kind in ("networks", "configs", "secrets"):
        for body in requests[kind].values():
            status, answer = send("DELETE", f"/{kind}/{body['Name']}", None, {})
            assert status == 204, answer
    return services


def with_ids(body: Any, ids: dict[str, str]) -> Any:
    """The references of a captured spec hold names; engines want ids."""
    spec = json.loads(json.dumps(body))
    container = spec["TaskTemplate"]["ContainerSpec"]
    for kind in ("Config", "Secret"):
        for reference in container.get(f"{kind}s") or []:
            reference[f"{kind}ID"] = ids[f"<{reference[f'{kind}Name']}>"]
    credentials = (container.get("Privileges") or {}).get("CredentialSpec") or {}
    if credentials.get("Config"):
        credentials["Config"] = ids[f"<{credentials['Config']}>"]
    return spec


def with_names(spec: Any, names: dict[str, str]) -> Any:
    """Hidden networks of the swarm have ids that nobody can look up: told by being no name."""
    text = json.dumps(spec)
    for key, name in names.items():
        text = text.replace(key, name)
    shown = json.loads(text)
    for attachment in shown["TaskTemplate"].get("Networks") or []:
        if not attachment["Target"].startswith("<"):
            attachment["Target"] = "<hidden>"
    return shown


def _shapes(value: Any, path: str) -> list[str]:
    """Paths, and of scalars their kind: zero or not."""
    if isinstance(value, dict):
        if path.endswith(("Labels", "Options", "Sysctls", "DriverOpts")):
            return [f"{path}{{{min(len(value), 1)}}}"]
        return [f"{path}{{}}"] + [s for k, v in value.items() for s in _shapes(v, f"{path}.{k}")]
    if isinstance(value, list):
        return [f"{path}[{min(len(value), 2)}]"] + [s for v in value for s in _shapes(v, path)]
    return [f"{path}={type(value).__name__}{bool(value)}"]
