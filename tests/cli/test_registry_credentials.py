"""The registry credentials of the daemon: a file that is read again when it changes."""

import base64
import json
import os
from pathlib import Path

import pytest

from swarm_operator.cli.registry_credentials import CredentialsFile
from swarm_operator.settings import SettingsError


def login(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


def user(header: str | None) -> str:
    assert header is not None
    return str(json.loads(base64.urlsafe_b64decode(header))["username"])


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    auths = {"quay.io": login("old:pass"), "https://index.docker.io/v1/": login("hub:pass")}
    return write(tmp_path / "config.json", {"auths": auths})


def test_an_image_gets_the_credentials_of_its_registry(file: Path) -> None:
    credentials = CredentialsFile(file)
    assert user(credentials("nginx")) == "hub"
    assert user(credentials("quay.io/a/b:1")) == "old"
    assert credentials("ghcr.io/a") is None


def test_a_changed_file_is_read_again_and_a_broken_one_keeps_the_last(file: Path) -> None:
    credentials = CredentialsFile(file)
    write(file, {"auths": {"quay.io": login("new:pass")}})
    os.utime(file, ns=(1, 1))
    assert user(credentials("quay.io/a")) == "new"
    file.write_text("{")
    assert user(credentials("quay.io/a")) == "new"
    file.unlink()
    assert user(credentials("quay.io/a")) == "new"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"auths": {"r.example": {"auth": "%%%"}}}, "no usable credentials for r.example"),
        ({"auths": {}, "credsStore": "pass"}, "credsStore"),
        ([], "no object `auths`"),
    ],
)
def test_a_file_of_which_nothing_can_be_used_is_refused(
    tmp_path: Path, document: object, said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        CredentialsFile(write(tmp_path / "config.json", document))
    assert said in str(caught.value)
    assert "config.json" in str(caught.value)


def test_what_of_a_file_cannot_be_used_is_warned_of_once(tmp_path: Path) -> None:
    auths = {"quay.io": login("me:pass"), "r.example": {}}
    warned: list[str] = []
    path = write(tmp_path / "config.json", {"auths": auths, "credsStore": "desktop"})
    credentials = CredentialsFile(path, on_warning=warned.append)
    assert user(credentials("quay.io/a")) == "me"
    assert len(warned) == 2
    assert "credsStore" in warned[0]
    assert "r.example" in warned[1]


def test_every_header_is_told_to_the_redaction(file: Path) -> None:
    told: list[str] = []
    credentials = CredentialsFile(file, told.append)
    assert credentials("nginx") in told
    assert len(told) == 2


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        CredentialsFile(tmp_path / "nope.json")
