"""The registry credentials of the daemon: a Docker `config.json` that is read again when it
changes."""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from swarm_operator.clients import docker_config
from swarm_operator.settings import SettingsError


class CredentialsFile:
    """Answers for an image with its `X-Registry-Auth`."""

    def __init__(
        self,
        path: Path,
        on_secret: Callable[[str], None] = lambda _text: None,
        on_warning: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """`on_secret` is told every header, so that none is logged; `on_warning` what of the file
        cannot be used. Raises SettingsError where nothing of it can.
        """
        self._path = path
        self._on_secret = on_secret
        self._on_warning = on_warning
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._credentials = docker_config.RegistryCredentials()
        self._read()

    def __call__(self, image: str) -> str | None:
        """The header's value; None where the file has nothing for the image's registry.

        A file that became unreadable or wrong meanwhile leaves what was read before.
        """
        with contextlib.suppress(SettingsError):
            self._read()
        return self._credentials.auth_for(image)

    def _read(self) -> None:
        with self._lock:
            try:
                stat = self._path.stat()
                seen = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
                if seen == self._seen:
                    return
                found = docker_config.parse(self._path.read_bytes())
            except OSError as error:
                raise self._wrong(f"cannot be read: {error.strerror}") from None
            except ValueError as error:
                raise self._wrong(str(error)) from None
            if found.warnings and not found.headers:
                raise self._wrong("; ".join(found.warnings))
            self._credentials, self._seen = found, seen
        for header in found.headers.values():
            self._on_secret(header)
        for warning in found.warnings:
            self._on_warning(f"registry_config {self._path}: {warning}")

    def _wrong(self, what: str) -> SettingsError:
        return SettingsError([f"registry_config {self._path}: {what}"])
