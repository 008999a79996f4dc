"""A network as a task's attachment shows it (moby daemon/cluster/convert/network.go)."""

from datetime import datetime

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.simulation.engine.records import NetworkRecord
from swarm_operator.simulation.timeline import Timeline


class NetworkViews:
    """One JSON object for each state of a network, shared by all tasks that have it."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._views: dict[str, tuple[NetworkRecord, JsonObject]] = {}

    def view(self, network: NetworkRecord) -> JsonObject:
        kept = self._views.get(network.id)
        if kept is not None and kept[0] is network:
            return kept[1]
        view = self._rendered(network)
        self._views[network.id] = (network, view)
        return view

    def forget(self, network_id: str) -> None:
        self._views.pop(network_id, None)

    def _rendered(self, network: NetworkRecord) -> JsonObject:
        allocated = network.allocated or {}
        driver = {"Name": allocated.get("Driver"), "Options": allocated.get("Options")}
        return {
            "ID": network.id,
            "Version": {"Index": network.meta.version},
            "CreatedAt": self._time(network.meta.created_at),
            "UpdatedAt": self._time(network.meta.updated_at),
            "Spec": _spec(network.body),
            "DriverState": _filled(driver),
            "IPAMOptions": _ipam_options(allocated.get("IPAM") or {}),
        }

    def _time(self, at: float) -> str:
        moment: datetime = self._timeline.utc(at)
        return moment.replace(tzinfo=None).isoformat() + "Z"


def _spec(body: JsonObject) -> JsonObject:
    driver = _filled({"Name": body.get("Driver"), "Options": body.get("Options")})
    spec: JsonObject = {
        "Name": body["Name"],
        "Labels": body.get("Labels") or {},
        "DriverConfiguration": driver,
        "IPv6Enabled": body.get("EnableIPv6"),
        "Internal": body.get("Internal"),
        "Attachable": body.get("Attachable"),
        "Ingress": body.get("Ingress"),
    }
    ipam = body.get("IPAM")
    if ipam is not None:
        spec["IPAMOptions"] = _ipam_options(ipam)
    if name := dig(body, "ConfigFrom", "Network"):
        spec["ConfigFrom"] = {"Network": name}
    spec["Scope"] = "swarm"
    kept = ("Labels", "DriverConfiguration", "IPAMOptions")
    return {key: value for key, value in spec.items() if value or key in kept}


def _ipam_options(ipam: JsonObject) -> JsonObject:
    """SwarmKit calls `Range` what a request calls `IPRange`."""
    driver = _filled({"Name": ipam.get("Driver"), "Options": ipam.get("Options")})
    configurations = [
        _filled({"Subnet": c.get("Subnet"), "Range": c.get("IPRange"), "Gateway": c.get("Gateway")})
        for c in ipam.get("Config") or []
    ]
    return {"Driver": driver, **({"Configs": configurations} if configurations else {})}


def _filled(value: JsonObject) -> JsonObject:
    return {key: member for key, member in value.items() if member}
