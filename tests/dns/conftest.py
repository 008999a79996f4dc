"""Name servers for the tests of the providers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dns.name_server import NAMED, NameServer, is_here, name_server
from tests.needs import skip_for

ZONES = ("example.org", "other.net")


@pytest.fixture(scope="session")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameServer]:
    """One server for a whole run of tests; each works at names of its own."""
    skip_for(*([] if is_here() else [f"needs bind9 ({NAMED}); .ci/install-engines installs it"]))
    with name_server(tmp_path_factory.mktemp("named"), ZONES) as server:
        yield server


@pytest.fixture
def own_named(tmp_path: Path) -> Iterator[NameServer]:
    """A server that a test may stop."""
    skip_for(*([] if is_here() else [f"needs bind9 ({NAMED}); .ci/install-engines installs it"]))
    with name_server(tmp_path, ZONES) as server:
        yield server
