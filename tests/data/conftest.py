"""A server that misbehaves on demand, for the tests of transfers."""

from collections.abc import Iterator

import pytest
from unreliable_server import UnreliableServer


@pytest.fixture
def server() -> Iterator[UnreliableServer]:
    server = UnreliableServer()
    yield server
    server.close()
