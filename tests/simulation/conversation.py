"""Requests whose answers were recorded from a real engine: what it refuses, and what it makes of them.

`hold` asks them in order through `ask(label, method, path, body, **query)`, which gives the answer's
status and JSON; labels are unique. The engine is a swarm of one drained manager `node1`.
"""

import base64
from typing import Any, Protocol

Body = Any


class Ask(Protocol):
    def __call__(
        self, label: str, method: str, path: str, body: Body = None, **query: Any
    ) -> tuple[int, Any]: ...


def hold(ask: Ask) -> None:
    """All of them."""
    _Objects(ask).make()
    _Services(ask).talk()
    _updates(ask)
    _Objects(ask).talk()
    _networks(ask)
    _removals(ask)
    _nodes(ask)


def service(
    name: str,
    container: Body | None = None,
    template: Body | None = None,
    **members: Body,
) -> Body:
    """A spec that is fine unless `container`, `template` or `members` make it otherwise."""
    return {
        "Name": name,
        "TaskTemplate": {
            "ContainerSpec": {"Image": "nginx", **(container or {})},
            "Placement": {},
            **(template or {}),
        },
        **members,
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _published(*ports: Body, **members: Body) -> Body:
    return {"EndpointSpec": {"Ports": list(ports), **members}}


class _Services:
    """Creating them."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._config = ask("config for services", "GET", "/configs/conf")[1]["ID"]
        self._secret = ask("secret for services", "GET", "/secrets/sec")[1]["ID"]

    def _create(self, label: str, body: Body) -> None:
        self._ask(f"service: {label}", "POST", "/services/create", body)

    def talk(self) -> None:
        self._base()
        self._names_and_images()
        self._resources_and_constraints()
        self._attachments()
        self._ports()
        self._modes_and_policies()
        self._mounts_and_health()
        self._references()
        self._mistyped()
        self._templates()

    def _base(self) -> None:
        references = {
            "Configs": [self._config_reference("/a")],
            "Secrets": [self._secret_reference("a")],
        }
        port = {"TargetPort": 80, "PublishedPort": 8080}
        networks = {"Networks": [{"Target": "net1"}]}
        self._create("web", service("web", references, networks, **_published(port)))
        self._create("same name", service("web"))
        self._create("same name in capitals", service("WEB"))

    def _names_and_images(self) -> None:
        for name in ("-a", "a b", "a.b", "a" * 64, "a" * 63, "a_b", "A", "ä"):
            self._create(f"name {name}", service(name))
        for image in (
            "",
            "Nginx",
            "a:b:c",
            "nginx@sha256:abc",
            "x y",
            "a" * 64,
            "http://x/y",
            "a//b",
            "a/B",
        ):
            self._create(f"image {image!r}", service("image", {"Image": image}))

    def _resources_and_constraints(self) -> None:
        for number, memory in enumerate((1, -1, (4 << 20) - 1, 4 << 20)):
            limits = {"Resources": {"Limits": {"MemoryBytes": memory}}}
            self._create(f"memory {memory}", service(f"memory{number}", None, limits))
        for number, cpus in enumerate((1, -5, 999_999, 1_000_000)):
            reservations = {"Resources": {"Reservations": {"NanoCPUs": cpus}}}
            self._create(f"cpus {cpus}", service(f"cpus{number}", None, reservations))
        for constraint in (
            "a",
            "a==",
            "node.role==manager",
            "x=~1",
            "==b",
            "node.role = worker",
            "a==b==c",
            "node.labels.x!=y z",
            "1==2",
            "ab==ü",
        ):
            placement = {"Placement": {"Constraints": [constraint]}}
            self._create(f"constraint {constraint}", service("placed", None, placement))
            self._ask(f"without {constraint}", "DELETE", "/services/placed")

    def _attachments(self) -> None:
        for target in ("nope", "ingress", "none", "docker_gwbridge", "host", ""):
            networks = {"Networks": [{"Target": target}]}
            self._create(f"network {target!r}", service("attached", None, networks))

    def _ports(self) -> None:
        cases: dict[str, Body] = {
            "taken": {"PublishedPort": 8080},
            "host, taken by ingress": {"PublishedPort": 8080, "PublishMode": "host"},
            "udp beside tcp": {"PublishedPort": 8080, "Protocol": "udp"},
            "of hosts": {"PublishedPort": 8081, "PublishMode": "host"},
            "ingress, taken on hosts": {"PublishedPort": 8081},
            "of words nobody knows": {"Protocol": "zz", "PublishMode": "qq"},
        }
        for number, (label, port) in enumerate(cases.items()):
            members = _published({"TargetPort": 80, **port})
            self._create(f"port {label}", service(f"port{number}", **members))
        twice = [{"TargetPort": target, "PublishedPort": 8082} for target in (80, 81)]
        self._create("port twice", service("ports", **_published(*twice)))
        self._create("ingress port with dnsrr", service("p", **_published(twice[0], Mode="dnsrr")))
        self._create("resolution mode", service("p", EndpointSpec={"Mode": "zz"}))
        self._ask("get: words nobody knows", "GET", "/services/port5")

    def _modes_and_policies(self) -> None:
        two = {"Replicated": {"Replicas": 1}, "Global": {}}
        self._create("two modes", service("z", Mode=two))
        jobs: Body = {"ReplicatedJob": {}}
        self._create("job with update", service("z", Mode=jobs, UpdateConfig={"Parallelism": 1}))
        self._create("job", service("job1", Mode={"ReplicatedJob": {"MaxConcurrent": 3}}))
        self._create("global job", service("job2", Mode={"GlobalJob": {}}))
        self._ask("get: job", "GET", "/services/job1")
        for policy in ({"Condition": "zz"}, {"Delay": -1}, {"Window": -1}):
            self._create(f"restart {policy}", service("z", None, {"RestartPolicy": policy}))
        for update in (
            {"FailureAction": "zz"},
            {"Order": "zz"},
            {"MaxFailureRatio": 2},
            {"Delay": -2},
            {"Monitor": -2},
        ):
            self._create(f"update {update}", service("z", UpdateConfig=update))
        self._create("rollback ratio", service("rollback", RollbackConfig={"MaxFailureRatio": 2}))
        self._create("no container", {"Name": "z", "TaskTemplate": {}})
        self._create("nothing", {})
        runtime = {"ContainerSpec": {"Image": "x"}, "Runtime": "zz"}
        self._create("runtime", {"Name": "z", "TaskTemplate": runtime})

    def _mounts_and_health(self) -> None:
        propagation = {"Type": "bind", "Source": "/x", "Target": "/a"}
        cases: dict[str, list[Body]] = {
            "type": [{"Type": "zz", "Target": "/a"}],
            "image": [{"Type": "image", "Target": "/a", "Source": "b"}],
            "twice": [{"Type": kind, "Target": "/a"} for kind in ("volume", "tmpfs")],
            "propagation": [{**propagation, "BindOptions": {"Propagation": "q"}}],
        }
        for label, mounts in cases.items():
            self._create(f"mount {label}", service("z", {"Mounts": mounts}))
        relative = [{"Type": "bind", "Source": "x", "Target": "a"}]
        self._create("mount relative", service("relative", {"Mounts": relative}))
        for key in ("Interval", "Timeout", "StartPeriod", "StartInterval"):
            self._create(f"health {key}", service("z", {"Healthcheck": {key: 5}}))
        self._create("health Retries", service("z", {"Healthcheck": {"Retries": -1}}))

    def _references(self) -> None:
        missing = [
            {"SecretID": name, "SecretName": name, "File": {"Name": name}} for name in ("s1", "s2")
        ]
        good = self._secret_reference("a")
        without = {key: value for key, value in good.items() if key != "File"}
        cases: dict[str, Body] = {
            "one secret missing": {"Secrets": missing[:1]},
            "two secrets missing": {"Secrets": missing},
            "secret without file": {"Secrets": [without]},
            "secret without id": {"Secrets": [{"SecretName": "sec"}]},
            "secret without file name": {"Secrets": [{**without, "File": {}}]},
            "secret twice": {"Secrets": [good, good]},
            "config missing": {
                "Configs": [{"ConfigID": "c", "ConfigName": "c", "File": {"Name": "a"}}]
            },
            "config without target": {
                "Configs": [{"ConfigID": self._config, "ConfigName": "conf"}]
            },
            "config with two targets": {
                "Configs": [{**self._config_reference("a"), "Runtime": {}}]
            },
            "config twice": {"Configs": [self._config_reference("a")] * 2},
        }
        for label, container in cases.items():
            self._create(label, service("z", container))
        for credentials in (
            {},
            {"File": "a", "Registry": "b"},
            {"File": "a", "Registry": "b", "Config": "c"},
            {"Config": "c"},
        ):
            container = {"Privileges": {"CredentialSpec": credentials}}
            self._create(f"credentials {credentials}", service("z", container))

    def _mistyped(self) -> None:
        cases: dict[str, Body] = {
            "negative replicas": service("z", Mode={"Replicated": {"Replicas": -1}}),
            "replicas as text": service("z", Mode={"Replicated": {"Replicas": "1"}}),
            "a list": [1],
            "template as text": {"Name": "z", "TaskTemplate": "x"},
            "label as number": service("z", Labels={"a": 1}),
            "environment as text": service("z", {"Env": "x"}),
            "broken duration": service("z", {"StopGracePeriod": 1.5}),
            "switch as text": service("z", {"TTY": "x"}),
            "name as number": {"Name": 5},
        }
        for label, body in cases.items():
            self._create(label, body)

    def _templates(self) -> None:
        cases: dict[str, Body] = {
            "unknown field": {"Env": ["A={{.Nope}}"]},
            "no end": {"Env": ["A={{"]},
            "host name without end": {"Hostname": "{{.Foo"},
            "fine": {"Hostname": "{{.Node.Hostname}}"},
        }
        for label, container in cases.items():
            self._create(f"template: {label}", service("templated", container))

    def _config_reference(self, path: str) -> Body:
        file = {"Name": path, "UID": "0", "GID": "0", "Mode": 0o444}
        return {"ConfigID": self._config, "ConfigName": "conf", "File": file}

    def _secret_reference(self, path: str) -> Body:
        file = {"Name": path, "UID": "0", "GID": "0", "Mode": 0o444}
        return {"SecretID": self._secret, "SecretName": "sec", "File": file}


def _updates(ask: Ask) -> None:
    def update(label: str, name: str, version: object, body: Body, **query: str) -> None:
        ask(f"update: {label}", "POST", f"/services/{name}/update", body, version=version, **query)

    def read(label: str, name: str = "web") -> tuple[int, Body]:
        found = ask(f"get: {label}", "GET", f"/services/{name}")[1]
        return found["Version"]["Index"], found["Spec"]

    version, spec = read("before updates")
    update("older", "web", version - 1, spec)
    update("newer", "web", version + 1000, spec)
    ask("update: no version", "POST", "/services/web/update", spec)
    update("version as text", "web", "x", spec)
    update("absent", "nope", version, spec)
    update("name", "web", version, {**spec, "Name": "web2"})
    update("mode", "web", version, {**spec, "Mode": {"Global": {}}})
    update("no previous spec", "web", version, spec, rollback="previous")
    update("rollback to nowhere", "web", version, spec, rollback="zz")
    update("credentials of no spec", "web", version, spec, registryAuthFrom="previous-spec")
    update("credentials of nothing", "web", version, spec, registryAuthFrom="zz")
    update("name and older", "web", version - 1, {**spec, "Name": "web2"})
    small = {"Resources": {"Limits": {"MemoryBytes": 5}}}
    update("memory and older", "web", version - 1, service("web", None, small))
    update("labels", "web", version, {**spec, "Labels": {"a": "1"}})
    version, spec = read("after labels")
    update("rollback", "web", version, spec, rollback="previous")
    version, spec = read("after rollback")
    update("identical", "web", version, spec)
    ports = _published({"TargetPort": 80, "PublishedPort": 8080})
    update("to a taken port", "port2", 0, service("port2", **ports))
    version, spec = read("with a port", "port2")
    update("without ports", "port2", version, service("port2"))
    read("without ports", "port2")
    version, spec = read("a job", "job1")
    update("a job", "job1", version, spec)
    read("a job, again", "job1")


class _Objects:
    """Configs and secrets."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def make(self) -> None:
        self._ask("network for services", "POST", "/networks/create", _overlay("net1"))
        config = {"Name": "conf", "Data": _base64(b"x")}
        self._ask("config: made", "POST", "/configs/create", config)
        secret = {"Name": "sec", "Data": _base64(b"x"), "Labels": {"a": "b"}}
        self._ask("secret: made", "POST", "/secrets/create", secret)

    def talk(self) -> None:
        self._configs()
        self._secrets()
        self._changes()

    def _configs(self) -> None:
        names = ("", "a b", "-a", "a" * 65, "a" * 64, "a.b_c-d", "CONF", "conf")
        for name in names:
            body = {"Name": name, "Data": _base64(b"x")}
            self._ask(f"config: name {name}", "POST", "/configs/create", body)
        contents: dict[str, Body] = {
            "too large": _base64(b"x" * 1_024_000),
            "as large as can be": _base64(b"x" * 1_023_999),
            "no base64": "%%%",
            "a number": 5,
        }
        self._ask("config: no data", "POST", "/configs/create", {"Name": "data"})
        for label, data in contents.items():
            body = {"Name": "data", "Data": data}
            self._ask(f"config: data {label}", "POST", "/configs/create", body)

    def _secrets(self) -> None:
        cases: dict[str, Body] = {
            "no data": {"Name": "data"},
            "too large": {"Name": "data", "Data": _base64(b"x" * 512_000)},
            "as large as can be": {"Name": "data", "Data": _base64(b"x" * 511_999)},
            "same name": {"Name": "sec", "Data": "eA=="},
            "driver": {"Name": "driven", "Driver": {"Name": "zz"}},
            "driver without name": {"Name": "driven", "Driver": {}},
        }
        for label, body in cases.items():
            self._ask(f"secret: {label}", "POST", "/secrets/create", body)

    def _changes(self) -> None:
        ask = self._ask
        for kind, name in (("config", "conf"), ("secret", "sec")):
            ask(f"{kind}: remove, in use", "DELETE", f"/{kind}s/{name}")
            ask(f"{kind}: remove, absent", "DELETE", f"/{kind}s/nope")
            found = ask(f"{kind}: get", "GET", f"/{kind}s/{name}")[1]
            version, spec = found["Version"]["Index"], found["Spec"]
            path = f"/{kind}s/{name}/update"
            other = {**spec, "Data": _base64(b"y")}
            ask(f"{kind}: other data", "POST", path, other, version=version)
            ask(f"{kind}: other name", "POST", path, {**spec, "Name": "y"}, version=version)
            ask(f"{kind}: older", "POST", path, spec, version=version - 1)
            ask(f"{kind}: no version", "POST", path, spec)
            labels = {"Name": name, "Labels": {"z": "1"}}
            ask(f"{kind}: labels", "POST", path, labels, version=version)
            ask(f"{kind}: get with labels", "GET", f"/{kind}s/{name}")
            ask(f"{kind}: absent", "POST", f"/{kind}s/nope/update", spec, version=version)


def _overlay(name: str, **members: Body) -> Body:
    return {"Name": name, "Driver": "overlay", **members}


def _networks(ask: Ask) -> None:
    def create(label: str, body: Body) -> None:
        ask(f"network: {label}", "POST", "/networks/create", body)

    names = ("net1", "NET1", "ingress", "bridge", "host", "none", "docker_gwbridge")
    for name in (*names, "", "a b", "-x", "a.b"):
        create(f"name {name}", _overlay(name))
    create("plugin", {"Name": "plugged", "Driver": "nopeplugin"})
    create("second ingress", _overlay("ingress2", Ingress=True))
    create("attachable ingress", _overlay("ingress2", Ingress=True, Attachable=True))
    create("predefined", _overlay("pre", Labels={"com.docker.swarm.predefined": "true"}))
    create("IPAM driver", _overlay("ip", IPAM={"Driver": "zz"}))
    for configuration in (
        {"Subnet": "zz"},
        {"Subnet": "10.77.0.1/24"},
        {"Gateway": "10.77.0.1"},
        {"Subnet": "10.77.0.0/24", "IPRange": "10.78.0.0/25"},
        {"Subnet": "10.77.0.0/24", "Gateway": "10.78.0.1"},
        {"Subnet": "10.77.0.0/24", "IPRange": "zz"},
        {"Subnet": "10.77.0.0/24", "Gateway": "zz"},
    ):
        create(f"IPAM {configuration}", _overlay("ip", IPAM={"Config": [configuration]}))
    create("subnet taken", _overlay("taken", IPAM={"Config": [{"Subnet": "10.0.1.0/24"}]}))
    ask("get: subnet taken", "GET", "/networks/taken")
    addresses = {"Subnet": "10.77.0.0/24", "IPRange": "10.77.0.128/25", "Gateway": "10.77.0.9"}
    ipam = {"Options": {"a": "b"}, "Config": [addresses]}
    create("all of IPAM", _overlay("whole", Options={"encrypted": ""}, IPAM=ipam))
    ask("get: all of IPAM", "GET", "/networks/whole")
    addresses = {"Subnet": "10.79.0.0/24", "IPRange": "10.79.0.128/25"}
    create("range", _overlay("ranged", IPAM={"Config": [addresses]}))
    ask("get: range", "GET", "/networks/ranged")
    for driver in ("bridge", "macvlan"):
        create(f"swarm {driver}", {"Name": f"swarm-{driver}", "Driver": driver, "Scope": "swarm"})
        ask(f"get: swarm {driver}", "GET", f"/networks/swarm-{driver}")
    networks = {"Networks": [{"Target": "swarm-macvlan"}, {"Target": "whole"}]}
    ask("service: on both", "POST", "/services/create", service("both", None, networks))
    ask("get: on both", "GET", "/services/both")


def _removals(ask: Ask) -> None:
    for name in ("net1", "nope", "bridge", "host", "none"):
        ask(f"remove network {name}", "DELETE", f"/networks/{name}")
    ask("remove service nope", "DELETE", "/services/nope")
    ask("get: absent", "GET", "/services/nope")
    ask("remove service web", "DELETE", "/services/web")
    ask("remove network net1, free", "DELETE", "/networks/net1")


def _nodes(ask: Ask) -> None:
    found = ask("node", "GET", "/nodes/node1")[1]
    version, spec = found["Version"]["Index"], found["Spec"]
    drained = {"Role": "manager", "Availability": "drain"}
    for label, body in {
        "no role": {"Availability": "active"},
        "no availability": {"Role": "manager"},
        "demoted": {**drained, "Role": "worker"},
        "role": {**drained, "Role": "x"},
        "availability": {**drained, "Availability": "x"},
    }.items():
        ask(f"node: {label}", "POST", "/nodes/node1/update", body, version=version)
    ask("node: older", "POST", "/nodes/node1/update", spec, version=version - 1)
    ask("node: no version", "POST", "/nodes/node1/update", spec)
    capitals = {"Role": "Manager", "Availability": "DRAIN", "Labels": {"a": "b"}}
    ask("node: capitals", "POST", "/nodes/node1/update", capitals, version=version)
    ask("node, again", "GET", "/nodes/node1")
    ask("node: absent", "POST", "/nodes/nope/update", spec, version=1)
    ask("node: remove", "DELETE", "/nodes/node1")
    ask("node: remove by force", "DELETE", "/nodes/node1", force="1")
    ask("node: remove absent", "DELETE", "/nodes/nope")
