"""Settings: the order of their sources, what is refused and how that is said."""

from dataclasses import fields
from pathlib import Path

import pytest

from swarm_operator.cli.traefik_settings import traefik_plan
from swarm_operator.settings import OPTIONS, Address, LogFormat, Mode, Settings, SettingsError


def refused(environment: dict[str, str], **flags: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        Settings.load(environment, flags)
    return caught.value.problems


def test_every_field_has_its_option_in_the_same_order() -> None:
    assert [f.name for f in fields(Settings)] == [
        *(o.field for o in OPTIONS),
        "dns_providers",
        "origins",
    ]


def test_defaults_are_those_that_the_documentation_names() -> None:
    settings = Settings.load({})
    assert settings.docker_host == "unix:///var/run/docker.sock"
    assert settings.consul_addr == "http://127.0.0.1:8500"
    assert settings.root == "swarm-operator"
    assert settings.listen == Address("127.0.0.1", 9808)
    assert settings.mode is Mode.ACT
    assert settings.log_format is LogFormat.AUTO
    assert (settings.session_ttl_s, settings.lock_delay_s) == (10.0, 1.0)
    assert set(settings.origins.values()) == {"default"}


def test_default_is_overruled_by_file_by_environment_by_flag(tmp_path: Path) -> None:
    file = tmp_path / "operator.toml"
    file.write_text('root = "from-file"\nmode = "observe"\n[consul]\naddress = "file:1"\n')
    environment = {"SWARM_OPERATOR_ROOT": "from-environment", "CONSUL_HTTP_ADDR": "environment:2"}
    settings = Settings.load(environment, {"root": "from-flag"}, file)
    assert settings.root == "from-flag"
    assert settings.consul_addr == "http://environment:2"
    assert settings.mode is Mode.OBSERVE
    assert settings.origins["root"] == "flag --root"
    assert settings.origins["consul_addr"] == "environment variable CONSUL_HTTP_ADDR"
    assert settings.origins["mode"] == f"settings file {file}, mode"
    assert settings.origins["listen"] == "default"


def test_the_file_may_be_named_by_a_variable(tmp_path: Path) -> None:
    file = tmp_path / "operator.toml"
    file.write_text('root = "named"\n')
    assert Settings.load({"SWARM_OPERATOR_CONFIG": str(file)}).root == "named"


def test_an_empty_variable_is_as_none() -> None:
    assert Settings.load({"SWARM_OPERATOR_ROOT": "", "DOCKER_HOST": ""}).root == "swarm-operator"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SWARM_OPERATOR_MODE", "observ", "did you mean observe?"),
        ("SWARM_OPERATOR_LISTEN", "localhost", "host:port"),
        ("SWARM_OPERATOR_LISTEN", "localhost:99999", "host:port"),
        ("SWARM_OPERATOR_SESSION_TTL", "9s", "from 10s to 24h"),
        ("SWARM_OPERATOR_SESSION_TTL", "15", "e.g. 15s"),
        ("SWARM_OPERATOR_LOG_FORMAT", "xml", "auto, json or console"),
        ("SWARM_OPERATOR_ROOT", "a/../b", "a KV path"),
        ("SWARM_OPERATOR_TRAEFIK_ROOT", "/traefik", "finds nothing there"),
        ("SWARM_OPERATOR_TRAEFIK_API", "http://{task}:1", "{address} and {node}"),
        ("SWARM_OPERATOR_TRAEFIK_API", "http://{node}:1,http://b:1", "URLs with commas"),
        ("DOCKER_HOST", "tcp://host", "tcp://host:port"),
        ("CONSUL_HTTP_ADDR", "a b:1", "host:port"),
        ("CONSUL_HTTP_ADDR", "http://host:x", "host:port"),
        ("DOCKER_HOST", "ssh://host", "ssh:// is not supported"),
        ("CONSUL_HTTP_ADDR", "http://host:8500/v1", "no path here"),
    ],
)
def test_a_wrong_value_names_its_origin_and_what_is_allowed(
    variable: str, value: str, said: str
) -> None:
    (problem,) = refused({variable: value})
    assert problem.startswith(f"environment variable {variable}: '{value}' is not a")
    assert said in problem


def test_all_problems_are_said_at_once() -> None:
    problems = refused({"SWARM_OPERATOR_MODE": "x", "SWARM_OPERATOR_ROOT": ""}, listen="y")
    assert len(problems) == 2


def test_an_unknown_variable_of_ours_is_refused_with_a_suggestion() -> None:
    (problem,) = refused({"SWARM_OPERATOR_MOD": "observe"})
    assert problem == (
        "environment variable SWARM_OPERATOR_MOD: no such setting; "
        "did you mean SWARM_OPERATOR_MODE?"
    )


def test_variables_of_the_tests_are_no_settings() -> None:
    Settings.load({"SWARM_OPERATOR_TEST_ENGINES": "26"})


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ('lisen = "x"', "lisen: no such setting; did you mean listen?"),
        ('[consul]\nadress = "x"', "consul.adress: no such setting; did you mean consul.address?"),
        ("session_ttl = 15", "session_ttl: wants a duration from 10s to 24h, not a number"),
        ("root = true", "root: wants a KV path of letters, digits and ._@-/, not a boolean"),
        ("[mode]\na = 1", "mode: wants a mode: act or observe, not this"),
        ("root =", "is not TOML"),
    ],
)
def test_a_wrong_file_says_where(tmp_path: Path, document: str, said: str) -> None:
    file = tmp_path / "operator.toml"
    file.write_text(document)
    with pytest.raises(SettingsError, match=r"settings file .*operator\.toml") as caught:
        Settings.load({}, config=file)
    assert said in str(caught.value)


def test_a_missing_file_is_a_clear_message(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        Settings.load({}, config=tmp_path / "none.toml")


def test_tls_is_verified_whatever_the_variable_is_set_to_as_in_docker_cli() -> None:
    assert Settings.load({"DOCKER_TLS_VERIFY": "0"}).docker_tls_verify is True
    assert Settings.load({"DOCKER_TLS_VERIFY": ""}).docker_tls_verify is False


def test_no_secret_is_shown_anywhere(tmp_path: Path) -> None:
    settings = Settings.load({"CONSUL_HTTP_TOKEN": "sesame-open"})
    assert settings.consul_token is not None
    assert settings.consul_token.get_secret_value() == "sesame-open"
    assert "sesame" not in repr(settings) + repr(list(settings.shown()))
    assert "sesame" not in "".join(refused({"CONSUL_HTTP_TOKEN": "sesame open"}))
    assert "sesame" not in "".join(refused({"CONSUL_HTTP_ADDR": "http://me:sesame@host:1"}))
    file = tmp_path / "operator.toml"
    file.write_text("[consul]\ntoken = 5550123\n")
    with pytest.raises(SettingsError) as caught:
        Settings.load({}, config=file)
    assert "5550123" not in str(caught.value)


def test_of_token_and_token_file_the_later_source_counts_and_in_one_the_file() -> None:
    both = {"CONSUL_HTTP_TOKEN": "text", "CONSUL_HTTP_TOKEN_FILE": "/run/token"}
    settings = Settings.load(both)
    assert (settings.consul_token, settings.consul_token_file) == (None, Path("/run/token"))
    settings = Settings.load({"CONSUL_HTTP_TOKEN": "text"}, {"consul_token_file": "/run/flag"})
    assert (settings.consul_token, settings.consul_token_file) == (None, Path("/run/flag"))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0.0.0.0:9808", Address("0.0.0.0", 9808)),
        ("[::1]:80", Address("::1", 80)),
        (":9808", Address("", 9808)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert Settings.load({"SWARM_OPERATOR_LISTEN": text}).listen == address


@pytest.mark.parametrize(
    ("ours", "traefik"),
    [("traefik/ours", "traefik"), ("traefik-ops", "traefik"), ("ours", "ours/traefik")],
)
def test_neither_root_may_lie_in_the_other(ours: str, traefik: str) -> None:
    environment = {"SWARM_OPERATOR_ROOT": ours, "SWARM_OPERATOR_TRAEFIK_ROOT": traefik}
    (problem,) = refused(environment)
    assert "Traefik's root" in problem
    assert Settings.load({**environment, "SWARM_OPERATOR_TRAEFIK": "false"}).root == ours


def test_an_api_for_each_task_needs_the_service() -> None:
    environment = {"SWARM_OPERATOR_TRAEFIK_API": "http://{address}:8080/"}
    (problem,) = refused(environment)
    assert "SWARM_OPERATOR_TRAEFIK_SERVICE" in problem
    settings = Settings.load({**environment, "SWARM_OPERATOR_TRAEFIK_SERVICE": "edge_traefik"})
    assert settings.traefik_api == ("http://{address}:8080",)


def test_texts_of_traefiks_provider_that_cannot_be_read_are_refused() -> None:
    environment = {"SWARM_OPERATOR_TRAEFIK_CONSTRAINTS": "Label(`a`"}
    with pytest.raises(SettingsError) as caught:
        traefik_plan(Settings.load(environment))
    assert "the constraints" in str(caught.value.problems)
    plan = traefik_plan(Settings.load({"SWARM_OPERATOR_TRAEFIK_DRAIN": "250ms"}))
    assert (plan.root, plan.routes.drain_s, plan.api) == ("traefik", 0.25, ())
