"""A real image registry on a lab's client host, where only known users may read and write."""

import base64
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.cluster.harness import Image, Lab, paths
from tests.cluster.harness.host import ClientHost

NAME: Final = "docker-registry"
DOCKERD_OPTIONS: Final = ("--insecure-registry=10.0.0.0/8",)
"""Of engines that are to use it: it speaks plain HTTP, on a lab's own network."""
_PORT: Final = 5000

PASSWORDS: Final = {"first": "the-first-password", "second": "the-second-password"}
"""By user."""
_HTPASSWD: Final = """\
first:$2b$05$abcdefghijklmnopqrstuuk4kJ7J9/fpxqEzAqwriOqALOfbmL0N2
second:$2b$05$bcdefghijklmnopqrstuvuY5VlI/LJDB496Z8JHDQ/FmSiErp9riO
"""
"""The passwords as bcrypt writes them, the only form that the registry takes."""


class Registry:
    """`docker-registry` with the two users of `PASSWORDS`, for the time of a `with`."""

    def __init__(self, lab: Lab) -> None:
        """Raises FileNotFoundError where the program was not fetched."""
        if not paths.tool(NAME).exists():
            raise FileNotFoundError(f"missing: {NAME} (run {paths.INSTALLER})")
        self.lab = lab
        self._directory = lab.client.directory / "registry"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._directory.mkdir()
        passwords = self._directory / "htpasswd"
        passwords.write_text(_HTPASSWD, encoding="utf-8")
        configuration = self._directory / "config.json"  # JSON is YAML
        configuration.write_text(json.dumps(self._configuration(passwords)), encoding="utf-8")
        with (self._directory / "log").open("wb") as log:
            self._process = self.lab.client.popen(
                [paths.tool(NAME), "serve", configuration],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"},
            )
        self._wait_until_it_answers()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def address(self) -> str:
        """The first part of its images' names."""
        return f"{self._host.address}:{_PORT}"

    def image(self, tag: str) -> str:
        return f"{self.address}/lab/app:{tag}"

    def publish(self, tag: str) -> None:
        """Put an image there that runs for ever, and leave it on no node."""
        name = self.image(tag)
        made = Image(name, cmd=["until-term", "sleep", "2147483647"], files={"/tag": tag})
        node = self.lab.manager
        self.lab.load_images(made, on=[node])
        self.docker("first", "push", "--quiet", name)
        self.lab.docker_cli(node, "image", "rm", name, timeout=30)

    def docker(self, user: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run the docker command line on the manager as somebody who is logged in here."""
        directory = self._directory / user
        directory.mkdir(exist_ok=True)
        self.log_in(user, directory / "config.json")
        command = ("--config", directory, *arguments)
        return self.lab.docker_cli(self.lab.manager, *command, timeout=60)

    def log_in(self, user: str, config: Path) -> None:
        """Write a Docker `config.json` with a user's credentials, as `docker login` does."""
        login = base64.b64encode(f"{user}:{PASSWORDS[user]}".encode()).decode()
        written = config.with_suffix(".new")
        written.write_text(json.dumps({"auths": {self.address: {"auth": login}}}), encoding="utf-8")
        written.rename(config)

    @property
    def _host(self) -> ClientHost:
        return self.lab.client

    def _configuration(self, passwords: Path) -> dict[str, object]:
        return {
            "version": "0.1",
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(self._directory / "data")}},
            "http": {"addr": self.address},
            "auth": {"htpasswd": {"realm": "lab", "path": str(passwords)}},
        }

    def _wait_until_it_answers(self, within: float = 15) -> None:
        host, port = self.lab.forward(self._host.address, _PORT)
        deadline = time.monotonic() + within
        while True:
            try:
                with urllib.request.urlopen(f"http://{host}:{port}/v2/", timeout=2):
                    raise AssertionError("the registry lets everybody in")
            except urllib.error.HTTPError as error:
                error.close()
                if error.code == 401:
                    return
            except OSError:
                pass
            if time.monotonic() > deadline:
                log = (self._directory / "log").read_text(encoding="utf-8", errors="replace")
                raise TimeoutError(f"the registry does not answer; its log:\n{log[-2000:]}")
            time.sleep(0.05)
