"""Stand-ins, by the same names, of the images that `deploy/` and its examples use.

Each listens on the real port, refuses to start without what the real image refuses to start
without, in its words, and keeps its data where the real image declares its volume. What they speak
on these ports is HTTP. At `/cgi-bin/starts` each one with a volume tells how often it was started
on it.
"""

import platform
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from tests.cluster.harness import paths
from tests.cluster.harness.images import Image

_SCRIPTS = Path(__file__).with_name("scripts")
_LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
_LIBRARIES = ("libc.so.6", "libpthread.so.0")


def _script(name: str) -> str:
    return (_SCRIPTS / name).read_text(encoding="utf-8")


def _program(name: str, cgi: Iterable[str] = ()) -> dict[str, str | bytes]:
    """Return the files of an image: its entrypoint, what all share, and its CGI scripts."""
    return {
        "/bin/entrypoint": _script(f"{name}.sh"),
        "/bin/serve": _script("serve.sh"),
        "/bin/fetch": _script("fetch.sh"),
        **{f"/www/cgi-bin/{page}": _script(f"{name}_{page}.sh") for page in cgi},
    }


def wordpress(tag: str = "6-apache") -> Image:
    return Image(
        f"wordpress:{tag}",
        entrypoint=["entrypoint"],
        cmd=["apache2-foreground"],
        env={"WORDPRESS_VERSION": tag},
        files=_program("wordpress", ["index.cgi", "starts"]),
        volumes=["/var/www/html"],
        ports=["80"],
    )


def mysql(tag: str = "8.4") -> Image:
    return Image(
        f"mysql:{tag}",
        entrypoint=["entrypoint"],
        cmd=["mysqld"],
        files=_program("mysql", ["index.cgi", "starts"]),
        volumes=["/var/lib/mysql"],
        ports=["3306"],
    )


def redis(tag: str = "7-alpine") -> Image:
    return Image(
        f"redis:{tag}",
        entrypoint=["entrypoint"],
        cmd=["redis-server"],
        files=_program("redis", ["push", "pop"]),
        volumes=["/data"],
        ports=["6379"],
        working_dir="/data",
    )


def postgres(tag: str = "16-alpine") -> Image:
    return Image(
        f"postgres:{tag}",
        entrypoint=["entrypoint"],
        cmd=["postgres"],
        files=_program("postgres", ["insert", "count", "starts"]),
        volumes=["/var/lib/postgresql/data"],
        ports=["5432"],
    )


def vote(tag: str = "before") -> Image:
    """Cats or dogs, and in `after` .NET or Java."""
    return Image(
        f"dockersamples/examplevotingapp_vote:{tag}",
        cmd=["entrypoint"],
        env={"STAND_IN_TAG": tag},
        files=_program("vote", ["index.cgi"]),
        ports=["80"],
    )


def result(tag: str = "before") -> Image:
    return Image(
        f"dockersamples/examplevotingapp_result:{tag}",
        cmd=["entrypoint"],
        env={"STAND_IN_TAG": tag},
        files=_program("result", ["index.cgi"]),
        ports=["80"],
    )


def worker(tag: str = "latest") -> Image:
    return Image(
        f"dockersamples/examplevotingapp_worker:{tag}",
        cmd=["entrypoint"],
        files=_program("worker"),
    )


def visualizer(tag: str = "stable") -> Image:
    return Image(
        f"dockersamples/visualizer:{tag}",
        cmd=["entrypoint"],
        files={**_program("visualizer"), "/www/index.html": "visualizer\n"},
        ports=["8080"],
    )


def registry(tag: str = "2") -> Image:
    return Image(
        f"registry:{tag}",
        entrypoint=["entrypoint"],
        cmd=["/etc/docker/registry/config.yml"],
        files={
            **_program("registry", ["starts"]),
            "/etc/docker/registry/config.yml": "version: 0.1\nhttp:\n  addr: :5000\n",
            "/www/index.html": "",
            "/www/v2/index.html": "{}\n",
        },
        volumes=["/var/lib/registry"],
        ports=["5000"],
    )


def nginx(tag: str = "1.28-alpine") -> Image:
    return Image(
        f"nginx:{tag}",
        entrypoint=["entrypoint"],
        cmd=["nginx", "-g", "daemon off;"],
        env={"NGINX_VERSION": tag},
        files={
            **_program("nginx"),
            "/etc/nginx/conf.d/default.conf": "server {\n  listen 80;\n}\n",
            "/usr/share/nginx/html/index.html": "Welcome to nginx!\n",
        },
        ports=["80"],
    )


def consul(tag: str = "1.22") -> Image:
    """The real program, of another version: Debian's; with the real image's entrypoint rules."""
    return Image(
        f"hashicorp/consul:{tag}",
        entrypoint=["entrypoint"],
        cmd=["agent", "-dev", "-client", "0.0.0.0"],
        files={
            "/bin/entrypoint": _script("consul.sh"),
            "/consul/config/.keep": "",
            **_dynamic_program("consul"),
        },
        volumes=["/consul/data"],
        ports=["8300", "8301", "8301/udp", "8302", "8302/udp", "8500", "8600", "8600/udp"],
    )


def prometheus(tag: str = "v3.5.0") -> Image:
    """The real program, of another version: Debian's."""
    return Image(
        f"prom/prometheus:{tag}",
        entrypoint=["prometheus"],
        cmd=["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"],
        files={
            "/etc/prometheus/prometheus.yml": "global: {}\n",
            **_dynamic_program("prometheus"),
        },
        volumes=["/prometheus"],
        ports=["9090"],
    )


@cache
def _dynamic_program(name: str) -> dict[str, str | bytes]:
    """Return one of the harness's fetched programs, with the C library that it needs.

    The image has no dynamic loader where the kernel looks for it: the command calls it itself.
    """
    folder = "/usr/bin/dynamic"
    loader = next(path for path in map(Path, _LOADERS) if path.exists())
    libraries = [Path("/lib", f"{platform.machine()}-linux-gnu", library) for library in _LIBRARIES]
    return {
        f"/bin/{name}": (
            f'#!/bin/sh\nexec {folder}/{loader.name} --library-path {folder} {folder}/{name} "$@"\n'
        ),
        f"{folder}/{name}": paths.tool(name).read_bytes(),
        f"{folder}/{loader.name}": loader.read_bytes(),
        **{f"{folder}/{path.name}": path.read_bytes() for path in libraries},
    }


def examples() -> list[Image]:
    """Return the stand-ins of everything that `deploy/examples` names, and of the tags that the
    tests change to."""
    return [
        *(wordpress(tag) for tag in ("6-apache", "6.8-apache")),
        mysql(),
        redis(),
        postgres(),
        *(make(tag) for make in (vote, result) for tag in ("before", "after")),
        worker(),
        visualizer(),
        registry(),
        *(nginx(tag) for tag in ("1.28-alpine", "1.29-alpine")),
    ]
