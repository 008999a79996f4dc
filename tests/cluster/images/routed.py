"""The images of the tests of routes."""

from pathlib import Path

from tests.cluster.harness import traefik_binary
from tests.cluster.harness.images import Image
from tests.cluster.images import http_task, python_program

_SECOND_NS = 1_000_000_000


def http(tag: str = "1", *, healthcheck: bool = False) -> Image:
    """The server of `http_task`, as `lab/http:TAG`; VERSION is the tag."""
    test = ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1/healthz"]
    check = {"Test": test, "Interval": _SECOND_NS, "Timeout": _SECOND_NS, "Retries": 3}
    return Image(
        f"lab/http:{tag}",
        cmd=["python", "/app/http_task.py"],
        env={"VERSION": tag},
        files={
            **python_program.files(),
            "/app/http_task.py": Path(http_task.__file__).read_bytes(),
        },
        ports=["80"],
        healthcheck=check if healthcheck else None,
    )


TRAEFIK = Image("lab/traefik:1", entrypoint=["/bin/traefik"], ports=["80"])
"""Without the program, which is bound into the container: it is larger than all the rest."""


def traefik(tag: str = "v3.7") -> Image:
    """The real program under the name that `deploy/traefik` uses, as its image has it in PATH."""
    return Image(
        f"traefik:{tag}",
        cmd=["traefik"],
        files={"/usr/bin/traefik": traefik_binary.path(tag.removeprefix("v")).read_bytes()},
        ports=["80"],
    )
