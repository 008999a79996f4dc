"""Who the running instances of Traefik are, and at which URLs they tell what they have applied."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from swarm_operator.observed.swarm import Swarm, Task
from swarm_operator.plan.routes.servers import is_running, networks_of_own


def instance_urls(swarm: Swarm, service: str | None, api: Sequence[str]) -> Mapping[str, str]:
    """The URL of the API by instance: the tasks of a service of the swarm that run on nodes which are
    up, by `api` as a template; or a list as it was given.

    An instance whose address is not known has the URL "": it runs, and nobody can ask it.
    """
    if not api:
        return {}
    if "{" not in api[0] and (service is None or len(api) > 1):
        return {url: url for url in api}
    found = swarm.services_by_name.get(service or "")
    if found is None:
        return {}
    nodes = swarm.nodes_by_id
    return {
        f"{nodes[task.node_id].hostname} ({task.id[:8]})": _url(api[0], task, swarm)
        for task in swarm.tasks_by_service.get(found.id, ())
        if is_running(task) and task.node_id is not None and task.node_id in swarm.nodes_up
    }


def shared_networks(swarm: Swarm, service: str | None) -> frozenset[str] | None:
    """Ids of the networks that Traefik's tasks are on; None where it is no service of the swarm."""
    found = swarm.services_by_name.get(service or "")
    if found is None:
        return None
    tasks = swarm.tasks_by_service.get(found.id, ())
    ingress = {network.id for network in swarm.networks if network.is_ingress}
    attached = {each for task in tasks for each in (*task.addresses, *task.network_ids)}
    return frozenset((attached - ingress) & swarm.network_names.keys()) or None


def _url(template: str, task: Task, swarm: Swarm) -> str:
    node = swarm.nodes_by_id[task.node_id or ""].address
    address = _address(template, task, swarm)
    if ("{address}" in template and not address) or ("{node}" in template and not node):
        return ""
    return template.replace("{address}", address).replace("{node}", _in_url(node))


def _address(template: str, task: Task, swarm: Swarm) -> str:
    """The node's where it publishes the API's port itself, else the task's own."""
    parts = urlsplit(template.replace("{address}", "host").replace("{node}", "host"))
    port = parts.port or (443 if parts.scheme == "https" else 80)
    node = swarm.nodes_by_id[task.node_id or ""].address
    if any(each.published == port for each in task.host_ports):
        return _in_url(node)
    names = swarm.network_names
    ingress = {network.id for network in swarm.networks if network.is_ingress}
    ours = networks_of_own(swarm)
    found = {
        (each not in ours, names.get(each, "")): text
        for each, text in task.addresses.items()
        if each not in ingress
    }
    # Without a network of its own it is on the host's.
    return _in_url(found[min(found)] if found else node)


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address
