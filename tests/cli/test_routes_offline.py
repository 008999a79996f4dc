"""`validate`, `push` and `routes push` say what is wrong with routes before anything runs."""

from pathlib import Path

import pytest

from swarm_operator.observed.kv import Delete
from tests.cli.conftest import CommandLine

GOOD = """\
services:
  web:
    image: nginx
    deploy:
      labels:
        traefik.http.routers.web.rule: Host(`a`)
        traefik.http.routers.web.middlewares: auth
        traefik.http.services.web.loadbalancer.server.port: "80"
"""
BAD_LABEL = GOOD.replace("web.rule", "web.rul")
BAD_ROUTE = GOOD + "    x-operator: {routes: {host: b.test, port: 80, name: web}}\n"
SHARED = "http: {middlewares: {auth: {basicAuth: {users: ['bob:hash']}}}}\n"


@pytest.fixture
def shop(run: CommandLine, tmp_path: Path) -> Path:
    run.fake_kv.put("desired/.installation", "{}")
    run.fake_kv.put("desired/routes/shared", SHARED)
    (tmp_path / "shop").mkdir()
    return tmp_path / "shop"


def written(shop: Path, document: str) -> Path:
    (shop / "compose.yaml").write_text(document)
    return shop


def test_validate_warns_of_labels_and_is_strict_when_asked(run: CommandLine, shop: Path) -> None:
    result = run("validate", written(shop, BAD_LABEL))
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"{shop}/compose.yaml:6:9: warning: services.web.deploy.labels." in result.stderr
    assert run("validate", shop, "--strict").exit_code == 1
    # A middleware that others may define is the one thing left to remark.
    assert "which is not defined here" in run("validate", written(shop, GOOD)).stderr


def test_validate_refuses_terse_routes(run: CommandLine, shop: Path) -> None:
    result = run("validate", written(shop, BAD_ROUTE))
    assert result.exit_code == 1
    assert "error: services.web.x-operator.routes: router web stands in traefik" in result.stderr


def test_validate_goes_by_the_version_that_is_given(run: CommandLine, shop: Path) -> None:
    label = "        traefik.http.services.web.loadbalancer.strategy: p2c\n"
    written(shop, GOOD + label)
    assert "needs Traefik 3.4" in run("validate", shop, "--traefik", "3.1").stderr
    assert "needs Traefik" not in run("validate", shop).stderr
    assert run("validate", shop, "--traefik", "2.11").exit_code == 2


def test_validate_leaves_routes_alone_where_none_are_published(
    run: CommandLine, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWARM_OPERATOR_TRAEFIK", "false")
    assert run("validate", written(shop, BAD_ROUTE)).stderr == ""


def test_push_takes_labels_with_a_warning(run: CommandLine, shop: Path) -> None:
    result = run("push", written(shop, BAD_LABEL))
    assert result.exit_code == 0
    assert "shop: wrote compose.yaml" in result.stdout
    assert "warning: services.web.deploy.labels.traefik.http.routers.web.rul: " in result.stderr


def test_push_refuses_terse_routes_before_the_first_write(run: CommandLine, shop: Path) -> None:
    result = run("push", written(shop, BAD_ROUTE))
    assert result.exit_code == 1
    assert "nothing was pushed" in result.stderr
    assert run.fake_kv.commits == []


def test_push_knows_what_documents_of_the_kv_define(run: CommandLine, shop: Path) -> None:
    assert run("push", written(shop, GOOD)).stderr == ""
    run.fake_kv.commit([Delete("desired/routes/shared")])
    assert "names the middleware auth" in run("push", shop).stderr


def test_documents_of_routes_are_checked_and_pushed(run: CommandLine, tmp_path: Path) -> None:
    document = tmp_path / "legacy.yaml"
    document.write_text("routes: {rule: Hosts(`x`), servers: 'http://10.0.0.5'}\n")
    for verb in ("validate", "push"):
        result = run("routes", verb, document)
        assert result.exit_code == 1
        assert f"{document}:1: error: Hosts is unknown in a rule" in result.stderr
    assert run.fake_kv.commits == []
    document.write_text("routes: {host: x.test, servers: 'http://10.0.0.5'}\n")
    assert run("routes", "validate", document).exit_code == 0
    assert "would be written" in run("routes", "push", document, "--dry-run").stdout
    assert run.fake_kv.commits == []
    assert run("routes", "push", document).stdout == "desired/routes/legacy: written\n"
    assert run.fake_kv.entries["desired/routes/legacy"].value == document.read_bytes()
    assert run("routes", "push", document).stdout == "desired/routes/legacy: unchanged\n"


def test_documents_of_routes_are_removed_by_their_names(run: CommandLine) -> None:
    run.fake_kv.put("desired/routes/shared", SHARED)
    assert run("routes", "remove", "shared", "legacy").exit_code == 1
    assert "desired/routes/shared" in run.fake_kv.entries
    assert run("routes", "remove", "shared").stdout == "desired/routes/shared: deleted\n"
    assert "desired/routes/shared" not in run.fake_kv.entries
