"""`make run-cluster`: a real swarm with Consul and the operator, to play with until Ctrl-C."""

import contextlib
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from tests.cluster.harness.lab import Lab
from tests.cluster.harness.scenario import eventually
from tests.cluster.harness.standard_images import STANDARD
from tests.cluster.images import stand_ins

_CHECKOUT = Path(__file__).parents[2]
_READY = "http://127.0.0.1:9808/readyz"
_EXAMPLES = _CHECKOUT / "deploy" / "examples"


def main() -> int:
    """Returns the operator's exit code."""
    if os.geteuid() != 0:
        print(
            "a real swarm needs root; `make engines` installs what else it needs", file=sys.stderr
        )
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Lab.start(nodes=3, managers=1) as lab:
        lab.load_images(*STANDARD, *stand_ins.examples())
        lab.consul.start()
        environment = _environment(lab)
        _say(lab, environment)
        operator = _operator(environment)
        try:
            _wait_until_ready()
            _push_examples(environment)
            return _wait(operator)
        finally:
            operator.terminate()
            operator.wait(timeout=10)


def _environment(lab: Lab) -> Mapping[str, str]:
    """Where things are, as the tools' own variables say it; all of it leads into the lab."""
    return {
        "DOCKER_HOST": f"unix://{lab.manager.socket}",
        "CONSUL_HTTP_ADDR": urlsplit(lab.consul.url).netloc,
    }


def _say(lab: Lab, environment: Mapping[str, str]) -> None:
    print(f"3 nodes, Docker {lab.engine_version}, Consul; play with it from another terminal:\n")
    for name, value in environment.items():
        print(f"  export {name}={value}")
    print(
        "\n  docker node ls; docker stack ls\n"
        "  .venv/bin/swarm-operator status --watch\n"
        f"  .venv/bin/swarm-operator push {_EXAMPLES.relative_to(_CHECKOUT)}/voting-app\n\n"
        "Metrics: http://127.0.0.1:9808/metrics. Ctrl-C ends it all.\n",
        flush=True,
    )


def _operator(environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "swarm_operator", "run"]
    # A session of its own: Ctrl-C reaches it through us, after the terminal's other readers.
    return subprocess.Popen(command, env={**os.environ, **environment}, start_new_session=True)


def _wait_until_ready() -> None:
    """The first start makes the sentinel: a push before it would warn that nobody listens."""
    eventually(_is_ready, within=15, because="the operator is ready")


def _is_ready() -> bool:
    try:
        with urllib.request.urlopen(_READY, timeout=2) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


def _push_examples(environment: Mapping[str, str]) -> None:
    folders = sorted(str(path) for path in _EXAMPLES.iterdir() if path.is_dir())
    command = [sys.executable, "-m", "swarm_operator", "push", *folders]
    subprocess.run(command, env={**os.environ, **environment}, check=False)


def _wait(operator: subprocess.Popen[bytes]) -> int:
    with contextlib.suppress(KeyboardInterrupt):
        return operator.wait()
    operator.terminate()
    return operator.wait(timeout=10)


if __name__ == "__main__":
    sys.exit(main())
