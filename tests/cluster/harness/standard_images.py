"""The images that most tests run."""

from tests.cluster.harness.images import Image

_SECOND_NS = 1_000_000_000
_HOSTNAME_PAGE = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nhostname\n"


def web(version: int) -> Image:
    """Serve the version at / and the container's host name at /cgi-bin/hostname, on port 80."""
    return Image(
        f"lab/web:{version}",
        cmd=["until-term", "httpd", "-f", "-p", "80", "-h", "/www"],
        files={"/www/index.html": f"v{version}\n", "/www/cgi-bin/hostname": _HOSTNAME_PAGE},
        ports=["80"],
    )


SLEEP = Image("lab/sleep:1", cmd=["until-term", "sleep", "2147483647"])
"""Does nothing, and ends at once on SIGTERM."""

CRASH = Image("lab/crash:1", cmd=["false"])
"""Ends at once with exit code 1."""

STUBBORN = Image("lab/stubborn:1", cmd=["sh", "-c", "trap '' TERM INT; while :; do sleep 60; done"])
"""Ignores SIGTERM, so that Swarm has to kill it after the stop grace period."""

SLOW = Image(
    "lab/slow:1",
    cmd=["until-term", "sh", "-c", 'sleep "$START_AFTER"; exec httpd -f -p 80 -h /www'],
    env={"START_AFTER": "3"},
    files={"/www/index.html": "slow\n"},
    ports=["80"],
    healthcheck={
        "Test": ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1/"],
        "Interval": _SECOND_NS,
        "Timeout": _SECOND_NS,
        "StartPeriod": 30 * _SECOND_NS,
        "Retries": 3,
    },
)
"""Serves on port 80 after START_AFTER seconds (3), and says so by its health check."""

STANDARD = (web(1), web(2), SLEEP, CRASH, STUBBORN, SLOW)
