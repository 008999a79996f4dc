"""Traefik as `deploy/traefik` brings it up, on a worker, beside the operator of `deploy/stack.yml`."""

import hashlib
import http.client
import json
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster import in_containers
from tests.cluster.harness import Lab, eventually, network, paths
from tests.cluster.harness.node import Node
from tests.cluster.images import routed
from tests.cluster.test_deploy import DEPLOY, OPERATOR, Deployment

FOLDER = DEPLOY / "traefik"
SERVICE = "traefik_traefik"
KEYS = ("application-key", "application-secret", "consumer-key")

_ASK = (
    "import socket, sys; link = socket.create_connection((sys.argv[1], 8080), 5); "
    "link.sendall(b'GET /api/version HTTP/1.0\\r\\n\\r\\n'); print(link.recv(4096).decode())"
)


class Edge:
    """`deploy/traefik` after the steps of its README."""

    def __init__(self, deployed: Deployment) -> None:
        self.deployed = deployed
        self.lab = deployed.lab
        self.node: Node = self.lab.nodes[-1]
        self.lab.load_images(routed.traefik(), on=[self.node])
        self.lab.load_images(routed.http())
        self.token = self._token()
        self._docker("network", "create", "--driver=overlay", "--attachable", "edge")
        self._docker("node", "update", "--label-add", "traefik=true", self.node.hostname)
        self._docker("secret", "create", "traefik_consul-token", "-", stdin=self.token)
        for key in KEYS:
            self._docker("secret", "create", f"traefik_ovh-{key}", "-", stdin="not a key")

    def start(self) -> None:
        self._docker(
            *("stack", "deploy", "--detach=true", "--resolve-image=never"),
            *("--compose-file", str(FOLDER / "compose.yaml"), "traefik"),
            ACME_EMAIL="ada@example.org",
        )
        self.lab.wait_until_running(SERVICE, 1, within=60)

    def _token(self) -> str:
        made = self.deployed.consul(
            *("acl", "token", "create", "-description", "Traefik"),
            *("-policy-name", "swarm-operator-traefik"),
        )
        return next(line.split()[-1] for line in made.splitlines() if line.startswith("SecretID"))

    def _docker(self, *arguments: str, stdin: str = "", **variables: str) -> None:
        environment = {"PATH": "/usr/bin:/bin", **variables}
        self.lab.docker_cli(1, *arguments, input=stdin, env=environment)

    @contextmanager
    def connection(self, port: int) -> Iterator[http.client.HTTPConnection]:
        link = network.socket_in(self.lab.client.namespace)
        connection = http.client.HTTPConnection(self.node.address, port)
        try:
            link.settimeout(10)
            link.connect((self.node.address, port))
            connection.sock = link
            yield connection
        finally:
            connection.close()
            link.close()

    def get(self, host: str, path: str = "/") -> tuple[int, str]:
        """Ask for a host over plain HTTP; status, and where it leads to."""
        with self.connection(80) as connection:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.getheader("Location") or ""

    def get_secure(self, host: str, path: str = "/", allowed: str = "") -> tuple[int, str]:
        """Ask for a host over TLS, whatever its certificate; status and body."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with self.connection(443) as connection:
            connection.sock = context.wrap_socket(connection.sock, server_hostname=host)
            headers = {"Host": host, **({"Authorization": allowed} if allowed else {})}
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def certificate(self, host: str) -> bytes:
        """The certificate that is shown for a host, as DER."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        link = network.socket_in(self.lab.client.namespace)
        link.settimeout(10)
        link.connect((self.node.address, 443))
        with context.wrap_socket(link, server_hostname=host) as secure:
            return secure.getpeercert(binary_form=True) or b""

    def api_from(self, service: str, network_name: str, python: str = "python") -> str:
        """What a task of this service is told by Traefik's API at its address on a network."""
        (task,) = self.lab.running_tasks(SERVICE)
        address = next(
            attachment["Addresses"][0].split("/")[0]
            for attachment in task["NetworksAttachments"]
            if attachment["Network"]["Spec"]["Name"] == network_name
        )
        node, found = next(in_containers.containers(self.lab, service))
        done = self.lab.docker_cli(node, "exec", found, python, "-c", _ASK, address, check=False)
        return done.stdout + done.stderr

    def log(self) -> str:
        done = self.lab.docker_cli(1, "service", "logs", "--raw", SERVICE, check=False)
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def edge(engine: str) -> Iterator[Edge]:
    with Lab.start(2, 1, engine) as lab:
        deployed = Deployment(lab)
        deployed.wait_until_led()
        made = Edge(deployed)
        made.start()
        lab.docker_cli(
            1,
            *("service", "create", "--detach", "--no-resolve-image", "--name", "site"),
            *("--network=edge", "--endpoint-mode=dnsrr", "--replicas=2"),
            *("--label", "traefik.http.routers.site.rule=Host(`site.lab`)"),
            *("--label", "traefik.http.services.site.loadbalancer.server.port=80", "lab/http:1"),
        )
        lab.wait_until_running("site")
        yield made


def test_traefik_has_no_docker_socket_and_is_no_manager(edge: Edge) -> None:
    spec = edge.lab.service(SERVICE)["Spec"]["TaskTemplate"]["ContainerSpec"]
    assert [mount["Target"] for mount in spec["Mounts"]] == ["/acme"]
    assert edge.lab.hosts_of(SERVICE) == [edge.node.hostname]
    assert edge.node not in edge.lab.managers


def test_http_is_redirected_for_good(edge: Edge) -> None:
    assert edge.get("site.lab", "/a?b=c") == (301, "https://site.lab/a?b=c")


def test_a_label_becomes_a_route_with_tls(edge: Edge) -> None:
    eventually(lambda: edge.get_secure("site.lab")[0] == 200, 30, "the route is live")
    assert edge.get_secure("nobody.lab")[0] == 404
    status = "swarm-operator/status/traefik"
    eventually(
        lambda: '"current"' in edge.deployed.consul("kv", "get", status), 15, "it is read back"
    )


def test_the_api_answers_the_operators_network_alone(edge: Edge) -> None:
    assert '"3.7' in edge.api_from(OPERATOR, "swarm-operator-traefik", "python3")
    assert "404" in edge.api_from("site", "edge")
    with pytest.raises(ConnectionRefusedError), edge.connection(8080):
        pass
    assert edge.get_secure("site.lab")[0] == 200
    assert edge.get_secure("dashboard.lab")[0] == 404


def test_the_token_reads_routes_and_nothing_else(edge: Edge) -> None:
    may = edge.deployed.may
    assert may(edge.token, "get", "-recurse", "traefik")
    assert not may(edge.token, "put", "traefik/http/routers/x/rule", "x")
    assert not may(edge.token, "get", "-recurse", "swarm-operator/")
    assert not may(edge.token, "get", "swarm-operator/desired/.installation")
    assert may(edge.deployed.operator_token, "put", "traefik/x", "1")
    assert may(edge.deployed.people_token, "delete", "traefik/x")


def test_a_certificate_in_the_kv_is_shown_at_once(edge: Edge, tmp_path: Path) -> None:
    """How an outside ACME client reaches any number of instances."""
    certificate, key = tmp_path / "site.pem", tmp_path / "site.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=site.lab", "-addext", "subjectAltName=DNS:site.lab"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    for name, file in (("certfile", certificate), ("keyfile", key)):
        put = f"traefik/tls/certificates/site/{name}"
        edge.deployed.consul("kv", "put", put, file.read_text(), token=edge.deployed.people_token)
    wanted = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    eventually(lambda: edge.certificate("site.lab") == wanted, 10, "it is shown")
    assert edge.certificate("other.lab") != wanted


def test_the_dashboard_can_be_a_route_behind_a_password(edge: Edge) -> None:
    """As deploy/traefik/README.md has it; the password here is "test"."""
    user = "ada:{SHA}" + b64encode(hashlib.sha1(b"test").digest()).decode()
    document = {
        "http": {
            "routers": {
                "dashboard": {
                    "rule": "Host(`dashboard.lab`)",
                    "entryPoints": ["websecure"],
                    "service": "api@internal",
                    "middlewares": ["dashboard-users"],
                    "tls": {"certResolver": "staging"},
                }
            },
            "middlewares": {"dashboard-users": {"basicAuth": {"users": [user]}}},
        }
    }
    put = ("kv", "put", "swarm-operator/desired/routes/dashboard", json.dumps(document))
    edge.deployed.consul(*put, token=edge.deployed.people_token)
    eventually(lambda: edge.get_secure("dashboard.lab")[0] == 401, 20, "it asks for a password")
    secret = b64encode(b"ada:test").decode()
    status, body = edge.get_secure("dashboard.lab", "/api/version", f"Basic {secret}")
    assert status == 200, body
    assert '"Version":"3.7' in body


def test_nothing_in_its_log_is_an_error(edge: Edge) -> None:
    lines = [line for line in edge.log().splitlines() if " ERR " in line or '"error"' in line]
    assert not lines, lines


def test_docker_accepts_the_folder() -> None:
    command = paths.docker_command()
    assert command is not None
    done = subprocess.run(
        [command, "stack", "config", "-c", FOLDER / "compose.yaml"],
        env={"PATH": "/usr/bin:/bin", "ACME_EMAIL": "ada@example.org"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
