"""Name servers for the tests of the providers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dns.name_server import NAMED, NameServer, is_here, name_server

ZONES = ("example.org", "other.net")


def _require_bind9() -> None:
    # Not at the top: the mutants' copies have no tests/cluster, and these laws need no server.
    from tests.needs import skip_for  # noqa: PLC0415

    skip_for(*([] if is_here() else [f"needs bind9 ({NAMED}); .ci/install-engines installs it"]))


@pytest.fixture(scope="session")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameServer]:
    """One server for a whole run of tests; each works at names of its own."""
    _require_bind9()
    with name_server(tmp_path_factory.mktemp("named"), ZONES) as server:
        yield server


@pytest.fixture
def own_named(tmp_path: Path) -> Iterator[NameServer]:
    """A server that a test may stop."""
    _require_bind9()
    with name_server(tmp_path, ZONES) as server:
        yield server
