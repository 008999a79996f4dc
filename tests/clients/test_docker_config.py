"""Registry credentials come out of what `docker login` wrote."""

import base64
import json

import pytest

from swarm_operator.clients import docker_config


def decoded(header: str | None) -> dict[str, str]:
    assert header is not None
    found: dict[str, str] = json.loads(base64.urlsafe_b64decode(header))
    return found


def login(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


FILE = json.dumps(
    {
        "auths": {
            "https://index.docker.io/v1/": login("hubert:p:w"),
            # Some versions of the command line pad with NULs.
            "registry.example.org:5000": login("rita:geheim\0\0"),
            "https://ghcr.io": {"auth": "", "identitytoken": "tok"},
            "broken.example.org": {"auth": "???"},
            "empty.example.org": {},
        },
        "credsStore": "desktop",
    }
).encode()


def test_each_registry_has_its_own_login() -> None:
    credentials = docker_config.parse(FILE)
    assert decoded(credentials.auth_for("registry.example.org:5000/team/web:1")) == {
        "username": "rita",
        "password": "geheim",
        "serveraddress": "registry.example.org:5000",
    }
    assert decoded(credentials.auth_for("ghcr.io/x/y@sha256:0")) == {
        "identitytoken": "tok",
        "serveraddress": "ghcr.io",
    }
    assert credentials.auth_for("other.example.org/x") is None


@pytest.mark.parametrize("image", ["nginx", "nginx:1", "library/nginx", "docker.io/library/nginx"])
def test_short_names_are_those_of_docker_hub(image: str) -> None:
    found = decoded(docker_config.parse(FILE).auth_for(image))
    assert (found["username"], found["password"]) == ("hubert", "p:w")
    assert found["serveraddress"] == "https://index.docker.io/v1/"


def test_what_cannot_be_used_is_said_and_no_secret_shows() -> None:
    credentials = docker_config.parse(FILE)
    said = "; ".join(credentials.warnings)
    assert "broken.example.org" in said
    assert "empty.example.org" in said
    assert "credsStore" in said
    assert "geheim" not in repr(credentials) + said


@pytest.mark.parametrize("content", [b"geheim", b"[]", b'{"auths": []}', b"\xff"])
def test_another_file_is_refused_without_a_word_of_it(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"registry credentials") as caught:
        docker_config.parse(content)
    assert "geheim" not in str(caught.value)


def test_a_file_without_logins_is_fine() -> None:
    assert docker_config.parse(b"{}").auth_for("nginx") is None
