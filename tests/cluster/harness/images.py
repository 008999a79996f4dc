"""Container images made on the spot from static busybox: no registry, no network, milliseconds.

An image is described by a value and written as `docker save` would: a layer with busybox that all
share, and one with the image's own files.
"""

import hashlib
import io
import json
import platform
import shutil
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.cluster.harness import paths


@dataclass(frozen=True, slots=True)
class Image:
    """An image with busybox at /bin, and what its configuration says.

    `files` maps absolute paths to contents; those below /bin and /www/cgi-bin are executable.
    `healthcheck` is Docker's own object (durations in nanoseconds).
    """

    name: str
    cmd: Sequence[str] = ()
    entrypoint: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    volumes: Sequence[str] = ()
    ports: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    healthcheck: Mapping[str, object] | None = None
    user: str = ""
    working_dir: str = "/"

    @property
    def tag(self) -> str:
        """The name with a tag, as Docker completes it."""
        return self.name if ":" in self.name.rsplit("/", 1)[-1] else f"{self.name}:latest"


def archive(images: Iterable[Image]) -> bytes:
    """Return one archive of all these images, as `docker load` reads it."""
    output = io.BytesIO()
    manifest = []
    with tarfile.open(fileobj=output, mode="w") as tar:
        _add(tar, f"{_digest(_busybox_layer())}/layer.tar", _busybox_layer())
        for image in images:
            own = _layer(image.files)
            layers = [_busybox_layer(), own] if image.files else [_busybox_layer()]
            configuration = json.dumps(_configuration(image, layers)).encode()
            name = f"{_digest(configuration)}.json"
            _add(tar, name, configuration)
            if image.files:
                _add(tar, f"{_digest(own)}/layer.tar", own)
            manifest.append(
                {
                    "Config": name,
                    "RepoTags": [image.tag],
                    "Layers": [f"{_digest(layer)}/layer.tar" for layer in layers],
                }
            )
        _add(tar, "manifest.json", json.dumps(manifest).encode())
    return output.getvalue()


def _configuration(image: Image, layers: Sequence[bytes]) -> dict[str, object]:
    path = "PATH=/bin:/sbin:/usr/bin:/usr/sbin"
    config: dict[str, object] = {
        "Cmd": list(image.cmd) or None,
        "Entrypoint": list(image.entrypoint) or None,
        "Env": [path, *(f"{key}={value}" for key, value in image.env.items())],
        "Volumes": {volume: {} for volume in image.volumes} or None,
        "ExposedPorts": {p if "/" in p else f"{p}/tcp": {} for p in image.ports} or None,
        "Labels": dict(image.labels),
        "User": image.user,
        "WorkingDir": image.working_dir,
        **({"Healthcheck": dict(image.healthcheck)} if image.healthcheck else {}),
    }
    return {
        "architecture": _architecture(),
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_digest(x)}" for x in layers]},
        "history": [{"created_by": "swarm-operator tests"} for _ in layers],
    }


def _architecture() -> str:
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


@cache
def _busybox_layer() -> bytes:
    program = shutil.which("busybox", path=paths.SYSTEM_PATH)
    if program is None:
        raise FileNotFoundError(f"busybox is not installed: run {paths.INSTALLER}")
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as tar:
        for name in ("bin", "tmp", "etc", "var", "root"):
            _add_directory(tar, name, 0o1777 if name == "tmp" else 0o755)
        _add(tar, "bin/busybox", Path(program).read_bytes(), 0o755)
        for applet in _APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        _add(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
        _add(tar, "etc/group", b"root:x:0:\nnobody:x:65534:\n")
        _add(tar, "bin/until-term", _UNTIL_TERM, 0o755)
    return output.getvalue()


def _layer(files: Mapping[str, str | bytes]) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as tar:
        # bin/ is in the layer below, with its own mode.
        parents = {str(p) for f in files for p in Path(f.lstrip("/")).parents}
        for directory in sorted(parents - {".", "bin", "etc", "var", "root", "tmp"}):
            _add_directory(tar, directory, 0o755)
        for path, content in sorted(files.items()):
            data = content.encode() if isinstance(content, str) else content
            executable = path.startswith(("/bin/", "/usr/bin/", "/www/cgi-bin/"))
            _add(tar, path.lstrip("/"), data, 0o755 if executable else 0o644)
    return output.getvalue()


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(path)
    member.size, member.mode = len(content), mode
    tar.addfile(member, io.BytesIO(content))


def _add_directory(tar: tarfile.TarFile, path: str, mode: int) -> None:
    member = tarfile.TarInfo(path)
    member.type, member.mode = tarfile.DIRTYPE, mode
    tar.addfile(member)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


_APPLETS = [
    "sh",
    "ash",
    "sleep",
    "httpd",
    "cat",
    "echo",
    "wget",
    "ping",
    "true",
    "false",
    "nc",
    "hostname",
    "ls",
    "mkdir",
    "rm",
    "nslookup",
    "kill",
    "date",
    "env",
    "printf",
    "test",
    "id",
    "ip",
    "ps",
    "grep",
    "sed",
    "awk",
    "head",
    "tail",
    "touch",
    "chmod",
    "chown",
    "mv",
    "cp",
    "ln",
    "wc",
    "seq",
    "sort",
    "tr",
    "cut",
    "uname",
    "mount",
    "umount",
    "df",
    "du",
    "find",
    "stat",
    "vi",
    "xargs",
    "tee",
    "dd",
    "md5sum",
    "sha256sum",
]

# A program without a handler ignores SIGTERM when it is process 1, and would be stopped by SIGKILL
# after 10 seconds only.
_UNTIL_TERM = b"""#!/bin/sh
trap 'exit 0' TERM INT
"$@" &
wait $!
"""
